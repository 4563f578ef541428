"""A signed release with a bit of everything, and the states that an adversary can bring it to.

Its keys and signatures are the same in every run, so that whole reports of it can be compared.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import errno
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from releases import Release
from weights import T, gguf, safetensors

from manifest.build import build, write_manifest
from manifest.document.manifest_file import Manifest
from manifest.inventory import Algorithm, digest_of
from manifest.sign import sign
from manifest.signing.keys import PrivateKey, load_private
from manifest.signing.signer import sign_payload
from manifest.verify.run import verify


def fixed(seed: int) -> PrivateKey:
    """A key whose signatures are the same in every run."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return load_private(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


PUBLISHER, AUDITOR, STRANGER = fixed(1), fixed(2), fixed(3)
KEYS = {"publisher": PUBLISHER, "auditor": AUDITOR, "stranger": STRANGER}
A, B, C, D = (T(n, n.encode() * 64) for n in "abcd")
RELEASE = """\
schema_version: "1.0"
name: acme/everything
version: "1.2"
described_by: publisher
roots:
  store: {type: directory}
  more: {type: directory}
components:
  model-parameters-final:
    files: ["*.safetensors", "*.gguf", "store:*.safetensors"]
  tokenizer:
    files: [tokenizer/, "store:vocab.txt"]
  datasets:
    inventory: {path: data/train.jsonl, directory: data/train/}
  evaluation-data:
    inventory: {path: "store:test.jsonl", directory: "more:test/"}
checkpoints:
  index: "store:index.csv"
  entries:
    - {name: step1, step: 1, files: ["store:step1/"]}
    - {name: step2, step: 2, files: [step2/]}
"""
HERE = {
    "release.yaml": RELEASE.encode(),
    "m-1.safetensors": safetensors(A, B),
    "m-2.safetensors": safetensors(C, D),
    "m.gguf": gguf([("g", (3,), 0, b"g" * 12), ("h", (8,), 0, b"h" * 32)]),
    "tokenizer/tokenizer.json": b"{}",
    "tokenizer/empty.txt": b"",
    "step2/weights.safetensors": safetensors(T("two", b"2" * 64)),
    "notes.txt": b"in no component\n",
    "other notes.txt": b"in no component either\n",
    "third notes.txt": b"nor these\n",
    **{f"data/train/{n:03}.txt": b"%03d" % n * 9 for n in range(12)},
}
THERE = {
    "vocab.txt": b"a b c\n",
    "index.csv": b"Stage,Step,Directory\nfirst,10,https://example.org/step10/\n"
    b"first,20,https://example.org/step20/\n",
    "m-3.safetensors": safetensors(T("e", b"e" * 64)),
    "step1/weights.safetensors": safetensors(T("one", b"1" * 64)),
    "step1/optimizer.bin": b"state",
}
MORE = {f"test/{n}.txt": b"test %d" % n for n in range(3)}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"


@dataclasses.dataclass
class Everything(Release):
    """The release, and where its other root lies."""

    store: Path = Path()
    more: Path = Path()

    @property
    def roots(self) -> dict[str, Path]:
        return {"store": self.store, "more": self.more}

    def check(self, **options: Any) -> Any:
        options.setdefault("roots", self.roots)
        options.setdefault("keys", [PUBLISHER.public, AUDITOR.public])
        return verify(self.path, **options)

    def put(self, path: str, data: bytes, *, root: str = "") -> None:
        file = (self.roots[root] if root else self.path) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def sign_again(self) -> None:
        """Build and sign what lies there."""
        for name in ("manifest.json", "model.sig"):
            (self.path / name).unlink(missing_ok=True)
        write_manifest(self.path, build(self.path, roots=self.roots))
        sign(self.path, PUBLISHER, roots=self.roots)

    def carry(self, name: str, kind: str, key: PrivateKey, *subjects: str) -> None:
        digests = [hashlib.sha256((self.path / s).read_bytes()).hexdigest() for s in subjects]
        plain = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": f"s{n}", "digest": {"sha256": d}} for n, d in enumerate(digests)],
            "predicateType": kind,
            "predicate": {"runDetails": {"builder": {"id": "https://example.org/builder"}}},
        }
        self.put(f"signatures/{name}", sign_payload(json.dumps(plain).encode(), key))


