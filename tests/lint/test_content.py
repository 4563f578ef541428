"""Evidence is typed: what each kind of component takes for evidence, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lint_releases import HEAD, license_text, onnx, safetensors, tflite, write

from manifest.document.components import KINDS
from manifest.lint import lint, load_release
from manifest.lint.content import TESTS, Inspection, inspect
from manifest.sources.directory import DirectorySource

CODE = "def f(x):\n    y = x + 1\n    z = y * 2\n    for i in range(z):\n        y += i\n    return y\n"
TRAIN = CODE + "\nloss = f(1)\n"
WORDS = "These words say where the data was collected and by whom it was written. " * 30
PDF_BODY = b"%PDF-1.7\n1 0 obj << /Type /Page >> endobj\n" + b"x" * 3000 + b"\n"
PDF = PDF_BODY + b"xref\n0 1\ntrailer\nstartxref\n%d\n%%%%EOF\n" % len(PDF_BODY)
PARQUET = b"PAR1" + b"\0" * 20 + b"\x15\x02" + b"\0" * 18 + (20).to_bytes(4, "little") + b"PAR1"


def npy(dtype: str, shape: str, data: bytes) -> bytes:
    """A NumPy array, written from the format's description."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def look(root: Path, kind: str, name: str, data: str | bytes) -> Inspection:
    source = DirectorySource(
        write(root / "r", {name: data if isinstance(data, bytes) else data.encode()})
    )
    return inspect(source, kind, source.files)


def test_every_kind_has_a_test() -> None:
    weights = {"model-parameters-final", "model-parameters-intermediate"}
    assert set(TESTS) == set(KINDS) - weights


TORCH = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\0."

GOOD: dict[str, tuple[str, str, str | bytes]] = {
    "training": ("training-code", "train.py", TRAIN),
    "notebook": (
        "training-code",
        "train.ipynb",
        json.dumps(
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "source": ["%pip install x\n", *TRAIN.splitlines(keepends=True)],
                    }
                ]
            }
        ),
    ),
    "shell": (
        "inference-code",
        "run.sh",
        "for x in 1 2 3; do\n ./predict $x\ndone\nls\nls -l\npwd\n",
    ),
    "architecture code": ("model-architecture", "model.py", CODE),
    "config": ("model-architecture", "config.json", '{"model_type": "bert"}'),
    "sizes": ("model-architecture", "params.json", '{"dim": 8, "n_layers": 2}'),
    "requirements": ("supporting-libraries", "requirements.txt", "numpy\n"),
    "tokenizer": ("tokenizer", "tokenizer.json", '{"model": {"vocab": {"a": 0, "b": 1}}}'),
    "vocabulary": ("tokenizer", "vocab.json", '{"a": 0, "b": 1}'),
    "vocabulary lines": ("tokenizer", "vocab.txt", "[PAD]\n[UNK]\na\n"),
    "sentencepiece": ("tokenizer", "spiece.model", b"\n\x03\n\x01a\n\x03\n\x01b" * 40),
    "card": ("model-card", "README.md", "# Sparrow\n" + WORDS),
    "data card": ("data-card", "DATA.md", "# Data\n" + WORDS),
    "paper": ("research-paper", "paper.pdf", PDF),
    "paper in text": ("research-paper", "paper.md", WORDS),
    "license": ("license-texts", "LICENSE", license_text("MIT")),
    "jsonl": ("datasets", "a.jsonl", '{"a": 1}\n{"a": 2}\n'),
    "csv": ("datasets", "a.csv", "a,b\n1,2\n"),
    "parquet": ("datasets", "a.parquet", PARQUET),
    "binary": ("datasets", "a.bin", b"\x01\x02" * 40),
    "results": ("evaluation-results", "r.json", '{"results": {"arc": {"acc": 0.4}}}'),
    "results deep": ("evaluation-results", "r.json", '{"a": {"b": [{"score": 1}]}}'),
    "results table": (
        "evaluation-results",
        "r.md",
        "| task | score |\n|---|---|\n| arc | 41.2 |\n",
    ),
    "log": ("training-logs", "l.jsonl", '{"step": 1, "loss": 2}\n{"step": 2, "loss": 1}\n'),
    "log lines": ("training-logs", "l.txt", "step 1: loss 2.5\nstep 2: loss 2.4\n"),
    "log table": ("training-logs", "l.csv", "step,train_loss\n1,2\n2,1\n"),
    "order": ("data-order", "o.csv", "0,17\n1,4\n"),
    "array": ("data-order", "o.npy", npy("<u4", "(3,)", bytes(range(12)))),
    "recipe": ("training-configuration", "r.yaml", "optimizer: adamw\nlearning_rate: 0.1\n"),
    "optimizer state": ("model-metadata", "o.safetensors", safetensors(m=(2, 2))),
    "safetensors": ("model-parameters-final", "m.safetensors", safetensors(w=(2, 2))),
    "onnx": ("model-parameters-final", "m.onnx", onnx()),
    "tflite": ("model-parameters-final", "m.tflite", tflite()),
    "pickle": ("model-parameters-final", "pytorch_model.bin", TORCH),
}

