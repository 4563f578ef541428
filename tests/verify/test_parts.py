"""Parts that cannot be checked, and files that cannot be read: never a good answer."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import blake3
import pytest
from permissions import permissions_hold
from releases import Release
from replays import make_replayable
from weights import RELEASE, T, safetensors
from weights import release as make_weights

from manifest.build import build, write_manifest
from manifest.document.manifest_file import Manifest
from manifest.errors import BytesDifferError, ExitCode, MissingExtraError, UsageError
from manifest.sign import sign
from manifest.signing.keys import KeyKind, generate
from manifest.verify.reader import open_release
from manifest.verify.run import verify

KEY = generate(KeyKind.ECDSA_P256)
INDEX = b"branch,step,tokens\nstep1,1,10\nstep2,2,20\n"


def test_a_checkpoint_that_lies_elsewhere_cannot_be_verified_here(tmp_path: Path) -> None:
    path = make_replayable(tmp_path / "r")
    plain = json.loads((path / "release.yaml").read_text())
    reference = {"type": "huggingface", "repo": "acme/tiny", "revision": "1" * 40}
    plain["checkpoints"]["entries"].append({"name": "far", "step": 3, "reference": reference})
    (path / "release.yaml").write_text(json.dumps(plain))
    write_manifest(path, build(path))
    sign(path, KEY)
    with pytest.raises(UsageError, match="the checkpoint far has no files in the release"):
        verify(path, keys=[KEY.public], checkpoints=["far"])


def test_a_directory_that_cannot_be_read_leaves_the_answer_open(release: Release) -> None:
    directory = release.path / "tokenizer"
    directory.chmod(0)
    with permissions_hold():
        report = release.verify()
    directory.chmod(0o755)
    assert report.exit_code is ExitCode.UNDECIDED
    assert "tokenizer" in {u.path for u in report.undecided}
    assert report.problems == ()


@pytest.mark.parametrize("option", ["manifest_path", "signature_path"])
def test_files_that_the_user_names_must_be_readable(
    release: Release, tmp_path: Path, option: str
) -> None:
    pipe, closed = tmp_path / "pipe", tmp_path / "closed"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="is not a regular file"):
        release.verify(**{option: pipe})
    closed.write_bytes(b"{}")
    closed.chmod(0)
    with permissions_hold():
        report = release.verify(**{option: closed})
    assert report.exit_code is ExitCode.UNDECIDED
    assert "cannot be read: Permission denied" in report.undecided_reason


def test_a_description_that_changes_after_it_was_hashed_is_no_answer(release: Release) -> None:
    file = release.path / "release.yaml"
    good, left = file.read_bytes(), 0

    def on_total(_: int, files: int) -> None:
        nonlocal left
        left = files

    def progress(_: int, files: int) -> None:
        nonlocal left
        left -= files
        if left <= 0:
            file.write_bytes(good.replace(b"1.10", b"9.99"))

    report = release.verify(on_total=on_total, progress=progress)
    assert report.exit_code is ExitCode.UNDECIDED
    words = "release.yaml cannot be read: it was modified after the tree was read"
    assert report.undecided_reason == words


def test_an_index_that_gives_no_checkpoints_is_a_finding(tmp_path: Path) -> None:
    """Its bytes are those that were signed, and the manifest's checkpoints are not in it."""
    text = (
        RELEASE.replace("FILES", "m.safetensors")
        + "  extra:\n    kind: model-metadata\n    files: [index.csv]\n"
        + "checkpoints:\n  index: index.csv\n"
    )
    (tmp_path / "index.csv").write_bytes(INDEX)
    make_weights(tmp_path, {"m.safetensors": safetensors(T("a", b"a"))}, text)
    sign(tmp_path, KEY)
    signed = Release(tmp_path, KEY)
    assert signed.verify().ok
    signed.forge({"index.csv": b"\xff\xfe no table"})
    report = signed.verify()
    assert report.exit_code is ExitCode.FINDINGS
    assert report.findings[0].startswith("the release does not give the checkpoints")


