"""Signers whose key is out of reach: in a token, or with a service for keys.

Whoever holds the key signs bytes and hands back a signature. Services are reached through
plug-ins: a distribution declares an entry point in the group ``manifest.signers``, whose name is
what users write before the colon of ``--signer NAME:ARGUMENT``, and which is called with the
argument and returns a `manifest.signing.signer.Signer`, such as a `RemoteSigner`. A plug-in is
loaded when it is named, and never otherwise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from manifest.display import printable
from manifest.errors import NotTrustedError, UsageError
from manifest.signing import dsse
from manifest.signing.bundle import Bundle, serialize_bundle
from manifest.signing.keys import PublicKey
from manifest.signing.signer import Signer, notes_on
from manifest.signing.statement import PAYLOAD_TYPE
from manifest.signing.verification import VerifiedEnvelope, verify_signature

__all__ = ["GROUP", "RemoteSigner", "load_plug_in"]

GROUP = "manifest.signers"
_METHODS = ("sign", "verify", "owns", "notes")


@dataclasses.dataclass(frozen=True, slots=True)
class RemoteSigner:
    """A signer that asks somebody else to sign bytes.

    Attributes:
        public: The key whose other half is there.
        make: Takes the bytes to sign and returns the signature: with the hash of the key's kind
            (`manifest.signing.keys`), ECDSA in DER, Ed25519 in 64 bytes.
    """

    public: PublicKey
    make: Callable[[bytes], bytes]

    def sign(self, payload: bytes) -> bytes:
        """The bundle.

        Raises:
            NotTrustedError: What came back is no signature by that key.
            ManifestError: Whatever ``make`` raises.
        """
        data = dsse.pae(PAYLOAD_TYPE, payload)
        signature = self.make(data)
        if not self.public.verify(signature, data):
            raise NotTrustedError(
                "whoever holds the key gave back something that is no signature by it",
                remedy="check that public and private key belong together",
            )
        envelope = dsse.Envelope(PAYLOAD_TYPE, payload, (dsse.Signature(signature),))
        return serialize_bundle(envelope, self.public.fingerprint)

    def verify(self, bundle: bytes, *, what: str) -> VerifiedEnvelope:
        """Check it with the public key."""
        return verify_signature(bundle, keys=[self.public], what=what)

    def owns(self, bundle: Bundle) -> bool:
        """By the key hint."""
        return bool(bundle.key_hint) and self.public.is_named_by(bundle.key_hint)

    def notes(self) -> Iterable[str]:
        """Who cannot read it."""
        return notes_on(self.public.kind)


def load_plug_in(text: str) -> Signer:
    """The signer of a plug-in.

    Args:
        text: ``NAME:ARGUMENT``, or ``NAME``. The argument is the plug-in's own matter.

    Raises:
        UsageError: No plug-in of that name is installed, or it is none.
        ManifestError: Whatever the plug-in refuses.
    """
    from importlib.metadata import entry_points

    name, _, argument = text.partition(":")
    found = {point.value: point for point in entry_points(group=GROUP, name=name)}
    if len(found) != 1:
        known = ", ".join(sorted({printable(point.name) for point in entry_points(group=GROUP)}))
        raise UsageError(
            f"{len(found) or 'no'} plug-in{'s' if found else ''} for signers called "
            f"{printable(name)!r} {'are' if found else 'is'} installed",
            remedy=f"those installed are {known}" if known else "install the package that has it",
        )
    (point,) = found.values()
    try:
        signer: Signer = point.load()(argument)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"the plug-in {printable(name)} cannot be loaded: {printable(str(error)[:200])}",
            remedy="install it again, or ask whoever made it",
        ) from None
    if not all(callable(getattr(signer, method, None)) for method in _METHODS):
        raise UsageError(
            f"the plug-in {printable(name)} returned something that is no signer",
            remedy="ask whoever made it",
        )
    return signer
