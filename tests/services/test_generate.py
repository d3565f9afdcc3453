"""The generated modules belong to the .proto files beside them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from proto.generate import ROOT, GenerationFailedError, check, proto_files


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of one source and its modules, to be spoiled."""
    (tmp_path / "proto" / "v1").mkdir(parents=True)
    for path in (ROOT / "proto" / "v1").glob("common*"):
        shutil.copy(path, tmp_path / "proto" / "v1" / path.name)
    return tmp_path


def test_modules_in_the_tree_are_up_to_date() -> None:
    assert "proto/v1/prover.proto" in proto_files()
    check()


def test_untouched_copy_passes(copy: Path) -> None:
    check(copy)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda v1: append(v1 / "common.proto", "message Later { bytes x = 1; }\n"), "common_pb2.py"),
        (lambda v1: append(v1 / "common_pb2.py", "# edited\n"), "common_pb2.py"),
        (lambda v1: (v1 / "common_pb2_grpc.pyi").unlink(), "common_pb2_grpc.pyi"),
        (lambda v1: (v1 / "orphan_pb2.py").write_text(""), "orphan_pb2.py"),
        (lambda v1: append(v1 / "common.proto", "message {\n"), "common.proto"),
    ],
)
def test_module_that_differs_is_named(copy: Path, spoil: Callable[[Path], object], named: str) -> None:
    spoil(copy / "proto" / "v1")
    with pytest.raises(GenerationFailedError, match=named):
        check(copy)
