"""Pickles are disassembled within bounds, and what they import is named."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import pytest
from lint_releases import write

from manifest.errors import UndecidedError
from manifest.readers.pickles import MAX_BYTES, scan_pickle
from manifest.sources.directory import DirectorySource

pytest.importorskip("picklescan")

SYSTEM = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."
LONG_TEXT = b"X\x00\x00\x10\x00" + bytes(2**20)  # one opcode: a million of them take seconds
TENSORS = pickle.dumps({"layer": [0.5] * 100, "step": 7}, protocol=2)


def archive(*entries: tuple[str, bytes], packed: bool = False) -> bytes:
    held = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(held, "w", method) as file:
        for name, data in entries:
            file.writestr(name, data)
    return held.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("model.pkl", SYSTEM, id="pickle"),
        pytest.param("model.pkl", TENSORS + SYSTEM, id="second of two pickles"),
        pytest.param("model.pkl", SYSTEM[:-1], id="without its end"),
        pytest.param("pytorch_model.bin", archive(("m/data.pkl", SYSTEM)), id="archive"),
        pytest.param(
            "pytorch_model.bin", archive(("m/data.pkl", SYSTEM), packed=True), id="packed archive"
        ),
        pytest.param(
            "pytorch_model.bin",
            archive(("m/data.pkl", TENSORS), ("m/data/0", SYSTEM)),
            id="in a tensor's place",
        ),
        pytest.param(
            "pytorch_model.bin",
            archive(*((f"m/data/{i}", bytes(9000)) for i in range(900)), ("m/data.pkl", SYSTEM)),
            id="behind nine hundred tensors",
        ),
        pytest.param("m.pt", SYSTEM, id="no archive by an archive's name"),
    ],
)
def test_danger_is_named(name: str, data: bytes, tmp_path: Path) -> None:
    source = DirectorySource(write(tmp_path / "r", {name: data}))
    assert scan_pickle(source, name).dangerous == ("os.system",)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("model.pkl", TENSORS, id="pickle"),
        pytest.param(
            "model.pt", archive(("m/data.pkl", TENSORS), ("m/data/0", bytes(99))), id="zip"
        ),
    ],
)
def test_numbers_are_no_danger(name: str, data: bytes, tmp_path: Path) -> None:
    source = DirectorySource(write(tmp_path / "r", {name: data}))
    found = scan_pickle(source, name)
    assert (found.dangerous, found.suspicious) == ((), ())


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("m.pkl", b"\x80\x02" + LONG_TEXT * 5 + b".", id="too long"),
        pytest.param("m.pt", archive(("m/a", bytes(MAX_BYTES + 1)), packed=True), id="zip bomb"),
        pytest.param("m.pt", archive(("m/data.pkl", bytes(MAX_BYTES + 1))), id="long in a zip"),
    ],
)
def test_beyond_the_bounds_nothing_is_said(name: str, data: bytes, tmp_path: Path) -> None:
    source = DirectorySource(write(tmp_path / "r", {name: data}))
    with pytest.raises(UndecidedError):
        scan_pickle(source, name)