class TestTensors:
    A, B = T("a", b"aaaa"), T("b", b"bbbb")

    @pytest.fixture
    def signed(self, tmp_path: Path) -> Release:
        make_weights(tmp_path, {"m.safetensors": safetensors(self.A, self.B)})
        sign(tmp_path, KEY)
        return Release(tmp_path, KEY)

    def test_of_a_file_that_is_gone_again_nothing_more_is_told(self, signed: Release) -> None:
        """It differs, and is taken away before it is asked which of its tensors do."""
        file = signed.path / "m.safetensors"
        file.write_bytes(file.read_bytes()[:-1] + b"!")
        left = 0

        def on_total(_: int, files: int) -> None:
            nonlocal left
            left = files

        def progress(_: int, files: int) -> None:
            nonlocal left
            left -= files
            if left <= 0:
                file.unlink(missing_ok=True)

        report = signed.verify(on_total=on_total, progress=progress)
        (problem,) = report.problems
        assert (problem.path, problem.damage) == ("m.safetensors", None)
        assert report.exit_code is ExitCode.DIFFERENT

    def test_a_tensor_that_cannot_be_read(self, signed: Release) -> None:
        (signed.path / "m.safetensors").chmod(0)
        with permissions_hold():
            report = signed.verify(tensors=["a"])
        assert report.exit_code is ExitCode.UNDECIDED
        assert [u.path for u in report.undecided] == ["m.safetensors"]

    def test_a_signed_header_that_is_not_sound(self, signed: Release) -> None:
        good = (signed.path / "m.safetensors").read_bytes()
        bad = good.replace(b'"dtype": "U8"', b'"dtypo": "U8"', 1)
        assert len(bad) == len(good)
        assert bad != good

        def list_the_header(manifest: Manifest) -> Manifest:
            (one,) = manifest.weights
            (file,) = one.files
            digest = blake3.blake3(bad[: file.data_start]).hexdigest()
            file = file._replace(header_blake3=digest)
            return dataclasses.replace(manifest, weights=(one._replace(files=(file,)),))

        signed.forge({"m.safetensors": bad}, list_the_header)
        report = signed.verify(tensors=["a"])
        assert report.exit_code is ExitCode.NOT_TRUSTED
        assert "has the header that was signed, and it is not sound" in report.refusal