def make_everything(place: Path) -> Everything:
    one = Everything(place / "release", PUBLISHER, place / "store", place / "more")
    for name, data in HERE.items():
        one.put(name, data)
    for name, data in THERE.items():
        one.put(name, data, root="store")
    for name, data in MORE.items():
        one.put(name, data, root="more")
    write_manifest(one.path, build(one.path, roots=one.roots))
    sign(one.path, PUBLISHER, roots=one.roots)
    return one


def copy_of(made: Everything, place: Path) -> Everything:
    for each in (made.path, made.store, made.more):
        shutil.copytree(each, place / each.name, symlinks=True)
    return Everything(place / "release", PUBLISHER, place / "store", place / "more")


def plain(value: Any) -> Any:
    """A report as JSON has it, without the fields that say nothing and the manifest's content."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Manifest):
        return f"{value.name} {value.version}"
    if dataclasses.is_dataclass(value):
        fields = [f.name for f in dataclasses.fields(value)]
        return plain({name: getattr(value, name) for name in fields})
    if isinstance(value, Mapping):
        said = {k: v for k, v in value.items() if v is not None and v is not False}
        return {k: plain(v) for k, v in said.items() if v not in ("", (), [], {})}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


def text_of(found: Any, place: Path) -> str:
    """Plain values as a golden file has them.

    Args:
        found: The values.
        place: The directory of the test, which stands in texts as ``PLACE``.
    """
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    for name, key in KEYS.items():
        text = text.replace(key.fingerprint, name.upper())
    return text.replace(str(place), "PLACE")


def assert_golden(found: Any, golden: Path, place: Path) -> None:
    """What was found is what the file says, or is written there with ``UPDATE_GOLDEN=1``."""
    text = text_of(found, place)
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@contextlib.contextmanager
def unreadable(names: Sequence[str], after: int = 0) -> Iterator[None]:
    """Files of these names cannot be opened, from a time on: root may read whatever it likes."""
    really, opened = os.open, Counter[str]()

    def refuse(path: Any, *arguments: Any, **options: Any) -> int:
        name = Path(os.fsdecode(path)).name if not isinstance(path, int) else ""
        opened[name] += 1
        if name in names and opened[name] > after:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return really(path, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        if names:
            patch.setattr(os, "open", refuse)
        yield


def damaged(one: Everything) -> None:
    """A fault of every kind in every place where files lie."""
    for path, store in (("m-2.safetensors", False), ("m-3.safetensors", True)):
        file = (one.store if store else one.path) / path
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
    one.put("m.gguf", b"shorter")
    (one.path / "notes.txt").unlink()
    (one.path / "third notes.txt").unlink()
    (one.path / "other notes.txt").rename(one.path / "renamed.txt")
    one.put("added.bin", b"new")
    (one.path / "linked").symlink_to("/etc/passwd")
    os.mkfifo(one.path / "pipe")
    digest = hashlib.sha256(b"{}").hexdigest().encode()
    one.put("tokenizer/tokenizer.json", POINTER % (digest, 2))
    one.put(".cache/huggingface/x.lock", b"")
    one.put("signatures/readme.txt", b"no signature")
    one.put("vocab.txt", b"a b d\n", root="store")
    (one.store / "step1/optimizer.bin").rename(one.store / "step1/optimiser.bin")
    one.put("test/0.txt", b"TEST 0", root="more")
    (one.more / "test/1.txt").unlink()
    one.put("test/added.txt", b"new", root="more")
    one.put("beside the inventory's", b"new", root="more")
    (one.path / "zlink").symlink_to("/etc/passwd")
    one.put("data/train/000.txt", b"longer than it was")
    one.put("data/train/001.txt", b"9" * 27)
    (one.path / "data/train/002.txt").unlink()
    owned = hashlib.sha256(HERE["data/train/004.txt"]).hexdigest().encode()
    one.put("data/train/004.txt", POINTER % (owned, 27))
    (one.path / "data/train/003.txt").rename(one.path / "data/train/moved.txt")
    one.put("data/train/added.txt", b"new")
    (one.path / "data/train/linked.txt").symlink_to("000.txt")


def inventories_changed(one: Everything) -> None:
    for file in (one.path / "data/train.jsonl", one.store / "test.jsonl"):
        file.write_bytes(file.read_bytes().replace(b'"size":', b'"size": '))


def inventories_gone(one: Everything) -> None:
    (one.path / "data/train.jsonl").unlink()
    (one.store / "test.jsonl").unlink()


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


def manifest_changed(one: Everything) -> None:
    file = one.path / "manifest.json"
    file.write_bytes(file.read_bytes().replace(b"acme/everything", b"acme/everyth1ng"))


def claims_differ(one: Everything) -> None:
    text = RELEASE.replace("step: 2", "step: 3").replace("  tokenizer:", "  tokeniser: ")
    text = text.replace("tokeniser: ", "tokenizer:\n    license: mit")
    one.forge({"release.yaml": text.encode()})


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


def signature_gone(one: Everything) -> None:
    (one.path / "model.sig").unlink()


def signature_broken(one: Everything) -> None:
    one.put("model.sig", b"{}")


def signature_is_a_directory(one: Everything) -> None:
    (one.path / "model.sig").unlink()
    one.put("model.sig/inside", b"x")


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


def checkpoints_claimed(one: Everything, *, drop: bool = False) -> None:
    """The manifest lists other checkpoints than its indexes give."""

    def change(manifest: Manifest) -> Manifest:
        first, second, *rest = manifest.checkpoints
        altered = dataclasses.replace(second, step=77)
        kept = (first, altered) if drop else (first, altered, *rest)
        return dataclasses.replace(manifest, checkpoints=kept)

    one.forge({}, change)


def last_checkpoint_gone(one: Everything) -> None:
    one.forge({}, lambda m: dataclasses.replace(m, checkpoints=m.checkpoints[:-1]))


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


def unsigned_description_changed(one: Everything) -> None:
    signature_gone(one)
    one.put("release.yaml", RELEASE.encode() + b"#")


def nothing(_one: Everything) -> None:
    """The good release."""


def directories_gone(one: Everything) -> None:
    shutil.rmtree(one.path / "data/train")
    shutil.rmtree(one.more / "test")


def manifest_elsewhere(one: Everything) -> None:
    (one.path / "manifest.json").rename(one.path.parent / "there.json")


def unsigned_elsewhere(one: Everything) -> None:
    manifest_elsewhere(one)
    signature_gone(one)


def signature_elsewhere(one: Everything) -> None:
    (one.path / "model.sig").rename(one.path.parent / "there.sig")


def signature_inside(one: Everything) -> None:
    """In a directory of the release, beside a file that is none of it."""
    one.put("deep/er/stray.txt", b"x")
    (one.path / "model.sig").rename(one.path / "deep/er/there.sig")


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


def weights_are_pointers(one: Everything) -> None:
    digest = hashlib.sha256(HERE["m-1.safetensors"]).hexdigest().encode()
    one.put("m-1.safetensors", POINTER % (digest, len(HERE["m-1.safetensors"])))


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


def sha256_alone(one: Everything) -> None:
    """A manifest that names one digest, and gives two of each file."""
    one.forge({}, lambda manifest: dataclasses.replace(manifest, digests=("sha256",)))


def ends_in_x(one: Everything) -> None:
    one.put("box", b"x")
    one.put("boX", b"x")


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


def deep_and_added(one: Everything) -> None:
    one.put("a/b/c/d.txt", b"x")
    one.put("x/y/z.txt", b"x")
