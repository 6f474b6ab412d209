"""Generates the Python code beside each .proto file, the same bytes every time.

`python protos/generate.py` writes it; `--check` writes nothing and fails if what is committed differs, which is how
drift is found. The versions of the generators are pinned by the lock file. `--baseline` records the contracts as they
are, so that later changes are checked for compatibility against them; do it at each release.
"""

from __future__ import annotations

import argparse
import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BASELINE = HERE / "baseline.binpb"
#: Packages need a docstring like every module does, so their `__init__.py` files are generated too.
PACKAGE = '"""Generated from the .proto files of this folder by `make protos`; do not edit."""\n'


def sources() -> list[Path]:
    """Every .proto file, relative to this folder."""
    return sorted(path.relative_to(HERE) for path in HERE.glob("trunkline/**/*.proto"))


def generate(target: Path) -> None:
    """Write all generated files below `target`.

    Raises:
        subprocess.CalledProcessError: a .proto file does not compile.
    """
    import grpc_tools  # type: ignore[import-untyped]  # only where the generators are installed

    include = Path(grpc_tools.__file__).parent / "_proto"
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{HERE}", f"-I{include}"]
    # protoc finds its plugins on PATH; the ones of this interpreter's environment must win.
    scripts = Path(sys.executable).parent
    plugins = [f"--plugin=protoc-gen-{name}={scripts / f'protoc-gen-{name}'}" for name in ("mypy", "mypy_grpc")]
    every = [str(path) for path in sources()]
    with_service = [str(path) for path in sources() if "\nservice " in (HERE / path).read_text()]
    subprocess.run([*protoc, *plugins, f"--python_out={target}", f"--mypy_out=quiet:{target}", *every], check=True)
    subprocess.run(
        [*protoc, *plugins, f"--grpc_python_out={target}", f"--mypy_grpc_out=quiet:{target}", *with_service], check=True
    )
    for folder in {parent for path in sources() for parent in path.parents} - {Path()}:
        (target / folder / "__init__.py").write_text(PACKAGE)


def generated(root: Path) -> set[Path]:
    """Every generated file below `root`, relative to it."""
    patterns = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi", "__init__.py")
    return {path.relative_to(root) for pattern in patterns for path in root.glob(f"trunkline/**/{pattern}")}


def drift() -> list[str]:
    """What differs between the committed code and a fresh generation, one line each."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        wanted, present = generated(fresh), generated(HERE)
        lines = [f"missing: {path}" for path in sorted(wanted - present)]
        lines += [f"left over: {path}" for path in sorted(present - wanted)]
        both = sorted(wanted & present)
        return lines + [f"differs: {path}" for path in both if not filecmp.cmp(fresh / path, HERE / path, shallow=False)]


def main() -> int:
    """Run as a script; the exit status is 1 if `--check` found drift."""
    parser = argparse.ArgumentParser(description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="write nothing; fail if the committed code differs")
    choice.add_argument("--baseline", action="store_true", help="record the contracts that later ones must be compatible with")
    arguments = parser.parse_args()
    if arguments.check:
        differences = drift()
        print("\n".join([*differences, "run `make protos` and commit the result"]) if differences else "no drift")
        return 1 if differences else 0
    if arguments.baseline:
        buf = Path(sys.executable).parent / "buf"
        subprocess.run([buf, "build", HERE, "--exclude-source-info", "-o", BASELINE], check=True)
        return 0
    for path in generated(HERE):
        (HERE / path).unlink()
    generate(HERE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
