"""The built pages, their generated types and their protocol's documentation say what the sources say."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from gateways.desk import frames as desk
from gateways.web.typescript import modules
from gateways.webchat import frames as webchat

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "gateways/desk/web"
SHARED = ROOT / "gateways/web/browser"
WIDGET = ROOT / "gateways/webchat/widget"
WIDGET_TOOLS = [PAGES / name for name in ("vite.widget.config.ts", "package-lock.json", "sources.ts")]
NODE_MODULES = PAGES / "node_modules"


def files(folder: Path) -> Iterator[Path]:
    """The files that a page is built from."""
    every = (path for path in folder.rglob("*") if path.is_file() and "node_modules" not in path.parts)
    return (path for path in every if not path.name.endswith(".test.ts"))


def sources_hash(folder: Path, extra: list[Path]) -> str:
    """The same as `gateways/desk/web/sources.ts` writes when it builds."""
    everything = [*files(folder), *(path for item in extra for path in (files(item) if item.is_dir() else [item]))]
    named = sorted((os.path.relpath(path, folder), path) for path in everything)
    digest = hashlib.sha256()
    for name, path in named:
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


@pytest.mark.parametrize(
    ("folder", "extra", "built"),
    [
        (PAGES, [SHARED], ROOT / "gateways/desk/static"),
        (WIDGET, [*WIDGET_TOOLS, SHARED], ROOT / "gateways/webchat/static"),
    ],
    ids=["desk", "widget"],
)
def test_built_pages_are_current(folder: Path, extra: list[Path], built: Path) -> None:
    """The committed pages are built from the committed sources; `make pages` builds them."""
    assert (built / "sources.sha256").read_text().strip() == sources_hash(folder, extra), "run `make pages` and commit"


def test_built_pages_are_complete() -> None:
    """Every file that the desk's page refers to is there, and the widget is one small script."""
    static = ROOT / "gateways/desk/static"
    page = (static / "index.html").read_text()
    wanted = [part for part in page.split('"') if part.startswith("./")]
    assert wanted, "the page refers to its scripts"
    assert [name for name in wanted if not (static / name).is_file()] == [], "these are missing"
    assert len((ROOT / "gateways/webchat/static/widget.js").read_bytes()) < 60_000, "the widget stays small"


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.parts[-4])
def test_generated_types_are_current(path: Path) -> None:
    """The pages' TypeScript types are those of the servers' frames."""
    assert path.read_text() == modules()[path], "run `python -m gateways.web.typescript` and commit"


@pytest.mark.parametrize(
    ("document", "unions"),
    [
        ("webchat-websocket.md", (webchat.PageFrames, webchat.ServerFrames)),
        ("desk-websocket.md", (desk.PageFrames, desk.ServerFrames)),
    ],
)
def test_every_frame_is_documented(document: str, unions: tuple[object, ...]) -> None:
    """The reference names every frame, and no frame that does not exist."""
    text = (ROOT / "docs/reference" / document).read_text()
    tags = {frame.__struct_config__.tag for union in unions for frame in get_args(union)}
    described = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert described == tags, "each frame has a row in a table of the reference"


def test_page_units() -> None:
    """The pages' own unit tests pass, where node and its packages are."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("node is not on this machine; the pages' unit tests need it")
    if not (NODE_MODULES / ".bin/vitest").exists():
        pytest.skip("the pages' packages are not installed: run `make pages`")
    ran = subprocess.run([npm, "test", "--silent"], cwd=PAGES, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
