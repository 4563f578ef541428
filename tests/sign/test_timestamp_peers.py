"""Independent implementations read a signature that carries a timestamp."""

from __future__ import annotations

from pathlib import Path

import pytest
from timestamp_authority import make_authority

from manifest.build import build, write_manifest
from manifest.sign import sign
from manifest.signing.keys import generate, public_pem
from manifest.signing.signer import KeySigner
from manifest.signing.timestamping import TimestampedSigner

pytestmark = pytest.mark.peer


def test_the_reference_implementation_and_sigstore(small_release: Path, tmp_path: Path) -> None:
    pytest.importorskip("OpenSSL")
    pytest.importorskip("rfc3161_client")
    verifying = pytest.importorskip("model_signing.verifying")
    models = pytest.importorskip("sigstore_models.bundle.v1")
    write_manifest(small_release, build(small_release))
    key = generate()
    public = tmp_path / "k.pub"
    public.write_bytes(public_pem(key.public))
    authority = make_authority(tmp_path / "authority")
    result = sign(small_release, TimestampedSigner(KeySigner(key), (authority.reply,)))
    verifying.Config().use_elliptic_key_verifier(public_key=public).verify(
        small_release, result.path
    )
    parsed = models.Bundle.from_json(result.data)
    (stamp,) = parsed.verification_material.timestamp_verification_data.rfc3161_timestamps
    assert authority.accepts(stamp.signed_timestamp, parsed.dsse_envelope.signatures[0].sig)
