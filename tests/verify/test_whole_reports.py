"""Whole reports of one release in every state, field by field: nothing is told less than it was.

Golden files (``UPDATE_GOLDEN=1`` writes them), of a release that has a bit of everything: digests
of tensors, a named root, an inventory in each root, checkpoints, and statements of others.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from releases import Release
from weights import T, gguf, safetensors

from manifest.build import build, write_manifest
from manifest.document.manifest_file import Manifest
from manifest.errors import UsageError
from manifest.inventory import Algorithm, digest_of
from manifest.sign import sign
from manifest.signing.keys import PrivateKey, load_private
from manifest.signing.signer import sign_payload
from manifest.verify.run import verify

GOLDEN = Path(__file__).parent / "golden"


def fixed(seed: int) -> PrivateKey:
    """A key whose signatures are the same in every run."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return load_private(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


PUBLISHER, AUDITOR, STRANGER = fixed(1), fixed(2), fixed(3)
NAMES = {
    PUBLISHER.fingerprint: "PUBLISHER",
    AUDITOR.fingerprint: "AUDITOR",
    STRANGER.fingerprint: "STRANGER",
}
A, B, C, D = (T(n, n.encode() * 64) for n in "abcd")
RELEASE = """\
schema_version: "1.0"
name: acme/everything
version: "1.2"
described_by: publisher
roots:
  store: {type: directory}
components:
  model-parameters-final:
    files: ["*.safetensors", "*.gguf", "store:*.safetensors"]
  tokenizer:
    files: [tokenizer/, "store:vocab.txt"]
  datasets:
    inventory: {path: data/train.jsonl, directory: data/train/}
  evaluation-data:
    inventory: {path: "store:test.jsonl", directory: "store:test/"}
checkpoints:
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
    **{f"data/train/{n:03}.txt": b"%d" % n * 9 for n in range(12)},
}
THERE = {
    "vocab.txt": b"a b c\n",
    "m-3.safetensors": safetensors(T("e", b"e" * 64)),
    "step1/weights.safetensors": safetensors(T("one", b"1" * 64)),
    "step1/optimizer.bin": b"state",
    **{f"test/{n}.txt": b"test %d" % n for n in range(3)},
}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"


@dataclasses.dataclass
class Everything(Release):
    """The release, and where its other root lies."""

    store: Path = Path()

    def check(self, **options: Any) -> Any:
        options.setdefault("roots", {"store": self.store})
        options.setdefault("keys", [PUBLISHER.public, AUDITOR.public])
        return verify(self.path, **options)

    def put(self, path: str, data: bytes, *, store: bool = False) -> None:
        file = (self.store if store else self.path) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def carry(self, name: str, kind: str, key: PrivateKey, *subjects: str) -> None:
        digests = [hashlib.sha256((self.path / s).read_bytes()).hexdigest() for s in subjects]
        plain = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": f"s{n}", "digest": {"sha256": d}} for n, d in enumerate(digests)],
            "predicateType": kind,
            "predicate": {"runDetails": {"builder": {"id": "https://example.org/builder"}}},
        }
        self.put(f"signatures/{name}", sign_payload(json.dumps(plain).encode(), key))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    place = tmp_path_factory.mktemp("made")
    one = Everything(place / "release", PUBLISHER, place / "store")
    for name, data in HERE.items():
        one.put(name, data)
    for name, data in THERE.items():
        one.put(name, data, store=True)
    roots = {"store": one.store}
    write_manifest(one.path, build(one.path, roots=roots))
    sign(one.path, PUBLISHER, roots=roots)
    return one


@pytest.fixture
def everything(made: Everything, tmp_path: Path) -> Everything:
    for each in (made.path, made.store):
        shutil.copytree(each, tmp_path / each.name, symlinks=True)
    return Everything(tmp_path / made.path.name, PUBLISHER, tmp_path / made.store.name)


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
        return {k: plain(v) for k, v in value.items() if v not in (None, "", (), [], {}, False)}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


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
    one.put("vocab.txt", b"a b d\n", store=True)
    (one.store / "step1/optimizer.bin").rename(one.store / "step1/optimiser.bin")
    one.put("test/0.txt", b"TEST 0", store=True)
    (one.store / "test/1.txt").unlink()
    one.put("test/added.txt", b"new", store=True)
    one.put("data/train/000.txt", b"longer than it was")
    one.put("data/train/001.txt", b"9" * 9)
    (one.path / "data/train/002.txt").unlink()
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
    roots = {"store": one.store}
    sign(one.path, AUDITOR, signature_path=one.path / "signatures/e auditor.sig", roots=roots)
    sign(one.path, STRANGER, signature_path=one.path / "signatures/f stranger.sig", roots=roots)
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


def nothing(_one: Everything) -> None: ...


AT = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
CASES: dict[str, tuple[Callable[[Everything], None], dict[str, Any]]] = {
    "good": (nothing, {}),
    "good-at-a-time": (nothing, {"at": AT}),
    "good-sha256": (nothing, {"digest": "sha256"}),
    "good-both": (nothing, {"digest": "both"}),
    "good-integrity": (nothing, {"keys": [], "integrity_only": True}),
    "good-nobody": (nothing, {"keys": []}),
    "good-no-roots": (nothing, {"roots": {}}),
    "good-strict": (nothing, {"strict": True}),
    "good-in-ranges": (in_ranges, {}),
    "good-blake3": (by_blake3, {}),
    "good-without-manifest": (without_manifest, {"ignore": ["logs/", "data/train"], "roots": {}}),
    "hidden-without-manifest": (without_manifest, {"roots": {}}),
    "spoken-for": (spoken_for, {}),
    "spoken-for-nobody": (spoken_for, {"keys": [], "integrity_only": True}),
    "damaged": (damaged, {}),
    "damaged-strict": (damaged, {"strict": True}),
    "damaged-both": (damaged, {"digest": "both"}),
    "damaged-integrity": (damaged, {"keys": [], "integrity_only": True}),
    "damaged-ignored": (damaged, {"ignore": ["added.bin", "linked", "pipe", "nothing"]}),
    "damaged-in-ranges": (damaged_in_ranges, {}),
    "damaged-blake3": (damaged_by_blake3, {}),
    "damaged-no-roots": (damaged, {"roots": {}}),
    "inventories-changed": (inventories_changed, {}),
    "inventories-gone": (inventories_gone, {}),
    "inventories-changed-part": (inventories_changed, {"components": ["tokenizer"]}),
    "manifest-changed": (manifest_changed, {}),
    "manifest-changed-part": (manifest_changed, {"only": ["*.gguf"]}),
    "manifest-changed-component": (manifest_changed, {"components": ["tokenizer"]}),
    "manifest-gone": (lambda one: (one.path / "manifest.json").unlink(), {}),
    "description-changed": (lambda one: one.put("release.yaml", RELEASE.encode() + b"#"), {}),
    "description-changed-part": (
        lambda one: one.put("release.yaml", RELEASE.encode() + b"#"),
        {"only": ["*.gguf"]},
    ),
    "description-is-a-pointer-part": (
        lambda one: one.put("release.yaml", POINTER % (b"0" * 64, 2)),
        {"only": ["*.gguf"]},
    ),
    "claims-differ": (claims_differ, {}),
    "listed-otherwise": (listed_otherwise, {}),
    "part-only": (nothing, {"only": ["*.gguf", "store:vocab.txt"]}),
    "part-component": (damaged, {"components": ["tokenizer", "datasets"]}),
    "part-checkpoints": (damaged, {"checkpoints": ["step1", "step2"]}),
    "part-checkpoint-no-root": (nothing, {"checkpoints": ["step1"], "roots": {}}),
    "part-two-without-root": (nothing, {"components": ["tokenizer"], "roots": {}}),
    "part-in-an-inventory": (damaged, {"only": ["data/train/00?.txt"]}),
    "part-in-another-root": (damaged, {"only": ["store:test/*"]}),
    "part-mixed": (
        damaged,
        {"only": ["notes.txt"], "components": ["evaluation-data"], "checkpoints": ["step2"]},
    ),
    "part-misses": (nothing, {"only": ["*.onnx"]}),
    "tensors": (nothing, {"tensors": ["a", "e", "g"]}),
    "tensors-damaged": (damaged, {"tensors": ["a", "c", "d", "e", "g"]}),
    "tensors-of-a-part": (damaged, {"tensors": ["c", "d"], "only": ["m-2*"]}),
    "tensors-none": (nothing, {"tensors": ["zz"], "only": ["m-2*"]}),
    "tensors-nowhere": (nothing, {"tensors": ["zz"]}),
    "tensors-no-root": (nothing, {"tensors": ["a", "e"], "roots": {}}),
    "sample": (nothing, {"sample": 100}),
    "other-key": (nothing, {"keys": [STRANGER.public]}),
    "other-keys": (nothing, {"keys": [STRANGER.public, AUDITOR.public]}),
    "other-version": (nothing, {"expect_version": "1.3"}),
    "unknown-root": (nothing, {"roots": {"shop": "."}}),
    "signature-gone": (signature_gone, {}),
    "signature-broken": (signature_broken, {}),
    "signature-is-a-directory": (signature_is_a_directory, {"keys": [], "integrity_only": True}),
    "unknown-digest": (nothing, {"digest": "md5"}),
    "blake3-without-manifest": (
        without_manifest,
        {"digest": "blake3", "ignore": ["logs"], "roots": {}},
    ),
    "ignores-what-is-signed": (nothing, {"ignore": ["tokenizer"]}),
    "ignores-what-an-inventory-owns": (nothing, {"ignore": ["data"]}),
}


def names(text: str, tmp_path: Path) -> str:
    for fingerprint, name in NAMES.items():
        text = text.replace(fingerprint, name)
    return text.replace(str(tmp_path), "PLACE")


@pytest.mark.parametrize("name", CASES)
def test_a_whole_report(everything: Everything, name: str, tmp_path: Path) -> None:
    prepare, options = CASES[name]
    prepare(everything)
    try:
        report = everything.check(**options)
        found = {"exit_code": report.exit_code.name, "ok": report.ok, **plain(report)}
    except UsageError as error:
        found = {"usage": error.message, "remedy": error.remedy}
    text = names(json.dumps(found, indent=1, ensure_ascii=False), tmp_path) + "\n"
    golden = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_every_golden_file_is_of_a_case() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == CASES.keys()