BAD: dict[str, tuple[str, str, str | bytes, str]] = {
    "empty train.py": ("training-code", "train.py", "", "is empty"),
    "x = 1": ("training-code", "train.py", "x = 1\n", "1 statement"),
    "imports": ("training-code", "train.py", "import torch\n" * 50, "0 statements"),
    "comments": ("training-code", "train.py", "# loss\n" * 50, "0 statements"),
    "docstring": ("training-code", "train.py", '"""' + "train " * 50 + '"""\n', "0 statements"),
    "no block": ("training-code", "train.py", "loss = 1\n" * 50, "too little"),
    "no training": ("training-code", "train.py", CODE, "does not train"),
    "no Python": ("training-code", "train.py", "def train(:\n" * 9, "does not parse"),
    "nested": ("training-code", "train.py", "(" * 5000, "does not parse"),
    "a text": ("training-code", "TRAINING.md", WORDS, "is not a source file"),
    "binary code": ("inference-code", "run.py", b"\0\1\2", "is not text"),
    "no notebook": ("training-code", "train.ipynb", "{}", "is not a notebook"),
    "config of nothing": ("model-architecture", "config.json", '{"a": 1}', "names neither"),
    "no config": ("model-architecture", "config.json", "{", "config.json"),
    "empty vocabulary": ("tokenizer", "tokenizer.json", "{}", "neither a tokenizer"),
    "no sentencepiece": ("tokenizer", "spiece.model", b"\n", "not a SentencePiece"),
    "title": ("model-card", "README.md", "# Sparrow\n", "too few"),
    "front matter": ("model-card", "README.md", "---\n" + "a: b\n" * 1 + "---\n", "too few"),
    "no headings": ("model-card", "README.md", WORDS, "neither headings"),
    "no origin": ("data-card", "D.md", "# Data\n" + "very good data " * 30, "does not say where"),
    "no pdf": ("research-paper", "paper.pdf", b"PDF" * 1000, "is not a PDF"),
    "cut pdf": ("research-paper", "paper.pdf", PDF[:-40], "cut off"),
    "empty pdf": ("research-paper", "paper.pdf", PDF.replace(b"/Page", b"/Pave"), "without pages"),
    "abstract": ("research-paper", "paper.md", "We trained a model.\n", "too few"),
    "a license's name": ("license-texts", "LICENSE", "MIT\n", "not the text of a license"),
    "a model's name": ("license-texts", "LICENSE", "Sparrow 1.0 License\n", "not the text"),
    "more than a license": (
        "license-texts",
        "LICENSE",
        license_text("MIT") + "\nNot for commercial use.\n",
        "adds words",
    ),
    "no records": ("datasets", "a.jsonl", "\n\n", "holds no record"),
    "no json": ("datasets", "a.jsonl", "hello\n", "is not JSON"),
    "space": ("datasets", "a.txt", "  \n", "nothing but space"),
    "head": ("datasets", "a.csv", "a,b\n", "no row"),
    "zeros": ("datasets", "a.bin", bytes(100), "nothing but zeros"),
    "no parquet": ("datasets", "a.parquet", b"hello", "is not a Parquet"),
    "no numbers": ("evaluation-results", "r.json", '{"rank": "first"}', "holds no number"),
    "praise": ("evaluation-results", "r.md", "State of the art.\n", "no table"),
    "one entry": ("training-logs", "l.jsonl", '{"step": 1, "loss": 2}\n', "no entries"),
    "no loss": ("training-logs", "l.jsonl", '{"step": 1}\n{"step": 2}\n', "no entries"),
    "no order": ("data-order", "o.csv", "shuffled\nrandomly\n", "fewer than two"),
    "no recipe": ("training-configuration", "r.yaml", "hello: world\n", "no two fields"),
    "header only": ("model-parameters-final", "m.safetensors", safetensors(), "no tensor"),
    "cut weights": (
        "model-parameters-final",
        "m.safetensors",
        safetensors(w=(9, 9))[:-1],
        "cut off",
    ),
    "long weights": (
        "model-parameters-final",
        "m.safetensors",
        safetensors(w=(2, 2)) + b"x",
        "after",
    ),
    "no weights": ("model-parameters-final", "m.safetensors", b"weights", "too short"),
    "onnx without a graph": (
        "model-parameters-final",
        "m.onnx",
        b"\x08\x07\x12\0",
        "without a graph",
    ),
    "onnx of nothing": ("model-parameters-final", "m.onnx", b"\x08\x07\x3a\0", "without a graph"),
    "onnx of anything": (
        "model-parameters-final",
        "m.onnx",
        b"\x08\x07" + b"\xff" * 90,
        "not an ON",
    ),
    "onnx of words": (
        "model-parameters-final",
        "m.onnx",
        b"\x08\x07\x3a\x10" + b"z" * 16,
        "is none",
    ),
    "onnx cut off": ("model-parameters-final", "m.onnx", onnx()[:-1], "cut off"),
    "onnx and more": ("model-parameters-final", "m.onnx", onnx() + b"\0" * 90, "not an ONNX"),
    "tflite of nothing": (
        "model-parameters-final",
        "m.tflite",
        b"\x1c\0\0\0TFL3" + bytes(60),
        "without a graph",
    ),
    "tflite cut off": ("model-parameters-final", "m.tflite", tflite()[:-1], "cut off"),
    "tflite of anything": (
        "model-parameters-final",
        "m.tflite",
        b"\x1c\0\0\0TFL3" + b"\xff" * 60,
        "outside of it",
    ),
    "name of a format": ("model-parameters-final", "m.onnx", bytes(100), "not its content"),
    "empty weights": ("model-parameters-final", "pytorch_model.bin", b"", "is empty"),
}