class TestReader:
    def open(self, path: Path, **options: Any) -> Any:
        return open_release(path, keys=[KEY.public], **options)

    def test_a_dtype_that_arrays_cannot_have(self, tmp_path: Path) -> None:
        pytest.importorskip("safetensors")
        weights = safetensors(T("f", b"abcd", "F8_E4M3", (4,)))
        make_weights(tmp_path, {"m.safetensors": weights})
        sign(tmp_path, KEY)
        reader = self.open(tmp_path)
        assert reader.get_tensor_bytes("f") == b"abcd"
        with pytest.raises(UsageError, match="has the dtype F8_E4M3, which numpy"):
            reader.tensor("f")

    def test_questions_that_make_no_sense(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_weights(tmp_path, {"m.safetensors": safetensors(T("a", b"a"))})
        sign(tmp_path, KEY)
        reader = self.open(tmp_path)
        with pytest.raises(UsageError, match="there is no framework 'jax'"):
            reader.tensor("a", framework="jax")
        monkeypatch.setitem(sys.modules, "torch", None)
        monkeypatch.delitem(sys.modules, "safetensors.torch", raising=False)
        with pytest.raises(MissingExtraError):
            reader.tensor("a", framework="pt")
        with pytest.raises(UsageError, match=r"model\.sig is not a file of the manifest"):
            reader.load_bytes("model.sig")

    def test_a_changed_file_that_holds_no_tensors(self, tmp_path: Path) -> None:
        make_weights(tmp_path, {"m.safetensors": safetensors(T("a", b"a"))})
        sign(tmp_path, KEY)
        reader = self.open(tmp_path)
        text = (tmp_path / "release.yaml").read_bytes()
        (tmp_path / "release.yaml").write_bytes(text[:-1] + b"#")
        with pytest.raises(BytesDifferError, match=r"release.yaml (is not the one|cannot be read)"):
            reader.load_bytes("release.yaml")
        changed = self.open(tmp_path)
        with pytest.raises(BytesDifferError, match=r"release.yaml is not the one that was signed$"):
            changed.load_bytes("release.yaml")

    def test_a_root_that_was_not_given(self, tmp_path: Path) -> None:
        store, home = tmp_path / "store", tmp_path / "r"
        for directory in (store, home):
            directory.mkdir()
        (store / "m.safetensors").write_bytes(safetensors(T("a", b"a")))
        text = RELEASE.replace("FILES", '"store:m.safetensors"')
        (home / "release.yaml").write_text(text + "roots:\n  store: {type: directory}\n")
        write_manifest(home, build(home, roots={"store": store}))
        sign(home, KEY, roots={"store": store})
        with pytest.raises(UsageError, match="no directory was given for the root store") as caught:
            self.open(home).load_bytes("store:m.safetensors")
        assert caught.value.remedy == "give it: roots="


def test_a_part_of_a_named_root(tmp_path: Path) -> None:
    home, store = tmp_path / "home", tmp_path / "store"
    home.mkdir()
    store.mkdir()
    for name in ("a.bin", "b.bin"):
        (store / name).write_bytes(name.encode())
    (home / "release.yaml").write_text(
        'schema_version: "1.0"\nname: a/b\nversion: "1"\ndescribed_by: publisher\n'
        "roots: {store: {type: directory}}\ncomponents:\n"
        '  datasets: {files: ["store:a.bin"]}\n  evaluation-data: {files: ["store:b.bin"]}\n'
    )
    roots = {"store": store}
    write_manifest(home, build(home, roots=roots))
    sign(home, KEY, roots=roots)
    (store / "b.bin").write_bytes(b"another")
    cases: list[tuple[dict[str, Any], ExitCode]] = [
        ({"only": ["store:a.bin"]}, ExitCode.OK),
        ({"components": ["datasets"]}, ExitCode.OK),
        ({"components": ["evaluation-data"]}, ExitCode.DIFFERENT),
        ({}, ExitCode.DIFFERENT),
    ]
    for part, code in cases:
        report = verify(home, keys=[KEY.public], roots=roots, **part)
        assert report.exit_code is code, part
        assert not part or report.files_expected == 1
    with pytest.raises(UsageError, match="evaluation-code"):
        verify(home, keys=[KEY.public], roots=roots, components=["evaluation-code"])
    alone = verify(home, keys=[KEY.public], only=["store:a.bin"])
    assert alone.exit_code is ExitCode.UNDECIDED


def test_a_checkpoint_in_a_root_that_was_not_given(tmp_path: Path) -> None:
    path, store = make_replayable(tmp_path / "r"), tmp_path / "store"
    (path / "checkpoints/one").rename(store)
    plain = json.loads((path / "release.yaml").read_text())
    plain["roots"] = {"store": {"type": "directory"}}
    plain["checkpoints"]["entries"][0]["files"] = ["store:*"]
    plain["components"]["model-parameters-intermediate"]["files"].append("store:*")
    (path / "release.yaml").write_text(json.dumps(plain))
    write_manifest(path, build(path, roots={"store": store}))
    sign(path, KEY, roots={"store": store})
    report = verify(path, keys=[KEY.public], checkpoints=["one"], roots={"store": store})
    assert (report.ok, report.files_checked) == (True, 1)
    report = verify(path, keys=[KEY.public], checkpoints=["one"])
    assert report.exit_code is ExitCode.UNDECIDED
    assert "the checkpoint one lies in the root store, which was not given" in (
        report.undecided_reason
    )
    assert report.refusal_remedy == "--root-dir store=DIR"
