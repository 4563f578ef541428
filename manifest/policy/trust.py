"""A policy as what a verification trusts: every signature, tried for every signer."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence

from manifest.display import printable
from manifest.errors import NotTrustedError
from manifest.policy.document import Policy, Signer
from manifest.signing.bundle import Bundle, SigningMethod, parse_bundle
from manifest.signing.keys import PublicKey
from manifest.signing.verification import SignerKey, VerifiedEnvelope
from manifest.verify.trust import Trust

__all__ = ["Match", "PolicyTrust"]


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """Whose signature one is.

    Attributes:
        signers: The policy's signers whose it is, by name; none for a key that is or may be pinned.
        voice: What made it: a key's fingerprint, or an identity and its issuer.
        key: The key, for one that was found by its key.
    """

    signers: tuple[str, ...]
    voice: str
    key: PublicKey | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class _Candidate:
    name: str
    trust: Trust
    fault: str = ""


class PolicyTrust(Trust):
    """The `Trust` of a policy; remembers whose each signature was.

    A signer is tried with what the policy says of them alone: an authority vouches for the
    identities that stand beside it, and for no others. Who is named and does not count now is
    tried too, so that the refusal can say so.

    Attributes:
        found: Whose each signature is that counts, by the name under which it was checked.
        refused: Why one does not that is by a signer of the policy.
    """

    __slots__ = ("_candidates", "_every_key", "_revoked", "found", "refused")

    def __init__(
        self, policy: Policy, *, at: dt.datetime, first_use: Sequence[PublicKey] = ()
    ) -> None:
        """``first_use`` are keys that are pinned, or could be: they are found, and not yet trusted."""
        own = [key for signer in policy.signers for key in signer.keys]
        every = {key.fingerprint: key for key in (*own, *first_use)}
        super().__init__(
            tuple(every.values()),
            tuple(root for s in policy.signers for root in s.authorities),
            at,
            certificate_identities=tuple(name for s in policy.signers for name in s.identities),
            timestamp_roots=tuple(root for s in policy.signers for root in s.timestamp_roots),
        )
        candidates = [
            _Candidate(s.name, _trust_of(s, at), s.validity.fault(at)) for s in policy.signers
        ]
        others = tuple(key for key in first_use if key not in own)
        if others:
            candidates.append(_Candidate("", Trust(others, at=at)))
        set_ = object.__setattr__
        set_(self, "_every_key", every)
        set_(self, "_candidates", tuple(c for c in candidates if not c.trust.is_empty))
        set_(self, "_revoked", policy.revoked_keys)
        set_(self, "found", {})
        set_(self, "refused", {})

    found: dict[str, Match]
    refused: dict[str, str]
    _candidates: tuple[_Candidate, ...]
    _every_key: Mapping[str, PublicKey]
    _revoked: frozenset[str]

    @property
    def is_empty(self) -> bool:
        """Never: a policy that trusts nobody refuses, and does not wave through."""
        return False

    def check(self, data: bytes, *, what: str) -> VerifiedEnvelope:
        """As `Trust.check`, by the first signer who fits; notes every one that does.

        Raises:
            NotTrustedError: Malformed, by nobody whom the policy names, or by somebody whose
                signature does not count now.
        """
        envelope: VerifiedEnvelope | None = None
        names: list[str] = []
        faults: list[str] = []
        errors: list[tuple[Trust, NotTrustedError]] = []
        bundle = parse_bundle(data, what=what)
        for candidate in self._candidates:
            if not _may_be_of(bundle, candidate.trust):
                continue
            try:
                found = candidate.trust.check(data, what=what)
            except NotTrustedError as error:
                errors.append((candidate.trust, error))
                continue
            if fault := candidate.fault or self._revocation(found):
                faults.append(f"{candidate.name or 'the key given'} {fault}")
                continue
            envelope = envelope or found
            names += [candidate.name] if candidate.name else []
        if envelope is not None:
            voice, key = self._voice(envelope)
            self.found[what] = Match(tuple(names), voice, key)
            return envelope
        if faults:
            self.refused[what] = "; ".join(faults)
            raise NotTrustedError(
                f"{what} does not count: {self.refused[what]}",
                remedy="ask for a signature by somebody whom the policy trusts now",
            )
        raise self._cause(data, what, errors)

    def check_replay(self, data: bytes, *, what: str, replayers: Sequence[PublicKey]) -> str:  # noqa: ARG002 - the policy says whose count
        """Who signed a replay: any signer of the policy; in which role is looked at afterwards.

        Raises:
            NotTrustedError: As `check`.
        """
        self.check(data, what=what)
        return self.found[what].voice

    def forget(self) -> None:
        """Forget whose the signatures were that were checked so far."""
        self.found.clear()
        self.refused.clear()

    def _cause(
        self, data: bytes, what: str, errors: Sequence[tuple[Trust, NotTrustedError]]
    ) -> NotTrustedError:
        """Why it is by nobody: a certificate that is revoked, another content, a stranger."""
        if not self._candidates:
            return NotTrustedError(
                f"{what} cannot be checked: no key of a signer of the policy is at hand",
                remedy="give the keys that the policy names by fingerprint with --key",
            )
        for trust, error in errors:
            if _vouches(trust, data):
                return error
        try:
            super().check(data, what=what)
        except NotTrustedError as error:
            return error
        stranger = NotTrustedError(f"{what} is by nobody whom the policy names")
        return errors[-1][1] if errors else stranger

    def _revocation(self, envelope: VerifiedEnvelope) -> str:
        signer = envelope.signer
        _, key = self._voice(envelope)
        named = key is not None and any(key.is_named_by(name) for name in self._revoked)
        others: frozenset[str] = getattr(signer, "fingerprints", frozenset())  # by certificate
        if named or signer.fingerprint in self._revoked or not others.isdisjoint(self._revoked):
            return "signed with a key that the policy revokes"
        return ""

    def _voice(self, envelope: VerifiedEnvelope) -> tuple[str, PublicKey | None]:
        signer = envelope.signer
        if isinstance(signer, SignerKey):
            return signer.fingerprint, self._every_key[signer.fingerprint]
        from manifest.signing.keyless import KeylessSigner

        if isinstance(signer, KeylessSigner):
            # Its key lives for minutes: the identity is who speaks.
            return f"{printable(signer.identity)} ({printable(signer.issuer)})", None
        return signer.public_key.fingerprint, signer.public_key


def _vouches(trust: Trust, data: bytes) -> bool:
    """Whether a signature is by a key or an authority, of whatever name, and revoked or not."""
    anybody = dataclasses.replace(trust, revocation_lists=(), certificate_identities=())
    try:
        anybody.check(data, what="")
    except NotTrustedError:
        return False
    return True


def _may_be_of(bundle: Bundle, trust: Trust) -> bool:
    """Whether a bundle is worth a try: a large one, tried for every signer, would take hours."""
    if bundle.method is SigningMethod.CERTIFICATE:
        return bool(trust.roots)
    if bundle.method is SigningMethod.SIGSTORE:
        return trust.sigstore is not None
    hint = bundle.key_hint
    return any(not hint or key.is_named_by(hint) for key in trust.keys)


def _trust_of(signer: Signer, at: dt.datetime) -> Trust:
    sigstore = None
    if signer.sigstore:
        from manifest.signing.keyless import SigstoreTrust

        sigstore = SigstoreTrust(signer.sigstore, signer.trusted_root)
    return Trust(
        signer.keys,
        signer.authorities,
        at,
        revocation_lists=signer.revocation_lists,
        certificate_identities=signer.identities,
        sigstore=sigstore,
        timestamp_roots=signer.timestamp_roots,
    )
