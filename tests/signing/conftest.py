from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from manifest.signing import dsse, keys, statement

DATA = Path(__file__).resolve().parents[1] / "data"

Bundle = dict[str, Any]


@pytest.fixture(scope="session")
def oms() -> Path:
    return DATA / "oms"


@pytest.fixture(scope="session")
def oms_schemas() -> Path:
    return DATA / "oms-schemas"


@pytest.fixture(scope="session")
def key() -> keys.PrivateKey:
    return keys.generate()


@pytest.fixture(scope="session")
def other_key() -> keys.PrivateKey:
    return keys.generate()


@pytest.fixture
def document() -> dict[str, Any]:
    """A sound statement, as parsed JSON that a test may change."""
    payload = statement.build_statement(
        "tiny", [("weights.bin", "ab" * 32), ("config.json", "cd" * 32)], ["model.sig"]
    )
    value: dict[str, Any] = json.loads(payload)
    return value


@pytest.fixture
def payload(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


@pytest.fixture(scope="session")
def bundle_of() -> Callable[..., Bundle]:
    """Wraps and signs a payload by hand, independent of the code that writes bundles."""

    def make(
        payload: bytes,
        key: keys.PrivateKey,
        payload_type: str = statement.PAYLOAD_TYPE,
    ) -> Bundle:
        signature = key.sign(dsse.pae(payload_type, payload))
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "publicKey": {"hint": key.fingerprint},
                "tlogEntries": [],
            },
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": payload_type,
                "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
            },
        }

    return make
