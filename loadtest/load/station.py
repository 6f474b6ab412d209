"""Where a part and the conductor meet: the part tells how far it is, and hears when to begin, leave and stop.

conductor: (all ready) begin at … -> (all finished) leave -> (all quiet) stop -> reads results
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from loadtest.load.part import Part
from loadtest.load.plan import CONTROL, read_json, write_json

LOOK_EVERY_MS: Final = 100.0
TELL_EVERY_MS: Final = 500.0


class Station:
    """One part's side of it; its driver calls `look` often."""

    def __init__(self, part: Part, directory: Path) -> None:
        self._part = part
        self._directory = directory
        self._look_at = self._tell_at = 0.0
        self._state = ""
        #: The conductor said stop.
        self.stopped = False

    def look(self, now: float) -> None:
        """Hear and tell, as far as it is time."""
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_MS
        self._hear(now)
        if now >= self._tell_at:
            self._tell_at = now + TELL_EVERY_MS
            write_json(self._directory / f"progress-{self._part.name}.json", {"state": self._state, **self._part.progress()})

    def close(self) -> None:
        """Leave the results."""
        self._part.spool.close()
        write_json(self._directory / f"result-{self._part.name}.json", self._part.result())

    def _hear(self, now: float) -> None:
        said = read_json(self._directory / CONTROL)
        if said is None or said["state"] == self._state:
            return
        self._state = said["state"]
        match self._state:
            case "begin":
                self._part.begin(said["at"])
            case "leave":
                self._part.leave(now)
            case "stop":
                self.stopped = True
