"""Signing by an identity, up to the network and from there on.

Sigstore's services are not reached here. The first tests go as far as the first connection,
refused; the others put a stand-in for the services' answer where the package would have asked.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sigstore")

from manifest.errors import NotTrustedError, UndecidedError, UsageError
from manifest.sign import sign_file
from manifest.signing.bundle import SigningMethod, parse_bundle
from manifest.signing.keyless import SigstoreIdentity
from manifest.signing.keyless_signer import SigstoreSigner
from manifest.signing.statement import build_statement

SIGNED = Path(__file__).parents[1] / "data/oms-published/v1.1.0-sigstore/model.sig"
WHO = SigstoreIdentity("stefanb@us.ibm.com", "https://sigstore.verify.ibm.com/oauth2")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network in tests")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    for name in ("GITHUB_ACTIONS", "CIRCLECI", "GITLAB_CI", "BUILDKITE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    return path


@pytest.mark.parametrize("staging", [False, True])
def test_services_that_are_not_reached(file: Path, *, staging: bool) -> None:
    with pytest.raises(UndecidedError, match="Sigstore did not sign: Failed to refresh TUF"):
        sign_file(file, SigstoreSigner(token="x", staging=staging))
    assert not file.with_name("model.bin.sig").exists()


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the services would have answered, and what they were asked."""
    from sigstore.models import Bundle, ClientTrustConfig
    from sigstore.sign import SigningContext

    seen: dict[str, Any] = {"answer": SIGNED.read_text()}

    class Signer:
        def sign_dsse(self, statement: Any) -> Bundle:
            seen["payload"] = statement._contents
            return Bundle.from_json(seen["answer"])

    @contextlib.contextmanager
    def signer(token: Any) -> Iterator[Signer]:
        seen["token"] = token
        yield Signer()

    monkeypatch.setattr(
        ClientTrustConfig, "production", lambda: types.SimpleNamespace(signing_config=None)
    )
    monkeypatch.setattr(
        SigningContext, "from_trust_config", lambda _: types.SimpleNamespace(signer=signer)
    )
    return seen


def token_of(monkeypatch: pytest.MonkeyPatch, who: SigstoreIdentity) -> None:
    import sigstore.oidc

    token = types.SimpleNamespace(identity=who.identity, federated_issuer=who.issuer)
    monkeypatch.setattr(sigstore.oidc, "IdentityToken", lambda _: token)


def payload_of(bundle: str) -> bytes:
    return base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"])


def test_bundle_of_the_package_is_one_we_read(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    token_of(monkeypatch, WHO)
    told: list[SigstoreIdentity] = []
    signer = SigstoreSigner(token="x", told=told.append)
    payload = payload_of(services["answer"])
    bundle = signer.sign(payload)
    assert services["payload"] == payload  # byte for byte: no rewriting on the way
    assert told == [WHO]
    assert parse_bundle(bundle).method is SigningMethod.SIGSTORE
    assert signer.verify(bundle, what="it").payload == payload
    assert not signer.owns(parse_bundle(bundle))
    (note,) = signer.notes()
    assert "public log for good" in note


def test_our_statement_is_one_that_the_package_takes(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    token_of(monkeypatch, WHO)
    payload = build_statement("m", [("a", "ab" * 32), ("é/b", "cd" * 32)], [".git"])
    SigstoreSigner(token="x").sign(payload)
    assert services["payload"] == payload


def test_answer_over_something_else_is_not_written(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    token_of(monkeypatch, WHO)
    with pytest.raises(NotTrustedError, match="does not sign what was to be signed"):
        sign_file(file, SigstoreSigner(token="x"))
    assert not file.with_name("model.bin.sig").exists()


def test_answer_for_someone_else_is_not_written(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    token_of(monkeypatch, SigstoreIdentity("me@example.org", WHO.issuer))
    with pytest.raises(NotTrustedError, match=r"is by stefanb@us\.ibm\.com"):
        sign_file(file, SigstoreSigner(token="x"))
    assert not file.with_name("model.bin.sig").exists()


def test_signature_not_made_here_is_not_vouched_for() -> None:
    with pytest.raises(NotTrustedError, match="was not made by this signer"):
        SigstoreSigner().verify(SIGNED.read_bytes(), what="it")


def test_nobody_to_ask(services: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="there is no identity to sign with"):
        SigstoreSigner().sign(b"{}")


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "eyJhbGciOiJub25lIn0.e30."])
def test_token_that_is_none(services: dict[str, Any], token: str) -> None:
    with pytest.raises(UsageError, match="the identity token is of no use"):
        SigstoreSigner(token=token).sign(b"{}")


def test_token_is_not_shown() -> None:
    assert "secret" not in repr(SigstoreSigner(token="secret"))


def test_staging_is_for_tests() -> None:
    assert ["nobody should trust" in text for text in SigstoreSigner(staging=True).notes()] == [
        True
    ]


def test_login_from_a_terminal(services: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    import sigstore.models
    import sigstore.oidc

    config = types.SimpleNamespace(get_oidc_url=lambda: "https://oidc.example")
    monkeypatch.setattr(
        sigstore.models.ClientTrustConfig,
        "production",
        lambda: types.SimpleNamespace(signing_config=config),
    )
    token = types.SimpleNamespace(identity=WHO.identity, federated_issuer=WHO.issuer)
    monkeypatch.setattr(
        sigstore.oidc, "Issuer", lambda url: types.SimpleNamespace(identity_token=lambda: token)
    )
    signer = SigstoreSigner(interactive=True)
    signer.sign(payload_of(services["answer"]))
    assert signer.signed_as == WHO
