"""A small signed release, and the tools to break it; shared by several folders of tests."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import blake3

from manifest.build import build, write_manifest
from manifest.document.manifest_entries import ManifestFile, files_digest
from manifest.document.manifest_file import Manifest, dump_manifest, parse_manifest
from manifest.errors import ExitCode
from manifest.sign import sign
from manifest.signing.keys import PrivateKey
from manifest.signing.signer import sign_payload
from manifest.verify.report import VerifyReport
from manifest.verify.run import verify

RELEASE = """\
schema_version: "1.0"
name: acme/tiny
version: 1.10
described_by: publisher
components:
  model-parameters-final:
    files: ["*.safetensors"]
    license: apache-2.0
  tokenizer:
    files: [tokenizer/**]
"""

FILES = {
    "release.yaml": RELEASE.encode(),
    "model.safetensors": bytes(range(256)) * 40,
    "tokenizer/vocab naïve.txt": b"a b c\n",
    "tokenizer/merges.txt": b"",
    "notes.txt": b"in no component\n",
}


@dataclasses.dataclass
class Release:
    """A signed release in a directory of its own."""

    path: Path
    key: PrivateKey

    def verify(self, **options: Any) -> VerifyReport:
        options.setdefault("keys", [self.key.public])
        return verify(self.path, **options)

    def statement(self) -> dict[str, Any]:
        bundle = json.loads((self.path / "model.sig").read_bytes())
        payload: dict[str, Any] = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
        return payload

    def resign(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Sign a changed statement with the publisher's own key."""
        statement = self.statement()
        change(statement)
        self.sign_payload(json.dumps(statement).encode())

    def sign_payload(self, payload: bytes) -> None:
        (self.path / "model.sig").write_bytes(sign_payload(payload, self.key))

    def forge(
        self,
        files: Mapping[str, bytes],
        change: Callable[[Manifest], Manifest] = lambda manifest: manifest,
    ) -> None:
        """Change files and the manifest as only the publisher can, against what `sign` accepts."""
        for path, data in files.items():
            (self.path / path).write_bytes(data)
        manifest = parse_manifest((self.path / "manifest.json").read_bytes())
        entries = tuple(_bound(f, files.get(f.path)) for f in manifest.files)
        components = []
        for one in manifest.components:
            mine = [f for f in entries if one.id in f.components]
            digest = files_digest(mine) if mine else ""
            size = sum(f.size for f in mine)
            components.append(dataclasses.replace(one, size=size, root_digest=digest))
        manifest = change(
            dataclasses.replace(
                manifest,
                files=entries,
                components=tuple(components),
                root_digest=files_digest(entries),
                total_size=sum(f.size for f in entries),
            )
        )
        data = dump_manifest(manifest)
        (self.path / "manifest.json").write_bytes(data)
        digests = {f.path: f.sha256 for f in manifest.files}
        digests["manifest.json"] = hashlib.sha256(data).hexdigest()

        def bind(statement: dict[str, Any]) -> None:
            resources = statement["predicate"]["resources"]
            for one in resources:
                one["digest"] = digests[one["name"]]
            joined = b"".join(bytes.fromhex(one["digest"]) for one in resources)
            statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(joined).hexdigest()

        self.resign(bind)

    def sign_again(self) -> None:
        """Sign what lies there, whatever ``manifest.json`` says."""
        (self.path / "model.sig").unlink(missing_ok=True)
        sign(self.path, self.key)


def _bound(file: ManifestFile, data: bytes | None) -> ManifestFile:
    if data is None:
        return file
    sha256, b3 = hashlib.sha256(data).hexdigest(), blake3.blake3(data).hexdigest()
    return file._replace(size=len(data), sha256=sha256, blake3=b3)


def make_release(path: Path, key: PrivateKey) -> Release:
    for name, data in FILES.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    write_manifest(path, build(path))
    sign(path, key)
    return Release(path, key)


def assert_ok(report: VerifyReport) -> None:
    assert report.exit_code is ExitCode.OK, report
    assert report.ok