@pytest.mark.parametrize("what", GOOD)
def test_accepted(what: str, tmp_path: Path) -> None:
    kind, name, data = GOOD[what]
    found = look(tmp_path, kind, name, data)
    assert found.passes, found
    assert found.refused == ()


@pytest.mark.parametrize("what", BAD)
def test_refused(what: str, tmp_path: Path) -> None:
    kind, name, data, words = BAD[what]
    found = look(tmp_path, kind, name, data)
    assert not found.passes
    (refusal,) = found.refused
    assert words in str(refusal)


@pytest.mark.parametrize("kind", KINDS)
def test_large_file_pointer_is_unread(kind: str, tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    found = look(tmp_path, kind, "model.safetensors", pointer)
    assert not found.passes
    assert not found.refused
    assert len(found.unread) == 1


def shards(*numbers: int, of: int) -> dict[str, bytes]:
    return {f"m-{n:05}-of-{of:05}.safetensors": safetensors(w=(2, 2)) for n in numbers}


def index(*names: str) -> bytes:
    return json.dumps({"weight_map": {f"t{i}": n for i, n in enumerate(names)}}).encode()


@pytest.mark.parametrize(
    ("files", "passes", "missing"),
    [
        pytest.param(shards(1, 2, 3, of=3), True, (), id="all shards"),
        pytest.param(shards(1, 3, of=3), False, ("m-00002-of-00003.safetensors",), id="a hole"),
        pytest.param(
            {
                "m.safetensors": safetensors(w=(2,)),
                "m.safetensors.index.json": index("m.safetensors"),
            },
            True,
            (),
            id="index",
        ),
        pytest.param(
            {
                "m.safetensors": safetensors(w=(2,)),
                "m.safetensors.index.json": index("n.safetensors"),
            },
            False,
            ("n.safetensors",),
            id="index of another",
        ),
        pytest.param(
            {**shards(1, of=2), "m.onnx": onnx()},
            True,
            ("m-00002-of-00002.safetensors",),
            id="another format is whole",
        ),
        pytest.param(
            {"m.safetensors": safetensors(w=(2,)), "n.safetensors": b"broken"},
            False,
            (),
            id="one of the set is broken",
        ),
    ],
)
def test_sets_of_weights(
    files: dict[str, bytes], missing: tuple[str, ...], tmp_path: Path, *, passes: bool
) -> None:
    source = DirectorySource(write(tmp_path / "r", dict(files)))
    found = inspect(source, "model-parameters-final", source.files)
    assert (found.passes, found.missing) == (passes, missing)


def test_names_of_a_hostile_index_stay_inside(tmp_path: Path) -> None:
    files = {"m.safetensors": safetensors(w=(2,)), "m.index.json": index("../../etc/passwd")}
    source = DirectorySource(write(tmp_path / "r", dict(files)))
    found = inspect(source, "model-parameters-final", source.files)
    assert "not a file beside the index" in str(found.refused[0])


def test_of_many_files_a_sample_is_read(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {f"d/{i:04}.txt": "text" for i in range(200)}
    source = DirectorySource(write(tmp_path / "r", files))
    found = inspect(source, "datasets", source.files)
    assert len(found.accepted) == 32
    assert found.accepted[-1] > "d/0190"


def refused(root: Path, kind: str, files: dict[str, str | bytes]) -> list[str]:
    """The paths of the files that a component of one kind is told not to be."""
    said = f"{HEAD}components:\n  {kind}:\n    files: {json.dumps(list(files))}\n"
    report = lint(load_release(write(root / "r", {"release.yaml": said, **files})))
    return [f.location.path for f in report.findings if f.code == "EVI001" and f.location]


BROKEN: dict[str, tuple[str, str, str | bytes, str, str | bytes]] = {
    "Python": ("model-architecture", "config.json", '{"model_type": "bert"}', "m.py", "def f(:\n"),
    "notebook": ("training-code", "train.py", TRAIN, "train.ipynb", '{"cells": 1}'),
    "JSON": ("model-architecture", "model.py", CODE, "config.json", "[" * 200_000),
    "JSON Lines": ("datasets", "a.jsonl", '{"a": 1}\n', "b.jsonl", '{"a": 1\n{"a": 2\n'),
    "Parquet": ("datasets", "a.parquet", PARQUET, "b.parquet", PARQUET[:-4]),
    "array": ("data-order", "o.csv", "0,17\n1,4\n", "p.npy", npy("<u4", "(9,)", b"1234")),
    "PDF": ("research-paper", "paper.pdf", PDF, "draft.pdf", PDF[:-9]),
}


@pytest.mark.parametrize(("kind", "good", "text", "bad", "wrong"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_told_beside_a_sound_one(
    kind: str, good: str, text: str | bytes, bad: str, wrong: str | bytes, tmp_path: Path
) -> None:
    assert refused(tmp_path, kind, {good: text, bad: wrong}) == [bad]


OF_ANOTHER_KIND: dict[str, tuple[str, str, str | bytes, str, str | bytes]] = {
    "a picture": ("training-code", "train.py", TRAIN, "loss.png", b"\x89PNG\r\n"),
    "settings": ("model-architecture", "model.py", CODE, "generation.json", '{"top_k": 4}'),
    "a test of nothing": ("training-code", "train.py", TRAIN, "__init__.py", ""),
    "other state": ("training-logs", "l.txt", "step 1: loss 2\nstep 2: loss 1\n", "a.json", "{}"),
    "a table's head": ("datasets", "a.csv", "a,b\n1,2\n", "b.csv", "a,b\n"),
}


@pytest.mark.parametrize(
    ("kind", "good", "text", "other", "data"), OF_ANOTHER_KIND.values(), ids=OF_ANOTHER_KIND
)
def test_a_file_of_another_kind_is_passed_over(
    kind: str, good: str, text: str | bytes, other: str, data: str | bytes, tmp_path: Path
) -> None:
    assert refused(tmp_path, kind, {good: text, other: data}) == []
