"""Independent implementations read what we sign."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from manifest.build import build, write_manifest
from manifest.errors import ManifestError
from manifest.sign import sign
from manifest.signing.keys import KeyKind, PrivateKey, generate, public_pem

pytestmark = pytest.mark.peer

NIST = [KeyKind.ECDSA_P256, KeyKind.ECDSA_P384, KeyKind.ECDSA_P521]


@pytest.fixture
def built(small_release: Path) -> Path:
    # What a clone has beside the release's own files.
    (small_release / ".git").mkdir()
    (small_release / ".git" / "HEAD").write_text("ref")
    (small_release / ".gitattributes").write_text("* text")
    (small_release / "data" / ".gitignore").write_text("*.tmp")
    write_manifest(small_release, build(small_release))
    return small_release


def peer_verifies(release: Path, signature: Path, public: Path) -> None:
    pytest.importorskip("OpenSSL")
    verifying = pytest.importorskip("model_signing.verifying")
    verifying.Config().use_elliptic_key_verifier(public_key=public).verify(release, signature)


@pytest.mark.parametrize("kind", NIST)
def test_the_reference_implementation_accepts_our_signature(
    built: Path, tmp_path: Path, kind: KeyKind
) -> None:
    key = generate(kind)
    public = tmp_path / "k.pub"
    public.write_bytes(public_pem(key.public))
    result = sign(built, key)
    peer_verifies(built, result.path, public)
    second = sign(built, generate(), signature_path=built / "signatures" / "second.sig")
    peer_verifies(built, result.path, public)
    assert second.path.is_file()
    (built / "data" / "deep" / "er" / "日本.txt").write_text("y")
    with pytest.raises(ValueError, match=r"Signature mismatch|mismatch"):
        peer_verifies(built, result.path, public)


@pytest.mark.parametrize("kind", NIST)
def test_the_reference_implementation_refuses_our_signature_by_another_key(
    built: Path, tmp_path: Path, kind: KeyKind
) -> None:
    public = tmp_path / "k.pub"
    public.write_bytes(public_pem(generate(kind).public))
    result = sign(built, generate(kind))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the peer raises
        peer_verifies(built, result.path, public)
    assert not isinstance(caught.value, ManifestError)


@pytest.mark.parametrize("kind", KeyKind)
def test_securesystemslib_verifies_the_envelope(built: Path, kind: KeyKind) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse")
    errors = pytest.importorskip("securesystemslib.exceptions")
    key = generate(kind)
    signature = sign(built, key).data

    def envelope() -> Any:  # reading one changes the values it is read from
        return dsse.Envelope.from_dict(json.loads(signature)["dsseEnvelope"])

    ours = _without_keyid(key)
    assert list(envelope().verify([ours], 1).values()) == [ours]
    with pytest.raises(errors.VerificationError):
        envelope().verify([_without_keyid(generate(kind))], 1)


def _without_keyid(key: PrivateKey) -> Any:
    """The public key as the peer holds it; it compares key ids, and OMS writes none."""
    signer = pytest.importorskip("securesystemslib.signer")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    public = serialization.load_pem_public_key(public_pem(key.public))
    found = signer.SSlibKey.from_crypto(public)
    return signer.SSlibKey("", found.keytype, found.scheme, found.keyval)
