"""A small signed release, and the tools to break it; shared by several folders of tests."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from manifest.build import build, write_manifest
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

    def sign_again(self) -> None:
        """Sign what lies there, whatever ``manifest.json`` says."""
        (self.path / "model.sig").unlink(missing_ok=True)
        sign(self.path, self.key)


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
