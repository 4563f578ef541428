"""Signing with a trusted timestamp over the signature (RFC 3161)."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from manifest.signing.bundle import Bundle, add_timestamps, parse_bundle
from manifest.signing.signer import Signer
from manifest.signing.timestamps import check_answer, make_query, verify_timestamp
from manifest.signing.verification import VerifiedEnvelope

if TYPE_CHECKING:
    from manifest.signing.certificates import Root

__all__ = ["TimestampedSigner"]


@dataclasses.dataclass(frozen=True, slots=True)
class TimestampedSigner:
    """A signer whose signatures carry timestamps.

    Attributes:
        signer: Who signs.
        authorities: Each takes a TimeStampReq in DER and brings the answer.
        roots: Where any are given, every timestamp must verify with them before it is taken.
    """

    signer: Signer
    authorities: tuple[Callable[[bytes], bytes], ...]
    roots: tuple[Root, ...] = ()

    def sign(self, payload: bytes) -> bytes:
        """Sign, and have the signature stamped by every authority.

        Raises:
            NotTrustedError: An answer is not a timestamp over this signature.
            UndecidedError: An authority cannot be reached.
            MissingExtraError: The package that reads timestamps is not installed.
        """
        bundle = self.signer.sign(payload)
        signature = parse_bundle(bundle).envelope.signatures[0].sig
        answers = []
        for ask in self.authorities:
            query = make_query(signature)
            answer = ask(query.as_bytes())
            what = "the authority's timestamp"
            check_answer(answer, signature, query.nonce, what=what)
            if self.roots:
                verify_timestamp(
                    answer, signature, self.roots, at=dt.datetime.now(dt.UTC), what=what
                )
            answers.append(answer)
        return add_timestamps(bundle, answers)

    def verify(self, bundle: bytes, *, what: str) -> VerifiedEnvelope:
        """As the signer does: each timestamp was checked when it came."""
        return self.signer.verify(bundle, what=what)

    def owns(self, bundle: Bundle) -> bool:
        """As the signer does."""
        return self.signer.owns(bundle)

    def notes(self) -> Iterable[str]:
        """What the signer says, and what nobody checked."""
        yield from self.signer.notes()
        if not self.roots:
            yield (
                "the timestamp answers what was asked, and who signed it was not checked; "
                "--tsa-root checks that"
            )
