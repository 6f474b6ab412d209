"""What every process of one cluster must agree on, small enough to be handed to each as it starts."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from actors.address import Placement
from cluster.admission import AdmissionOptions
from cluster.archive.base import ArchiveOptions
from cluster.catalogue import Catalogue, load_catalogue
from cluster.host.host import HostOptions
from cluster.supervisor.supervisor import SupervisorOptions


def new_incarnation() -> str:
    """A name for one life of a process."""
    return uuid.uuid4().hex[:12]


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """One cluster. `shards` and `pinned_kinds` decide where stored state is found, so they never change."""

    name: str
    store_url: str
    shards: int = 32
    pinned_kinds: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    hosts: HostOptions = field(default_factory=HostOptions)
    supervisor: SupervisorOptions = field(default_factory=SupervisorOptions)
    admission: AdmissionOptions = field(default_factory=AdmissionOptions)
    log_level: str = "INFO"
    #: Names this run of the cluster; another one each time that it is brought up.
    run: str = field(default_factory=new_incarnation)
    #: CPUs that each host reserves in Ray.
    host_cpus: float = 0
    #: What becomes of old journal entries.
    archive: ArchiveOptions = field(default_factory=ArchiveOptions)

    def placement(self) -> Placement:
        return Placement(self.shards, self.pinned_kinds)

    def catalogue(self) -> Catalogue:
        """Load every actor kind; raises `StartupFailed` for a plug-in that cannot be used."""
        return load_catalogue(self.plugins)
