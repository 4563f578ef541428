"""Which files a policy that forbids formats looks at, and as what."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
from policies import Scene

from manifest.policy.content import forbidden_files


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("called",)


EVIL = pickle.dumps(Evil(), 4)
EVERY = ("pickle", "numpy", "tensorflow-savedmodel", "core-ml", "keras-archive", "torchscript")


def put(place: Path, name: str, data: bytes) -> None:
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(data)


@pytest.mark.parametrize(
    ("name", "data", "found"),
    [
        ("a.txt", b"words\n", None),
        ("a.txt", EVIL, "pickle"),
        ("a.pkl", b"words\n", "pickle"),
        ("a.joblib.gz", b"words\n", "pickle"),
        ("a.txt", EVIL[2:], "pickle"),
        ("a.npy", b"\x93NUMPY\x01\x00", "numpy"),
        ("m/saved_model.pb", b"x", "tensorflow-savedmodel"),
        ("m/SAVED_MODEL.PB", b"x", "tensorflow-savedmodel"),
        ("m.mlpackage/Data/weights.bin", b"x", "core-ml"),
        ("m.mlmodelc/x", b"x", "core-ml"),
        ("a.txt", b"PK\x03\x04 an archive that cannot be listed", "keras-archive"),
    ],
)
def test_a_file_is_whatever_fits(tmp_path: Path, name: str, data: bytes, found: str | None) -> None:
    put(tmp_path, name, data)
    assert forbidden_files(EVERY, {"": tmp_path}) == ([f"{name} ({found})"] if found else [])
    assert forbidden_files(("onnx",), {"": tmp_path}) == []


@pytest.mark.parametrize(
    "name", [".git/a.txt", ".github/a.txt", ".cache/huggingface/a.txt", ".gitignore"]
)
def test_what_the_toolkit_reserves_is_looked_at_where_it_was_signed(
    tmp_path: Path, name: str
) -> None:
    put(tmp_path, name, EVIL)
    assert forbidden_files(("pickle",), {"": tmp_path}) == []
    assert forbidden_files(("pickle",), {"": tmp_path}, signed={name}) == [f"{name} (pickle)"]


@pytest.mark.parametrize("name", ["model.sig", "signatures/a.sig", "signatures/b/c.pt"])
def test_what_lies_in_the_place_of_a_signature_is_looked_at(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, EVIL)
    assert len(forbidden_files(("pickle",), {"": tmp_path})) == 1


def test_a_root_that_is_changed_while_it_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from policies import ALICE

    from manifest.build import build, write_manifest
    from manifest.policy import content, decide, load_policy
    from manifest.sign import sign

    scene, store = Scene(tmp_path), tmp_path / "store"
    put(store, "a.txt", b"words\n")
    text = (scene.release.path / "release.yaml").read_text()
    text += "  training-logs: {files: ['store:a.txt']}\nroots: {store: {type: directory}}\n"
    (scene.release.path / "release.yaml").write_text(text)
    roots = {"store": store}
    (scene.release.path / "model.sig").unlink()
    write_manifest(scene.release.path, build(scene.release.path, roots=roots))
    sign(scene.release.path, ALICE, roots=roots)
    scene.write("forbidden_formats: [pickle]\n")
    policy = load_policy(scene.policy)
    assert decide(policy, scene.release.path, options={"roots": roots}).accepted
    really = content.forbidden_files

    def swapped(*arguments: Any, **options: Any) -> list[str]:
        found = really(*arguments, **options)
        put(store, "a.txt", b"other\n")
        return found

    monkeypatch.setattr(content, "forbidden_files", swapped)
    decided = decide(policy, scene.release.path, options={"roots": roots})
    assert not decided.accepted
    assert "changed while it was verified" in decided.report.undecided_reason


def archive(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as opened:
        for name in names:
            opened.writestr(name, b"x")
    return out.getvalue()


UNLISTED = b"PK\x03\x04 an archive that cannot be listed"
WITH_CODE = archive("a/data.pkl", "a/code/x.py")


@pytest.mark.parametrize(
    ("name", "data", "found"),
    [
        ("a.dat", UNLISTED, {"pickle", "pytorch", "torchscript", "keras-archive"}),
        ("a.dat", archive("a/data.pkl"), {"pickle", "pytorch"}),
        ("a.dat", archive("a/DATA.PKL"), {"pickle", "pytorch"}),
        ("a.dat", archive("a/b.pickle"), {"pickle", "pytorch"}),
        ("a.dat", archive("a/b.txt"), set()),
        ("a.dat", WITH_CODE, {"pickle", "pytorch", "torchscript"}),
        ("a.dat", archive("a/code/x.py"), set()),
        ("a.gguf", archive("a/data.pkl"), {"gguf", "pickle", "pytorch"}),
        ("a.gguf", b"GGUF\x03\0\0\0", {"gguf"}),
        ("a.dat", b"GGUF\x03\0\0\0", {"gguf"}),
        ("m/n/saved_model.pb", b"x", {"tensorflow-savedmodel"}),
        ("m/n/saved_model.pbtxt", b"x", {"tensorflow-savedmodel"}),
        ("saved_model.pb", b"x", {"tensorflow-savedmodel"}),
    ],
)
def test_every_format_that_fits(tmp_path: Path, name: str, data: bytes, found: set[str]) -> None:
    put(tmp_path, name, data)
    each = (
        "pickle", "pytorch", "torchscript", "keras-archive", "gguf", "tensorflow-savedmodel", "onnx"
    )  # fmt: skip
    assert {one for one in each if forbidden_files((one,), {"": tmp_path})} >= found
    if "pytorch" not in found:
        assert {one for one in each if forbidden_files((one,), {"": tmp_path})} == found
