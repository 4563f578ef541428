"""What else can be signed in the place of `everything.Everything`, by whom, and beside it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable
from typing import Any

from everything import AUDITOR, RELEASE, STRANGER, Everything
from everything_damaged import damaged, signature_gone

from manifest.document.manifest_file import Manifest
from manifest.inventory import Algorithm, digest_of
from manifest.sign import sign


def spoken_for(one: Everything) -> None:
    """Statements and signatures of others, some of which count."""
    manifest = "manifest.json"
    one.carry("a provenance.sig", "https://slsa.dev/provenance/v1", AUDITOR, manifest)
    one.carry("b files.sig", "https://slsa.dev/provenance/v1", AUDITOR, "notes.txt", "m.gguf")
    one.carry("c stranger.sig", "https://slsa.dev/provenance/v1", STRANGER, manifest)
    one.carry("d unknown.sig", "https://example.org/odd/v1", AUDITOR, manifest)
    sign(one.path, AUDITOR, signature_path=one.path / "signatures/e auditor.sig", roots=one.roots)
    sign(one.path, STRANGER, signature_path=one.path / "signatures/f stranger.sig", roots=one.roots)
    shutil.copy(one.path / "model.sig", one.path / "signatures/g copy.sig")


def in_ranges(one: Everything, size: int = 100) -> None:
    """The publisher's signature, by ranges of ``size`` bytes."""
    resources = []
    names = [r["name"] for r in one.statement()["predicate"]["resources"]]
    for name in names:
        data = (one.path / name).read_bytes()
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            entry = {"name": f"{name}:{start}:{start + len(piece)}", "algorithm": "sha256"}
            resources.append(entry | {"digest": hashlib.sha256(piece).hexdigest()})
    resources.sort(key=lambda r: r["name"])

    def change(statement: dict[str, Any]) -> None:
        statement["predicate"]["serialization"] |= {"method": "shards", "shard_size": size}
        statement["predicate"]["resources"] = resources
        root = b"".join(bytes.fromhex(r["digest"]) for r in resources)
        statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(root).hexdigest()

    one.resign(change)


def damaged_in_ranges(one: Everything) -> None:
    in_ranges(one)
    damaged(one)


def by_blake3(one: Everything) -> None:
    """The publisher's signature, by another digest."""

    def change(statement: dict[str, Any]) -> None:
        statement["predicate"]["serialization"] |= {"hash_type": "blake3"}
        root = b""
        for entry in statement["predicate"]["resources"]:
            data = (one.path / entry["name"]).read_bytes()
            entry |= {"algorithm": "blake3", "digest": digest_of(data, Algorithm.BLAKE3)}
            root += bytes.fromhex(entry["digest"])
        statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(root).hexdigest()

    one.resign(change)


def damaged_by_blake3(one: Everything) -> None:
    by_blake3(one)
    damaged(one)


def without_manifest(one: Everything) -> None:
    """A signature as another tool writes it, of a directory that has no manifest."""

    def change(statement: dict[str, Any]) -> None:
        predicate = statement["predicate"]
        predicate["resources"] = [r for r in predicate["resources"] if r["name"] != "manifest.json"]
        root = b"".join(bytes.fromhex(r["digest"]) for r in predicate["resources"])
        statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(root).hexdigest()
        predicate["serialization"]["ignore_paths"] += ["logs"]

    one.resign(change)
    (one.path / "manifest.json").unlink()
    one.put("logs/1.txt", b"hidden")


def listed_otherwise(one: Everything) -> None:
    """A statement that binds other files than the manifest lists."""

    def change(statement: dict[str, Any]) -> None:
        resources = statement["predicate"]["resources"]
        del resources[2:4]
        root = b"".join(bytes.fromhex(r["digest"]) for r in resources)
        statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(root).hexdigest()

    one.resign(change)


def rebind(statement: dict[str, Any]) -> None:
    """Let the subject of a statement be the digest of its resources."""
    root = b"".join(bytes.fromhex(r["digest"]) for r in statement["predicate"]["resources"])
    statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(root).hexdigest()


