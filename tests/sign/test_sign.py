"""Signing a release: what is checked before, what is written after."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import manifest.inventory.recall
from manifest.build import build, write_manifest
from manifest.document.manifest_file import ManifestFile, dump_manifest, parse_manifest
from manifest.errors import (
    BytesDifferError,
    DocumentError,
    ManifestError,
    TreeError,
    UndecidedError,
    UsageError,
)
from manifest.inventory import Algorithm, digest_of, hash_files
from manifest.sign import IGNORE_PATHS, sign, write_key_pair
from manifest.signing.keys import KeyKind, PrivateKey, generate, load_private, load_public
from manifest.signing.statement import parse_statement
from manifest.signing.verification import verify_signature

KEY = generate()
OTHER = generate()


@pytest.fixture
def built(small_release: Path) -> Path:
    write_manifest(small_release, build(small_release))
    return small_release


def contents(root: Path) -> dict[str, bytes | str]:
    """Everything below a directory, links as their targets."""
    return {
        str(p.relative_to(root)): str(p.readlink()) if p.is_symlink() else p.read_bytes()
        for p in root.rglob("*")
        if p.is_symlink() or p.is_file()
    }


def payload_of(bundle: bytes) -> dict[str, Any]:
    plain = json.loads(bundle)
    parsed: dict[str, Any] = json.loads(base64.b64decode(plain["dsseEnvelope"]["payload"]))
    return parsed


@pytest.mark.parametrize("kind", KeyKind)
def test_a_signature_vouches_for_every_file_and_the_manifest(built: Path, kind: KeyKind) -> None:
    key = generate(kind)
    result = sign(built, key)
    assert result.path == built / "model.sig"
    assert result.path.read_bytes() == result.data
    verified = verify_signature(result.data, keys=[key.public])
    statement = parse_statement(verified.payload)
    on_disk = {
        p.relative_to(built).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in built.rglob("*")
        if p.is_file() and p.name != "model.sig"
    }
    assert {r.path: r.digest for r in statement.resources} == on_disk
    assert [r.path for r in statement.resources] == sorted(on_disk)
    assert statement.ignore_paths == IGNORE_PATHS
    assert statement.subject_name == built.name
    assert statement.allow_symlinks is False
    assert result.file_count == len(on_disk)
    assert bool(result.notes) is (kind is KeyKind.ED25519)


def test_the_subject_is_the_directory_also_from_within(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(built)
    assert payload_of(sign(".", KEY).data)["subject"][0]["name"] == built.name


def test_a_directory_without_a_name_in_utf8_gives_the_release_s(built: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(built.parent) + b"/odd\xff"))
    built.rename(odd)
    assert payload_of(sign(odd, KEY).data)["subject"][0]["name"] == "acme/tiny"


# What no longer matches is refused, and nothing is written.


def _edit(name: str, text: str) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        (root / name).write_text(text)

    return edit


def _edit_manifest(old: str, new: str) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        path = root / "manifest.json"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return edit


def _swap(root: Path) -> None:
    (root / "README.md").write_text("# Tin2\n")


def _rename(root: Path) -> None:
    (root / "README.md").rename(root / "READ.md")


def _pointer(root: Path) -> None:
    digest = hashlib.sha256(b"weights").hexdigest()
    (root / "model one.safetensors").write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 7\n"
    )


REFUSED: dict[str, tuple[Callable[[Path], object], type[ManifestError], str]] = {
    "changed": (_swap, BytesDifferError, "changed: README.md"),
    "grown": (_edit("README.md", "# Tiny, larger"), BytesDifferError, "changed: README.md"),
    "added": (_edit("new\x1b.bin", "x"), TreeError, "new\\x1b.bin"),
    "added-plain": (_edit("new.bin", "x"), BytesDifferError, "added: new.bin"),
    "missing": (
        lambda root: (root / "README.md").unlink(),
        BytesDifferError,
        "missing: README.md",
    ),
    "renamed": (_rename, BytesDifferError, "missing: README.md\n  added: READ.md"),
    "added-link": (lambda root: (root / "l").symlink_to("data"), TreeError, "symbolic link"),
    "pointer": (_pointer, UndecidedError, "large-file pointers"),
    "description-edited": (
        lambda root: (root / "release.yaml").write_text("# more\n"),
        BytesDifferError,
        "release.yaml is not the one that manifest.json was built from",
    ),
    "description-gone": (
        lambda root: (root / "release.yaml").unlink(),
        TreeError,
        "has no release.yaml",
    ),
    "manifest-gone": (
        lambda root: (root / "manifest.json").unlink(),
        TreeError,
        "has no manifest.json",
    ),
    "manifest-foreign": (
        _edit("manifest.json", '{"name": "demo"}'),
        DocumentError,
        "schema_version",
    ),
    "manifest-claims-more": (
        _edit_manifest('"license": "apache-2.0"', '"license": "mit"'),
        DocumentError,
        "says otherwise than release.yaml in release.license",
    ),
    "manifest-hides-that-something-is-withheld": (
        _edit_manifest(
            '"withheld": {\n        "reason": "They name people."\n      },\n      ', ""
        ),
        DocumentError,
        "in components.training-logs",
    ),
    "manifest-moves-a-file": (
        _edit_manifest(
            ', "components": ["data"]}',
            "}",
        ),
        DocumentError,
        "components",
    ),
    "manifest-reformatted": (
        lambda root: (root / "manifest.json").write_text(
            json.dumps(json.loads((root / "manifest.json").read_text()))
        ),
        DocumentError,
        "is not in the form",
    ),
}


@pytest.mark.parametrize(("change", "error", "words"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_match_is_refused(
    built: Path, change: Callable[[Path], object], error: type[ManifestError], words: str
) -> None:
    change(built)
    before = contents(built)
    with pytest.raises(error) as caught:
        sign(built, KEY)
    assert words in caught.value.message
    assert caught.value.remedy or error is DocumentError
    assert contents(built) == before


def test_a_file_that_changes_while_it_is_hashed_leaves_no_signature(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hashing(*args: Any, **options: Any) -> Any:
        (built / "tokenizer.json").write_text("[]")
        return hash_files(*args, **options)

    monkeypatch.setattr(manifest.inventory.recall, "hash_files", hashing)
    with pytest.raises(UndecidedError, match=r"tokenizer\.json"):
        sign(built, KEY)
    assert not (built / "model.sig").exists()


def test_a_second_digest_in_the_manifest_is_measured_too(built: Path) -> None:
    """Nobody may bind one content by SHA-256 and another by BLAKE3."""
    path = built / "manifest.json"
    manifest = parse_manifest(path.read_bytes())

    def rewrite(digest: Callable[[bytes], str]) -> None:
        files = tuple(
            ManifestFile(
                f.path,
                f.size,
                f.sha256,
                blake3=digest((built / f.path).read_bytes()),
                components=f.components,
            )
            for f in manifest.files
        )
        both = dataclasses.replace(manifest, digests=("sha256", "blake3"), files=files)
        path.write_bytes(dump_manifest(both))

    rewrite(lambda data: digest_of(data, Algorithm.BLAKE3))
    assert sign(built, KEY).manifest.digests == ("sha256", "blake3")
    rewrite(lambda data: digest_of(data + b"!", Algorithm.BLAKE3))
    (built / "model.sig").unlink()
    with pytest.raises(BytesDifferError, match=r"the blake3 of README\.md, and 7 more"):
        sign(built, KEY)
    assert not (built / "model.sig").exists()


def test_every_file_is_read_once(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def hashing(tree: Any, paths: Any, **options: Any) -> Any:
        asked.extend(paths)
        return hash_files(tree, paths, **options)

    monkeypatch.setattr(manifest.inventory.recall, "hash_files", hashing)
    result = sign(built, KEY)
    assert sorted(asked) == [f.path for f in result.manifest.files]


def test_progress_adds_up(built: Path) -> None:
    expected: list[tuple[int, int]] = []
    done: list[tuple[int, int]] = []
    result = sign(
        built, KEY, expect=lambda *a: expected.append(a), progress=lambda *a: done.append(a)
    )
    total = (result.manifest.total_size, len(result.manifest.files))
    assert expected == [total]
    assert (sum(b for b, _ in done), sum(f for _, f in done)) == total


# Where the signature goes.


def test_a_second_signer_signs_beside_the_first(built: Path) -> None:
    first = sign(built, KEY)
    second = sign(built, OTHER, signature_path=built / "signatures" / "other.sig")
    assert second.path.read_bytes() == second.data
    assert first.path.read_bytes() == first.data
    assert payload_of(first.data) == payload_of(second.data)
    assert sign(built, KEY).replaced


def test_a_signature_may_lie_outside(built: Path, tmp_path: Path) -> None:
    result = sign(built, KEY, signature_path=tmp_path / "out.sig")
    assert result.path == tmp_path / "out.sig"
    assert not (built / "model.sig").exists()


@pytest.mark.parametrize("name", ["other.sig", "data/model.sig", "signatures/deep/x.sig"])
def test_a_signature_among_the_files_is_refused(built: Path, name: str) -> None:
    before = contents(built)
    with pytest.raises(UsageError, match="would be one of the release's own files"):
        sign(built, KEY, signature_path=built / name)
    assert contents(built) == before


@pytest.mark.parametrize("content", ["signature of another", "not a bundle"])
def test_another_s_signature_is_replaced_only_on_request(built: Path, content: str) -> None:
    target = built / "model.sig"
    if content == "not a bundle":
        target.write_bytes(b"precious")
    else:
        sign(built, OTHER)
    before = target.read_bytes()
    with pytest.raises(UsageError, match="is left as it is") as caught:
        sign(built, KEY)
    assert "signatures/NAME.sig" in caught.value.remedy
    assert target.read_bytes() == before
    result = sign(built, KEY, force=True)
    assert result.replaced
    assert target.read_bytes() == result.data


def test_a_link_in_the_signature_s_place_is_not_written_through(
    built: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.sig"
    outside.write_bytes(sign(built, KEY).data)
    (built / "model.sig").unlink()
    (built / "model.sig").symlink_to(outside)
    before = outside.read_bytes()
    with pytest.raises(TreeError, match="symbolic link"):
        sign(built, KEY)
    assert outside.read_bytes() == before


def test_a_signature_directory_that_is_a_link_is_not_written_into(
    built: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (built / "signatures").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TreeError, match="symbolic link"):
        sign(built, KEY, signature_path=built / "signatures" / "a.sig")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_manifest_may_lie_elsewhere(small_release: Path, tmp_path: Path) -> None:
    elsewhere = write_manifest(small_release, build(small_release), path=tmp_path / "m.json")
    result = sign(small_release, KEY, manifest_path=elsewhere)
    names = {r["name"]: r["digest"] for r in payload_of(result.data)["predicate"]["resources"]}
    assert names["manifest.json"] == hashlib.sha256(elsewhere.read_bytes()).hexdigest()
    assert any("put it there" in note for note in result.notes)
    (small_release / "manifest.json").write_text("{}")
    with pytest.raises(TreeError, match="holds another"):
        sign(small_release, KEY, manifest_path=elsewhere)


def test_files_of_named_roots_are_checked_and_bound(small_release: Path, tmp_path: Path) -> None:
    text = (small_release / "release.yaml").read_text()
    (small_release / "release.yaml").write_text(text + "roots: {ckpt: {type: directory}}\n")
    ckpt = tmp_path / "ckpt"
    ckpt.mkdir()
    (ckpt / "w").write_text("w")
    write_manifest(small_release, build(small_release, roots={"ckpt": ckpt}))
    with pytest.raises(UsageError, match="no directory is given"):
        sign(small_release, KEY)
    result = sign(small_release, KEY, roots={"ckpt": ckpt})
    assert "w" not in {r["name"] for r in payload_of(result.data)["predicate"]["resources"]}
    assert any("named roots" in note for note in result.notes)
    (ckpt / "w").write_text("v")
    with pytest.raises(BytesDifferError, match="changed: ckpt:w"):
        sign(small_release, KEY, roots={"ckpt": ckpt})


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_leaves_no_half_signature(built: Path, tmp_path: Path) -> None:
    import subprocess

    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", small], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        (small / "filler").write_bytes(b"x" * 4096)
        with pytest.raises(UndecidedError, match="No space left on device"):
            sign(built, KEY, signature_path=small / "model.sig")
        assert [p.name for p in small.iterdir()] == ["filler"]
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_bundle_is_verified_before_anyone_sees_it(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = manifest.signing.signer.sign_payload

    def damaged(payload: bytes, key: PrivateKey) -> bytes:
        return real(payload, OTHER)

    monkeypatch.setattr(manifest.signing.signer, "sign_payload", damaged)
    with pytest.raises(ManifestError):
        sign(built, KEY)
    assert not (built / "model.sig").exists()


# Keys as files.


@pytest.mark.parametrize("kind", KeyKind)
@pytest.mark.parametrize("passphrase", [None, b"correct horse"], ids=["clear", "encrypted"])
def test_a_key_pair_reads_back(tmp_path: Path, kind: KeyKind, passphrase: bytes | None) -> None:
    key = generate(kind)
    private, public = write_key_pair(tmp_path / "k", key, passphrase)
    assert private.stat().st_mode & 0o777 == 0o600
    assert load_private(private.read_bytes(), passphrase=passphrase).fingerprint == key.fingerprint
    assert load_public(public.read_bytes()).fingerprint == key.fingerprint
    assert public.name == "k.pub"


@pytest.mark.parametrize("taken", ["k", "k.pub"])
def test_keys_are_never_overwritten(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("mine")
    with pytest.raises(UsageError, match="never overwritten"):
        write_key_pair(tmp_path / "k", KEY, None)
    assert contents(tmp_path) == {taken: b"mine"}


@pytest.mark.parametrize("where", [".", "data", "data/deep"])
def test_no_private_key_is_put_into_a_release(small_release: Path, where: str) -> None:
    before = contents(small_release)
    with pytest.raises(UsageError, match="would be published"):
        write_key_pair(small_release / where / "k", KEY, None)
    assert contents(small_release) == before


def test_half_a_pair_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import manifest.sign.key_pair
    from manifest.atomic import write_atomically

    def failing(path: Path, *args: Any, **options: Any) -> None:
        if path.name == "k.pub":
            raise UndecidedError("no room")
        write_atomically(path, *args, **options)

    monkeypatch.setattr(manifest.sign.key_pair, "write_atomically", failing)
    with pytest.raises(UndecidedError):
        write_key_pair(tmp_path / "k", KEY, None)
    assert contents(tmp_path) == {}


def test_a_key_needs_a_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        write_key_pair(tmp_path / "none" / "k", KEY, None)
