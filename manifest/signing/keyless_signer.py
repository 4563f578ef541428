"""Signing without a key of one's own, through Sigstore's services.

The package `sigstore` does all of it: it takes the services' current addresses and roots by TUF,
has an identity token turned into a certificate of ten minutes, signs, and has the signature
entered in the log. The token is asked for last, once everything is hashed: it lives for minutes,
and hashing a large model takes longer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from manifest.display import printable
from manifest.errors import NotTrustedError, UndecidedError, UsageError
from manifest.signing.bundle import Bundle
from manifest.signing.keyless import SigstoreIdentity, SigstoreTrust, require_sigstore
from manifest.signing.verification import VerifiedEnvelope, verify_signature

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken

__all__ = ["SigstoreSigner"]


@dataclasses.dataclass(slots=True)
class SigstoreSigner:
    """A signer known by an identity.

    Attributes:
        token: An OpenID Connect token; None to take the one that a CI service offers, or to ask.
        staging: Use the staging instance, which is for tests.
        interactive: Whether there is somebody to log in with a browser.
        told: Called with the identity before it is entered in the public log for good.
        signed_as: Whose token it was; None before `sign`.
    """

    token: str | None = dataclasses.field(default=None, repr=False)
    staging: bool = False
    interactive: bool = False
    told: Callable[[SigstoreIdentity], None] | None = None
    signed_as: SigstoreIdentity | None = None

    def sign(self, payload: bytes) -> bytes:
        """Sign through the services.

        Raises:
            UndecidedError: A service cannot be reached, or refuses.
            UsageError: There is no identity, or the token is none.
            MissingExtraError: The package sigstore is not installed.
        """
        require_sigstore()
        from sigstore.dsse import Statement
        from sigstore.errors import Error
        from sigstore.models import ClientTrustConfig
        from sigstore.sign import SigningContext

        try:
            config = ClientTrustConfig.staging() if self.staging else ClientTrustConfig.production()
            token = self._token(config)
            self.signed_as = SigstoreIdentity(token.identity, token.federated_issuer)
            if self.told is not None:
                self.told(self.signed_as)
            with SigningContext.from_trust_config(config).signer(token) as signer:
                return signer.sign_dsse(Statement(payload)).to_json().encode() + b"\n"
        except (Error, OSError) as error:
            words = " ".join(str(error).split())[:300] or type(error).__name__
            raise UndecidedError(
                f"Sigstore did not sign: {printable(words)}",
                remedy="check that this machine reaches Sigstore's services, and try again",
            ) from None

    def verify(self, bundle: bytes, *, what: str) -> VerifiedEnvelope:
        """Check it offline, as a verifier with the same package will."""
        if self.signed_as is None:
            raise NotTrustedError(f"{what} was not made by this signer")
        trust = SigstoreTrust((self.signed_as,), staging=self.staging)
        return verify_signature(bundle, sigstore=trust, what=what)

    def owns(self, bundle: Bundle) -> bool:  # noqa: ARG002 - as every signer has it
        """Never: who will sign is not known before the token is there."""
        return False

    def notes(self) -> Iterable[str]:
        """What was made public."""
        if self.signed_as is not None:
            yield (
                f"{printable(self.signed_as.identity)} and the digest of what was signed stand in "
                "Sigstore's public log for good"
            )
        if self.staging:
            yield "the signature is of Sigstore's staging instance, which nobody should trust"

    def _token(self, config: ClientTrustConfig) -> IdentityToken:
        from sigstore.oidc import (
            ExpiredIdentity,
            IdentityError,
            IdentityToken,
            Issuer,
            IssuerError,
            detect_credential,
        )

        try:
            raw = self.token or detect_credential()
            if raw is not None:
                return IdentityToken(raw)
            if self.interactive:
                return Issuer(config.signing_config.get_oidc_url()).identity_token()
        except (IdentityError, ExpiredIdentity, IssuerError) as error:
            words = " ".join(str(error).split())[:300] or type(error).__name__
            raise UsageError(
                f"the identity token is of no use: {printable(words)}",
                remedy="take a new token, made for the audience sigstore",
            ) from None
        raise UsageError(
            "there is no identity to sign with: no token is given, no CI service offers one, and "
            "there is no terminal to log in from",
            remedy="give a token with --identity-token-env NAME",
        )