def one_not_signed(one: Everything) -> None:
    def change(statement: dict[str, Any]) -> None:
        del statement["predicate"]["resources"][2]
        rebind(statement)

    one.resign(change)


def more_is_signed(one: Everything, *further: str) -> None:
    def change(statement: dict[str, Any]) -> None:
        statement["predicate"]["resources"] += [
            {"name": name, "algorithm": "sha256", "digest": "0" * 64} for name in further
        ]
        rebind(statement)

    one.resign(change)


def last_digest_differs(one: Everything) -> None:
    """The statement gives another digest than the manifest of its last file."""

    def change(statement: dict[str, Any]) -> None:
        statement["predicate"]["resources"][-1]["digest"] = "0" * 64
        rebind(statement)

    one.resign(change)


def last_blake3_differs(one: Everything) -> None:
    by_blake3(one)
    last_digest_differs(one)


def a_range_is_longer(one: Everything) -> None:
    """Signed by byte ranges, of a file that is longer than its manifest says."""
    in_ranges(one, 64)
    file = one.path / "notes.txt"
    longer = file.read_bytes() + b"!"

    def change(statement: dict[str, Any]) -> None:
        for entry in statement["predicate"]["resources"]:
            if entry["name"].startswith("notes.txt:"):
                entry["name"] = f"notes.txt:0:{len(longer)}"
                entry["digest"] = hashlib.sha256(longer).hexdigest()
        rebind(statement)

    one.resign(change)


def other_manifest(one: Everything, data: bytes) -> None:
    """Sign another ``manifest.json`` in its place."""
    one.put("manifest.json", data)

    def change(statement: dict[str, Any]) -> None:
        for entry in statement["predicate"]["resources"]:
            if entry["name"] == "manifest.json":
                entry["digest"] = hashlib.sha256(data).hexdigest()
        rebind(statement)

    one.resign(change)


def in_order(one: Everything) -> None:
    """What is passed over stands before what counts, in ``signatures/``."""
    manifest = "manifest.json"
    one.put("signatures/a stray", b"")
    one.put("signatures/b/inside.sig", b"")
    one.carry("c other.sig", "https://slsa.dev/provenance/v1", AUDITOR, manifest)
    one.put("signatures/d big", b"{" + b" " * 1000)
    sign(one.path, AUDITOR, signature_path=one.path / "signatures/e auditor.sig", roots=one.roots)


def two_empty_files(one: Everything) -> None:
    """Byte ranges list no empty files: here, with no manifest that does."""
    in_ranges(one)
    (one.path / "manifest.json").unlink()

    def change(statement: dict[str, Any]) -> None:
        predicate = statement["predicate"]
        predicate["resources"] = [
            r for r in predicate["resources"] if not r["name"].startswith("manifest.json:")
        ]
        rebind(statement)

    one.resign(change)
    one.put("another empty file", b"")
    one.put("a full file", b"x")


def manifest_with(one: Everything, field: str, value: Any) -> None:
    """Sign a manifest that says something else in one of its fields."""
    plain = json.loads((one.path / "manifest.json").read_bytes())
    (plain if field in plain else plain["release"])[field] = value
    other_manifest(one, json.dumps(plain).encode())


def unsigned_invalid(one: Everything) -> None:
    manifest_with(one, "name", 7)
    signature_gone(one)


def many_statements(one: Everything) -> None:
    """Provenance of things that are not all in the release."""
    kind, outside = "https://slsa.dev/provenance/v1", one.path.parent / "outside"
    for name in ("1", "2", "3"):
        (one.path.parent / f"outside{name}").write_bytes(name.encode())
    one.carry("a.sig", kind, AUDITOR, "m.gguf", f"{outside}1")
    one.carry("b.sig", kind, AUDITOR, "m.gguf", f"{outside}1", f"{outside}2", f"{outside}3")
    one.carry("c.sig", kind, AUDITOR, f"{outside}1", f"{outside}2")
    one.carry("d.sig", kind, AUDITOR, "m.gguf", "notes.txt")
    one.carry("e.sig", "https://slsa.dev/verification_summary/v1", AUDITOR, "manifest.json")


