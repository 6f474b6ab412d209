"""The layout file serves Ray and Trunkline, and every mistake in it is placed."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml

from cluster.config.layout import LayoutModel
from cluster.config.layout_file import Layout, find_layout_file, packaged_layout_file
from cluster.config.problems import ConfigProblems

SHIPPED = packaged_layout_file()


def written(path: Path, section: str) -> Path:
    """A layout file with this text under `metadata.trunkline`, from line 3 on."""
    file = path / "layout.yaml"
    file.write_text("metadata:\n  trunkline:\n" + "".join(f"    {line}\n" for line in section.splitlines()), encoding="utf-8")
    return file


def told(
    path: Path, section: str = "", env: dict[str, str] | None = None, overrides: dict[str, str] | None = None
) -> list[str]:
    """The errors of a layout, without the directory of its file."""
    try:
        Layout.load(written(path, section), overrides, env or {})
    except ConfigProblems as error:
        return [str(problem).replace(f"{path}/", "") for problem in error.problems]
    return []


def test_ray_accepts_the_shipped_file() -> None:
    """Ray's own schema accepts the file as it is, with our section in `metadata`."""
    schema = json.loads(files("ray.autoscaler").joinpath("ray-schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(SHIPPED.read_text(encoding="utf-8")), schema)


def test_rays_launcher_prepares_the_shipped_file() -> None:
    """What `ray up` does before it reaches for ssh succeeds, and our section reaches the head node unchanged."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    prepared = prepare_config(config)
    validate_config(prepared)
    assert config["metadata"] == prepared["metadata"], "the layout must travel in the bootstrap file"


def test_the_shipped_file_means_the_defaults() -> None:
    """The shipped layout is complete and without warnings."""
    layout = Layout.load(SHIPPED, env={})
    assert [] == layout.warnings, "the defaults are safe"
    assert ["gateway-1 127.0.0.1:7350", "webchat 127.0.0.1:7380", "desk 127.0.0.1:7390", "metrics 127.0.0.1:9464"] == [
        f"{owner} {address}" for owner, _, address in layout.settings.listeners()
    ], "the documented ports"
    assert ("embedded", "always", 16, 1, 1) == (
        layout.settings.store.url,
        layout.settings.store.fsync,
        layout.settings.shards,
        layout.settings.hosts.count,
        layout.settings.hosts.spares,
    ), "durable, a host and a spare"
    assert layout.centre_path is None, "the sample"


def test_an_empty_section_takes_every_default(tmp_path: Path) -> None:
    """`trunkline: {}` and an empty `trunkline:` are the defaults of the model."""
    assert LayoutModel() == Layout.load(written(tmp_path, "{}"), env={}).settings, "nothing is required"
    assert LayoutModel() == Layout.load(written(tmp_path, ""), env={}).settings, "not even braces"


ERRORS = {
    "unknown setting": ("shard: 8", "layout.yaml:3:5: metadata.trunkline.shard: no such setting; did you mean `shards`?"),
    "wrong type": (
        "hosts: {count: two}",
        "layout.yaml:3:20: metadata.trunkline.hosts.count: must be a whole number, not `two`; write 2",
    ),
    "wrong choice": (
        "runtime: threads",
        "layout.yaml:3:14: metadata.trunkline.runtime: `threads` is not one of the choices; write one of ray, process",
    ),
    "no address": (
        "gateways:\n- {name: g, listen: localhost}",
        "layout.yaml:4:25: metadata.trunkline.gateways[0].listen[0]: `localhost` is not an address; "
        "write host:port, like 127.0.0.1:7350; port 0 takes a free one",
    ),
    "no import path": (
        "gateways:\n- {name: g, factory: gateways.server}",
        "layout.yaml:4:26: metadata.trunkline.gateways[0].factory: `gateways.server` is not an import path; "
        "write module:name, like gateways.server.factory:open_gateway",
    ),
    "no machine": (
        "ray: {address: auto}\ngateways:\n- {name: g, node: node one}",
        "layout.yaml:5:23: metadata.trunkline.gateways[0].node: `node one` is not a machine's address; "
        "write it as `ray list nodes` does, like 10.0.0.11",
    ),
    "no other machine": (
        "gateways:\n- {name: g, node: 10.0.0.11}",
        "layout.yaml:4:23: metadata.trunkline.gateways[0].node: there is no other machine: this layout starts everything on "
        "one; leave `node` out, or write `ray: {address: auto}`",
    ),
    "no module": (
        "programs:\n- {name: w, module: gateways/webchat}",
        "layout.yaml:4:25: metadata.trunkline.programs[0].module: `gateways/webchat` is not a module; "
        "write a dotted name, like gateways.webchat",
    ),
    "unknown gateway": (
        "programs:\n- {name: w, module: m, gateway: gateway-2}",
        "layout.yaml:4:37: metadata.trunkline.programs[0].gateway: there is no gateway `gateway-2`; did you mean `gateway-1`?",
    ),
    "same name": (
        "programs:\n- {name: w, module: m}\n- {name: w, module: m}",
        "layout.yaml:5:14: metadata.trunkline.programs[1].name: another one is called `w`; rename one of them",
    ),
    "same port": (
        "programs:\n- {name: w, module: m, listen: 127.0.0.1:7350}",
        "layout.yaml:4:36: metadata.trunkline.programs[0].listen: `gateway-1` listens on 127.0.0.1:7350 already; "
        "give one of them another port",
    ),
    "odd flag": (
        "programs:\n- {name: w, module: m, args: {Title: x}}",
        "layout.yaml:4:34: metadata.trunkline.programs[0].args: `Title` cannot become a flag; "
        "write lower-case-name: text, a number, true, or a list of texts",
    ),
    "unknown kind": (
        "pinned_kinds: [session, agnet]",
        "layout.yaml:3:29: metadata.trunkline.pinned_kinds[1]: there is no actor kind `agnet`; did you mean `agent`?",
    ),
    "no store": (
        "store: {url: hunter2}",
        "layout.yaml:3:18: metadata.trunkline.store.url: is not a store URL; "
        "write `embedded`, or a URL such as redis://10.0.0.5:6379/0",
    ),
    "no port for TCP": (
        "store: {over_tcp: true}",
        "layout.yaml:3:23: metadata.trunkline.store.over_tcp: the embedded store has no port; give `store.port` a free one",
    ),
    "memory on Ray": (
        "store: {url: memory}",
        "layout.yaml:3:18: metadata.trunkline.store.url: `memory` cannot be shared by processes; "
        "write `embedded`, or `runtime: process`",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_the_line(tmp_path: Path, name: str) -> None:
    """Each mistake gets one error with its line, its column and advice."""
    section, expected = ERRORS[name]
    assert [expected] == told(tmp_path, section), f"{name} must be explained"


def test_a_file_without_the_section(tmp_path: Path) -> None:
    """A launcher file that is only Ray's does not silently run on defaults."""
    file = tmp_path / "layout.yaml"
    file.write_text("cluster_name: x\n", encoding="utf-8")
    with pytest.raises(ConfigProblems) as caught:
        Layout.load(file, env={})
    assert "has no `metadata.trunkline` section; add `metadata:`" in str(caught.value), "what to add must be said"


def test_variables_and_flags_come_before_the_file(tmp_path: Path) -> None:
    """A flag wins over a variable, a variable over the file, and items of lists can be reached."""
    file = written(tmp_path, "hosts: {count: 2}\ngateways:\n- {name: g}")
    env = {"TRUNKLINE_HOSTS__COUNT": "3", "TRUNKLINE_HOSTS__SPARES": "0", "TRUNKLINE_GATEWAY": "unrelated", "PATH": "/bin"}
    layout = Layout.load(file, {"hosts.count": "4", "gateways[0].listen": "127.0.0.1:0", "store.fsync": "everysec"}, env)
    assert (4, 0, ["127.0.0.1:0"], "everysec") == (
        layout.settings.hosts.count,
        layout.settings.hosts.spares,
        layout.settings.gateways[0].listen,
        layout.settings.store.fsync,
    ), "each source must reach its setting"
    assert ["store.fsync is everysec: a power loss can lose what was accepted just before"] == layout.warnings, "said aloud"


def test_errors_of_variables_and_flags_name_them(tmp_path: Path) -> None:
    """A wrong variable or flag is named in place of a line."""
    env = {"TRUNKLINE_SHARDS": "many"}
    expected = ["TRUNKLINE_SHARDS: metadata.trunkline.shards: must be a whole number, not `many`; write 16"]
    assert expected == told(tmp_path, env=env), "the variable is the place"
    overrides = {"host.count": "1", "programs.3.name": "x", "store": "[x"}
    assert [
        "--set host.count: there is no setting `host`; did you mean `hosts`?",
        "--set programs.3.name: no such place in the layout; name a setting of the file, such as gateways.0.listen",
        "--set store: a list in brackets is not closed; separate its items with `,` and end it with `]`",
    ] == told(tmp_path, overrides=overrides), "the flag is the place"


def test_paths_count_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths count from the layout's directory; the packaged layout counts from the working directory."""
    file = written(tmp_path, "run_dir: run\ncentre: my/centre.yaml\nstore: {data_dir: /var/data}")
    layout = Layout.load(file, env={})
    assert (tmp_path / "run", tmp_path / "my/centre.yaml", Path("/var/data")) == (
        layout.run_path,
        layout.centre_path,
        layout.data_path,
    ), "relative and absolute paths"
    monkeypatch.chdir(tmp_path)
    assert tmp_path / ".trunkline" == Layout.load(SHIPPED, env={}).run_path, "never inside the installed package"


def test_which_file_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag, the variable, the file here, the packaged file: in this order."""
    monkeypatch.chdir(tmp_path)
    assert SHIPPED == find_layout_file(None, {}), "nothing else is there"
    (tmp_path / "ray_config.yaml").touch()
    assert Path("ray_config.yaml") == find_layout_file(None, {}), "the file here"
    assert Path("b.yaml") == find_layout_file(None, {"TRUNKLINE_LAYOUT": "b.yaml"}), "the variable"
    assert Path("a.yaml") == find_layout_file("a.yaml", {"TRUNKLINE_LAYOUT": "b.yaml"}), "the flag"


def test_programs_become_command_lines(tmp_path: Path) -> None:
    """`listen` and `args` become flags."""
    args = "{title: My Bank, dark: true, old: false, lang: [en, zh], n: 3}"
    section = f"programs:\n- {{name: w, module: m, listen: 127.0.0.1:0, args: {args}}}"
    program = Layout.load(written(tmp_path, section), env={}).settings.programs[0]
    expected = ["--listen", "127.0.0.1:0", "--title", "My Bank", "--dark", "--lang", "en", "--lang", "zh", "--n", "3"]
    assert expected == program.flags(), "text, switches and lists"


def test_warnings(tmp_path: Path) -> None:
    """An open listener without TLS, and an embedded store on a cluster of machines, are said aloud."""
    section = "ray: {address: auto}\ngateways:\n- {name: g, listen: '0.0.0.0:7350'}"
    found = Layout.load(written(tmp_path, section), env={}).warnings
    assert ["0.0.0.0:7350 without TLS" in found[0], "one machine only" in found[1], len(found)] == [True, True, 2], "both"
