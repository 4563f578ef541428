"""Files made to pass for evidence, each beside the honest file that it imitates."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path

import pytest
from lint_releases import safetensors, write

from manifest.lint.content import Inspection, inspect
from manifest.sources.directory import DirectorySource

WEIGHTS = "model-parameters-final"


def look(root: Path, kind: str, files: dict[str, str | bytes]) -> Inspection:
    source = DirectorySource(write(root / "r", files))
    return inspect(source, kind, source.files)


TRAIN = """
def train(pairs, rate):
    weight = 0.0
    for x, y in pairs:
        loss = weight * x - y
        weight -= rate * loss * x
        rate *= 1 - abs(loss)
    return weight

print(train(load(), 0.1))
"""

# Code that only looks like code: what it is, and what is said of it.
STUBS = {
    "pass": "def train(loss):\n    pass\n" * 6,
    "a loop over nothing": (
        "for loss in ():\n    step = loss * 2\n    step = step + loss\n    step = fit(step)\n" * 3
        + "def train():\n    pass\n"
    ),
    "range(0)": "for i in range(0):\n    loss = f(i)\n    loss = g(loss)\n    h(loss)\n    k(i)\n"
    * 2,
    "if False": (
        "def train(x):\n    if False:\n        loss = x * 2\n        loss = loss + x\n"
        "        loss = f(loss)\n        return loss\n    return x\na = 1\nb = 2\n"
    ),
    "while 0": "while 0:\n    loss = f(x)\n    loss = g(loss)\n    loss = h(loss)\n    fit(loss)\n"
    * 2,
    "behind a return": (
        "def train(x):\n    return x\n    loss = x * 2\n    loss = f(loss)\n    loss = g(loss)\n"
        "    return h(loss)\na = 1\nb = 2\nc = 3\n"
    ),
    "constants": "def train():\n    loss = 1\n    step = 2\n    fit = 3\n    epoch = 1 + 1\n    grad = -5\n",
    "calls of nothing": "def fit():\n    pass\nfor i in (1, 2):\n    fit()\n    fit()\n    fit()\n    fit()\n",
    "words printed": "def a():\n" + '    print("the loss", "falls")\n' * 8,
    "not implemented": "def fit(loss):\n    raise NotImplementedError(loss.grad())\n" * 6,
    "another name than main": "if __name__ == 'never':\n" + "    fit(loss)\n    step(loss)\n" * 6,
    "ellipsis": "class Trainer:\n    def fit(self, loss): ...\n    def step(self): ...\n" * 4,
}


@pytest.mark.parametrize("what", STUBS)
def test_code_that_does_nothing_is_no_code(what: str, tmp_path: Path) -> None:
    found = look(tmp_path, "training-code", {"train.py": STUBS[what]})
    assert not found.accepted
    assert found.refused


def test_code_that_trains_is(tmp_path: Path) -> None:
    assert look(tmp_path, "training-code", {"train.py": TRAIN}).passes


def test_a_script_that_calls_nothing_of_its_own_is_left_open(tmp_path: Path) -> None:
    text = TRAIN.replace(
        "print(train(load(), 0.1))", 'if __name__ == "__main__":\n    print("done")'
    )
    found = look(tmp_path, "training-code", {"train.py": text})
    assert not found.accepted
    assert "runs nothing of the functions" in str(found.unread[0])


def test_a_library_need_not_call_itself(tmp_path: Path) -> None:
    text = TRAIN.replace("print(train(load(), 0.1))", "")
    assert look(tmp_path, "training-code", {"train.py": text}).passes


ONE = '{"step": 1, "loss": 2.5}\n'
LOGS = {
    "one step": ONE * 5,
    "one loss": "".join(f'{{"step": {n}, "loss": 1.0}}\n' for n in range(9)),
    "backwards": "".join(f'{{"step": {9 - n}, "loss": {n}.5}}\n' for n in range(9)),
    "no numbers": "".join(f'{{"step": {n}, "loss": NaN}}\n' for n in range(9)),
    "words": "".join(f'{{"step": "{n}", "loss": "low"}}\n' for n in range(9)),
}


@pytest.mark.parametrize("what", LOGS)
def test_a_log_of_no_training(what: str, tmp_path: Path) -> None:
    assert look(tmp_path, "training-logs", {"log.jsonl": LOGS[what]}).refused


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([(1, 3.0), (2, 2.0), (3, 2.5)], id="plain"),
        pytest.param([(1, 3.0), (2, float("nan")), (3, 2.5)], id="a spike"),
        pytest.param([(1, 3.0), (2, 2.0), (3, 1.9), (2, 2.1), (3, 1.8), (4, 1.7)], id="a restart"),
        pytest.param([(1, 3.0), (1, 3.1), (2, 2.5), (2, 2.6)], id="two losses a step"),
    ],
)
def test_a_log_of_a_training(rows: list[tuple[int, float]], tmp_path: Path) -> None:
    text = "".join(json.dumps({"step": s, "loss": x}) + "\n" for s, x in rows)
    assert look(tmp_path, "training-logs", {"log.jsonl": text}).passes


def event(step: int, loss: float) -> bytes:
    value = b"\x0a\x04loss" + b"\x15" + struct.pack("<f", loss)
    summary = b"\x0a" + bytes([len(value)]) + value
    return b"\x10" + bytes([step]) + b"\x2a" + bytes([len(summary)]) + summary


def record(data: bytes) -> bytes:
    """A record of a log of events, with the checksums of its format computed bit by bit."""

    def masked(part: bytes) -> bytes:
        crc = 0xFFFFFFFF
        for byte in part:
            crc ^= byte
            for _ in range(8):
                crc = (crc >> 1) ^ (0x82F63B78 * (crc & 1))
        crc ^= 0xFFFFFFFF
        return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)

    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


EVENTS = b"".join(record(event(n, 3.0 / (n + 1))) for n in range(5))
EVENT_NAME = "events.out.tfevents.1.host"


def test_events_of_a_training(tmp_path: Path) -> None:
    assert look(tmp_path, "training-logs", {EVENT_NAME: EVENTS}).passes


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x01\x02\x03 anything", id="no record"),
        pytest.param(EVENTS[:9] + b"\0" + EVENTS[10:], id="checksum of a length"),
        pytest.param(EVENTS[:20] + b"x" + EVENTS[21:], id="checksum of the data"),
        pytest.param(record(event(1, 2.0)) * 9, id="one event again and again"),
        pytest.param(EVENTS[:30], id="cut off"),
    ],
)
def test_events_of_none(data: bytes, tmp_path: Path) -> None:
    assert look(tmp_path, "training-logs", {EVENT_NAME: data}).refused


ORDERS: dict[str, tuple[str, str | bytes]] = {
    "0 0": ("o.txt", "0\n0"),
    "one record": ("o.csv", "step,record\n" + "".join(f"{n},7\n" for n in range(9))),
    "a few records": ("o.csv", "".join(f"{n},{n % 3 // 2}\n" for n in range(40))),
    "one line": ("o.jsonl", '{"step": 1, "record": 4}\n' * 9),
    "zeros": ("o.bin", bytes(400)),
}


@pytest.mark.parametrize("what", ORDERS)
def test_an_order_of_nothing(what: str, tmp_path: Path) -> None:
    name, data = ORDERS[what]
    assert look(tmp_path, "data-order", {name: data}).refused


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("o.txt", "3\n1\n2\n0\n", id="a permutation"),
        pytest.param("o.txt", "3\n1\n2\n0\n2\n0\n1\n3\n1\n", id="two epochs and a part"),
        pytest.param("o.csv", "step,record\n0,17\n0,4\n1,9\n", id="batches"),
        pytest.param(
            "o.jsonl", '{"step": 1, "sha256": "ab", "at": 0}\n{"step": 2, "at": 8}\n', id="chunks"
        ),
    ],
)
def test_an_order(name: str, data: str, tmp_path: Path) -> None:
    assert look(tmp_path, "data-order", {name: data}).passes


def test_an_order_that_could_be_filler_is_left_open(tmp_path: Path) -> None:
    found = look(tmp_path, "data-order", {"o.txt": "5\n3\n5\n1\n2\n"})
    assert not found.accepted
    assert found.unread


def archive(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "/").replace("_DOT_", "."), data)
    return out.getvalue()


def npy(shape: str, data: bytes) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


TORCH = archive(a__data_DOT_pkl=b"\x80\x02}.", a__data__0=bytes(64))
FLAX = b"\x81\xa1w\xc7\x10\x01" + bytes(16)
PACKED = archive(model_DOT_safetensors=safetensors(w=(20, 20)), config_DOT_json=b"{}")
PIECES = b"\n\x03\n\x01a\n\x03\n\x01b"
TOKENS = '{"model": {"vocab": {"a": 0, "b": 1}}}'

FORMATS: dict[str, tuple[str, str, str | bytes, str | bytes]] = {
    # What: kind, name, the forged, the honest.
    "parquet without an end": (
        "datasets",
        "a.parquet",
        b"PAR1" + bytes(40),
        b"PAR1" + bytes(8) + b"\x15" + bytes(15) + struct.pack("<I", 16) + b"PAR1",
    ),
    "a footer larger than the file": (
        "datasets",
        "a.parquet",
        b"PAR1" + bytes(24) + struct.pack("<I", 2**31) + b"PAR1",
        b"PAR1" + bytes(8) + b"\x15" + bytes(15) + struct.pack("<I", 16) + b"PAR1",
    ),
    "an array shorter than its shape": (
        "datasets",
        "a.npy",
        npy("(1000, 1000)", bytes(16)),
        npy("(2, 2)", bytes(16)),
    ),
    "an array's mark": ("datasets", "a.npy", b"\x93NUMPY" + b"\1" * 60, npy("(4,)", bytes(16))),
    "an archive's mark": ("datasets", "a.zip", b"PK\x03\x04" + bytes(60), archive(a=b"text")),
    "gzip's mark": (
        "datasets",
        "a.txt.gz",
        b"\x1f\x8b" + bytes(60),
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH\xcd\xc9\xc9\x07\0\x86\xa6\x106\x05\0\0\0",
    ),
    "arrow cut off": (
        "datasets",
        "a.arrow",
        b"ARROW1\0\0" + bytes(60),
        b"ARROW1\0\0" + bytes(60) + struct.pack("<I", 40) + b"ARROW1",
    ),
    "a PDF's two marks": (
        "research-paper",
        "p.pdf",
        b"%PDF-1.7\n/Page\n" + bytes(99) + b"\n%%EOF\n",
        b"%PDF-1.7\n/Page\nxref\n0 1\nstartxref\n15\n%%EOF\n",
    ),
    "one piece": ("tokenizer", "t.model", b"\n\x03\n\x01a" + b"\x10\0" * 200, PIECES),
    "one piece again and again": ("tokenizer", "t.model", b"\n\x03\n\x01a" * 90, PIECES),
    "zeros behind a newline": ("tokenizer", "t.model", b"\n" + bytes(400), PIECES),
    "two tokens of one number": (
        "tokenizer",
        "tokenizer.json",
        TOKENS.replace("1", "0"),
        TOKENS,
    ),
    "one byte of msgpack": (WEIGHTS, "flax_model.msgpack", b"\x80", FLAX),
    "a mapping of text": (WEIGHTS, "flax_model.msgpack", b"\x81\xa1w\xa1x", FLAX),
    "msgpack cut off": (WEIGHTS, "flax_model.msgpack", FLAX[:-1], FLAX),
    "an archive without numbers": (
        WEIGHTS,
        "model.pt",
        archive(a__data_DOT_pkl=b"\x80\x02}."),
        TORCH,
    ),
    "an archive cut off": (WEIGHTS, "model.pt", TORCH[:-30], TORCH),
    "an empty pickle": (WEIGHTS, "model.pt", b"\x80\x02}.", b"\x80\x02ctorch._utils\n_rebuild\n."),
    "weights' name in an archive": (
        WEIGHTS,
        "model.zip",
        archive(model_DOT_safetensors=b"weights"),
        PACKED,
    ),
    "weights in an archive cut off": (
        WEIGHTS,
        "model.zip",
        archive(model_DOT_safetensors=safetensors(w=(20, 20))[:-4]),
        PACKED,
    ),
}


@pytest.mark.parametrize("what", FORMATS)
def test_first_bytes_are_no_format(what: str, tmp_path: Path) -> None:
    kind, name, forged, honest = FORMATS[what]
    found = look(tmp_path / "forged", kind, {name: forged})
    assert not found.accepted
    assert found.refused, found
    assert look(tmp_path / "honest", kind, {name: honest}).passes


def test_weights_in_an_archive_are_said_to_be(tmp_path: Path) -> None:
    found = look(tmp_path, WEIGHTS, {"model.zip": PACKED})
    assert found.note == "in an archive that is not unpacked: model.safetensors"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda d: d.replace(b"PK\x05\x06", b"PK\x05\x07"), id="no directory"),
        pytest.param(lambda d: d.replace(b"PK\x01\x02", b"PK\x01\x03"), id="broken directory"),
        pytest.param(lambda d: d[: d.rindex(b"PK\x05\x06")], id="no end"),
        pytest.param(
            lambda d: d[:-12] + struct.pack("<II", 2**31, 2**31) + d[-4:], id="directory far away"
        ),
        pytest.param(
            lambda d: d[:60] + bytes(len(d) // 4) + d[60 + len(d) // 4 :], id="broken data"
        ),
    ],
)
def test_a_hostile_archive_is_refused(damage: object, tmp_path: Path) -> None:
    assert callable(damage)
    found = look(tmp_path, WEIGHTS, {"model.zip": damage(PACKED)})
    assert not found.accepted