def manifest_shorter_in_ranges(one: Everything) -> None:
    in_ranges(one)
    file = one.path / "manifest.json"
    file.write_bytes(file.read_bytes()[:100])


def manifest_longer_in_ranges(one: Everything) -> None:
    in_ranges(one)
    file = one.path / "manifest.json"
    file.write_bytes(file.read_bytes() + b" " * 100)


def empty_file_not_signed(one: Everything) -> None:
    """By files, where a statement lists empty ones too."""

    def change(statement: dict[str, Any]) -> None:
        predicate = statement["predicate"]
        predicate["resources"] = [
            r for r in predicate["resources"] if r["name"] != "tokenizer/empty.txt"
        ]
        rebind(statement)

    one.resign(change)


def by_blake2b(one: Everything) -> None:
    """A digest that no manifest holds."""

    def change(statement: dict[str, Any]) -> None:
        statement["predicate"]["serialization"] |= {"hash_type": "blake2b"}
        root = b""
        for entry in statement["predicate"]["resources"]:
            data = (one.path / entry["name"]).read_bytes()
            entry |= {"algorithm": "blake2b", "digest": hashlib.blake2b(data).hexdigest()}
            root += bytes.fromhex(entry["digest"])
        statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(root).hexdigest()

    one.resign(change)


def empty_file_added_in_ranges(one: Everything) -> None:
    in_ranges(one)
    one.put("added and empty", b"")


def not_covered_and_signed(one: Everything) -> None:
    """Signed by another tool where ours covers nothing, and beside it what nobody signed."""
    without_manifest(one)
    one.put(".cache/huggingface/signed.txt", b"signed")
    one.put(".cache/huggingface/other.txt", b"not signed")

    def change(statement: dict[str, Any]) -> None:
        statement["predicate"]["resources"].insert(
            0,
            {
                "name": ".cache/huggingface/signed.txt",
                "algorithm": "sha256",
                "digest": hashlib.sha256(b"signed").hexdigest(),
            },
        )
        rebind(statement)

    one.resign(change)


def grown_in_ranges(one: Everything) -> None:
    """Files of one range and of none that have more now."""
    in_ranges(one)
    one.put("notes.txt", b"x" * 150)
    one.put("tokenizer/empty.txt", b"x")


def deep_and_signed(one: Everything) -> None:
    one.put("a/b/c/d.txt", b"x")
    one.put("x/y/z.txt", b"x")
    one.sign_again()


def reaching_checkpoint(one: Everything) -> None:
    """A checkpoint that holds a directory which an inventory owns."""
    text = RELEASE.replace("files: [step2/]", "files: [step2/, data/train/]")
    one.put("release.yaml", text.encode())
    one.sign_again()


def reaching_directories(one: Everything) -> None:
    text = RELEASE.replace('index: "store:index.csv"', "directories: [da*/]")
    one.put("release.yaml", text.encode())
    one.put("data/weights.bin", b"x")
    one.sign_again()


def sha256_and_blake3(one: Everything) -> None:
    """A manifest with one digest, under a signature by the other."""
    one.put(
        "release.yaml", RELEASE.replace("components:", "digests: [sha256]\ncomponents:", 1).encode()
    )
    one.sign_again()
    by_blake3(one)


def described(*changes: tuple[str, str], **files: str) -> Callable[[Everything], None]:
    """The release with another description, and more files by their places."""

    def prepare(one: Everything) -> None:
        text = RELEASE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        one.put("release.yaml", text.encode())
        for place, content in files.items():
            root, _, path = place.rpartition(":")
            one.put(path, content.encode(), root=root)
        one.sign_again()

    return prepare


def data_claimed(one: Everything) -> None:
    """A checkpoint that says its data, and a manifest that gives it others."""
    described(("step: 1,", "step: 1, data: '0-1',"))(one)

    def change(manifest: Manifest) -> Manifest:
        first, *rest = manifest.checkpoints
        return dataclasses.replace(
            manifest, checkpoints=(dataclasses.replace(first, data="0-7"), *rest)
        )

    one.forge({}, change)
