"""Generates the Python modules beside the .proto files: ``python -m proto.generate [--check]``.

``--check`` generates into a temporary folder and compares, so that a build fails when someone edited one and not the
other. Needs the development requirements (grpcio-tools, mypy-protobuf).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")


class GenerationFailedError(Exception):
    """protoc refused a file, or a generated module differs from its source."""


def proto_files(root: Path = ROOT) -> list[str]:
    """Return every source file below ``proto/v1`` as a path relative to the root, sorted."""
    return sorted(path.relative_to(root).as_posix() for path in (root / "proto" / "v1").glob("*.proto"))


def generate(target: Path, root: Path = ROOT) -> None:
    """Run protoc on every source file; modules land in ``target/proto/v1``.

    Raises:
        GenerationFailedError: protoc refused a file; its own words are in the message.
    """
    well_known = resources.files("grpc_tools") / "_proto"
    programs = Path(sys.executable).parent
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", ".", "-I", str(well_known)]
    command += [f"--plugin=protoc-gen-{name}={programs / f'protoc-gen-{name}'}" for name in ("mypy", "mypy_grpc")]
    command += [f"--{kind}_out={target}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    result = subprocess.run([*command, *proto_files(root)], cwd=root, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise GenerationFailedError(result.stderr.strip())


def generated_modules(folder: Path) -> dict[str, str]:
    """Return the generated modules of a folder by name."""
    names = sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIXES))
    return {path.name: path.read_text() for path in names}


def check(root: Path = ROOT) -> None:
    """Compare what is in the tree with what the sources generate.

    Raises:
        GenerationFailedError: names the modules that differ, are missing or have no source.
    """
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), root)
        expected = generated_modules(Path(folder) / "proto" / "v1")
    found = generated_modules(root / "proto" / "v1")
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        raise GenerationFailedError(f"run python -m proto.generate; out of date: {', '.join(wrong)}")


def main() -> int:
    """Command line entry; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m proto.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; fail when a module is out of date")
    arguments = parser.parse_args()
    try:
        if arguments.check:
            check()
        else:
            generate(ROOT)
    except GenerationFailedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
