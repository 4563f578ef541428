"""A signed release with a bit of everything.

Its keys and signatures are the same in every run, so that whole reports of it can be compared.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from releases import Release
from weights import T, gguf, safetensors

from manifest.build import build, write_manifest
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

    def carry(
        self, name: str, kind: str, key: PrivateKey, *subjects: str, **predicate: Any
    ) -> None:
        digests = [hashlib.sha256((self.path / s).read_bytes()).hexdigest() for s in subjects]
        plain = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": f"s{n}", "digest": {"sha256": d}} for n, d in enumerate(digests)],
            "predicateType": kind,
            "predicate": predicate
            or {"runDetails": {"builder": {"id": "https://example.org/builder"}}},
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
