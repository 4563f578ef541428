"""Independent implementations read what we write."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from manifest.signing import dsse, keys, signer
from manifest.signing.keys import KeyKind
from manifest.signing.statement import PAYLOAD_TYPE, build_statement

pytestmark = pytest.mark.peer

ECDSA = [KeyKind.ECDSA_P256, KeyKind.ECDSA_P384, KeyKind.ECDSA_P521]
FILES = {"a.txt": b"1", "a/z": b"2", "B.txt": b"3", "é.txt": b"4", "empty": b""}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    for name, data in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


@pytest.fixture
def payload() -> bytes:
    entries = [(name, hashlib.sha256(data).hexdigest()) for name, data in FILES.items()]
    return build_statement("model", entries, ["model.sig", "signatures"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ECDSA)
def test_reference_implementation_verifies_ours(
    tree: Path, tmp_path: Path, payload: bytes, kind: KeyKind
) -> None:
    pytest.importorskip("OpenSSL")
    verifying = pytest.importorskip("model_signing.verifying")
    key = keys.generate(kind)
    signature, public = tree / "model.sig", tmp_path / "key.pub"
    signature.write_bytes(signer.sign_payload(payload, key))
    public.write_bytes(keys.public_pem(key.public))

    def verify() -> None:
        config = verifying.Config().use_elliptic_key_verifier(public_key=public)
        config.verify(tree, signature)

    verify()
    (tree / "a.txt").write_bytes(b"changed")
    with pytest.raises(ValueError, match=r"mismatch|differ|not match"):
        verify()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KeyKind)
def test_securesystemslib_verifies_our_envelope(payload: bytes, kind: KeyKind) -> None:
    sslib_dsse = pytest.importorskip("securesystemslib.dsse")
    sslib = pytest.importorskip("securesystemslib.signer")
    errors = pytest.importorskip("securesystemslib.exceptions")
    key = keys.generate(kind)
    written = json.loads(signer.sign_payload(payload, key))["dsseEnvelope"]
    envelope = sslib_dsse.Envelope.from_dict(written)
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    public = serialization.load_pem_public_key(keys.public_pem(key.public))
    trusted = sslib.SSlibKey.from_crypto(public)
    trusted.keyid = ""  # it asks for equal key ids, and our envelopes have none
    assert envelope.payload_type == PAYLOAD_TYPE
    assert envelope.pae() == dsse.pae(PAYLOAD_TYPE, payload)
    assert envelope.verify([trusted], 1)
    envelope.payload += b" "
    with pytest.raises(errors.VerificationError):
        envelope.verify([trusted], 1)


@pytest.mark.parametrize("kind", ECDSA)
def test_openssl_verifies_the_signed_bytes(tmp_path: Path, payload: bytes, kind: KeyKind) -> None:
    key = keys.generate(kind)
    written = json.loads(signer.sign_payload(payload, key))["dsseEnvelope"]
    for name, data in {
        "key.pub": keys.public_pem(key.public),
        "sig": base64.b64decode(written["signatures"][0]["sig"]),
        "pae": b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(payload), payload),
    }.items():
        (tmp_path / name).write_bytes(data)
    digest = {KeyKind.ECDSA_P256: "256", KeyKind.ECDSA_P384: "384", KeyKind.ECDSA_P521: "512"}
    command = ["openssl", "dgst", f"-sha{digest[kind]}", "-verify", "key.pub"]
    done = subprocess.run(
        [*command, "-signature", "sig", "pae"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "Verified OK"
