"""The decision by a policy: what it demands, what was found, and whether that holds.

Everything here is a function of values: nothing is read, waited for or written.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence

from manifest.display import plural, printable
from manifest.errors import ExitCode
from manifest.policy.document import Policy, Role
from manifest.policy.names import concerns
from manifest.policy.state import State
from manifest.policy.trust import Match, PolicyTrust
from manifest.policy.versions import compare_versions
from manifest.signing.keys import PublicKey
from manifest.verify.report import VerifyReport

__all__ = [
    "Decision",
    "Demand",
    "Voices",
    "count_voices",
    "demands_of_release",
    "one_voice_each",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Demand:
    """One thing that the policy demands.

    Attributes:
        name: What it is about, as ``publisher`` or ``licenses``.
        asked: What the policy asks for, in words.
        found: What there is, in words.
        held: Whether it holds; None where nothing could be found out.
        where: ``FILE:LINE`` of the policy.
    """

    name: str
    asked: str
    found: str
    held: bool | None
    where: str


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What a policy says of a release.

    Attributes:
        policy: The policy's file name.
        policy_sha256: SHA-256 of its bytes.
        at: The time of the decision.
        report: The verification; where the policy refuses, it says so.
        demands: Every demand, in the order of spec/policy.md.
        notes: What does not change the answer and should be known.
        pin: The key that is pinned with this release when it is accepted.
    """

    policy: str
    policy_sha256: str
    at: dt.datetime
    report: VerifyReport
    demands: tuple[Demand, ...]
    notes: tuple[str, ...] = ()
    pin: PublicKey | None = None

    @property
    def accepted(self) -> bool:
        """Whether the release is admitted."""
        return self.exit_code is ExitCode.OK

    @property
    def exit_code(self) -> ExitCode:
        """The exit code; where several hold, the one that weighs most."""
        codes = [self.report.exit_code]
        if any(d.held is False for d in self.demands if d.name != "files"):
            codes.append(ExitCode.NOT_TRUSTED)
        if any(d.held is None for d in self.demands):
            codes.append(ExitCode.UNDECIDED)
        return ExitCode.worst(codes)


@dataclasses.dataclass(frozen=True, slots=True)
class Voices:
    """Who speaks for a release.

    Attributes:
        by_role: For each role the signers, those in one text that are one voice.
        publishers: Whose the signatures are that count as the publisher's.
        notes: Signatures that do not count, and why.
        pin: The key that is to be pinned.
    """

    by_role: dict[Role, tuple[str, ...]]
    publishers: tuple[Match, ...] = ()
    notes: tuple[str, ...] = ()
    pin: PublicKey | None = None


def count_voices(
    policy: Policy,
    report: VerifyReport,
    trust: PolicyTrust,
    state: State,
    given: Sequence[PublicKey] = (),
) -> Voices:
    """Who speaks for the release that was verified, in which role.

    Signatures that share a signer or a key are one voice. A key is pinned when it is one of those
    ``given``: one that is pinned for another release says nothing of this one.
    """
    release = report.name
    by_name = {signer.name: signer for signer in policy.signers}
    used = [s.signature for s in (report.signer, *report.also_signed_by) if s is not None]
    spoken: dict[Role, list[tuple[frozenset[str], str]]] = {role: [] for role in Role}
    notes = [f"{printable(what)} does not count: {why}" for what, why in trust.refused.items()]
    pin: PublicKey | None = None
    publishers: list[Match] = []
    for what in used:
        match = trust.found[what]
        for role in Role:
            names = frozenset(
                n
                for n in match.signers
                if role in by_name[n].roles and by_name[n].speaks_for(release)
            )
            if names:
                spoken[role].append((names, match.voice))
                publishers += [match] if role is Role.PUBLISHER else []
        silent = [n for n in match.signers if not by_name[n].speaks_for(release)]
        notes += [
            f"{printable(what)} does not count: {n} may not speak for {printable(release)}"
            for n in silent
        ]
        if match.signers or match.key is None:
            continue  # only a key of first use is no signer's
        if fault := _unpinnable(policy, release, match.key, state, given):
            notes.append(f"{printable(what)} does not count: {fault}")
            continue
        known = release in state.pins
        label = "the pinned key" if known else "the key given, on first use"
        spoken[Role.PUBLISHER].append((frozenset({label}), match.voice))
        publishers.append(match)
        pin = pin if known else pin or match.key
    by_role = {role: one_voice_each(said) for role, said in spoken.items()}
    return Voices(by_role, tuple(publishers), tuple(notes), pin)


def _unpinnable(
    policy: Policy, release: str, key: PublicKey, state: State, given: Sequence[PublicKey]
) -> str:
    if policy.has_publisher_of(release):
        return "the policy names who publishes this release, and it is not by them"
    pinned = state.pins.get(release)
    if pinned is not None and pinned != key:
        return f"another key is pinned for {printable(release)}, {pinned.fingerprint[:16]}..."
    if pinned is None and key not in given:
        return "it is by a key that is pinned for another release"
    return ""


def one_voice_each(said: Sequence[tuple[frozenset[str], str]]) -> tuple[str, ...]:
    """Join what shares a signer or a key, and name each voice.

    Args:
        said: For each signature the names of whose it is, and the key or identity that made it.
    """
    groups: list[tuple[set[str], set[str]]] = []
    for names, voice in said:
        joined, voices = set(names), {voice}
        rest = []
        for group in groups:
            if group[0] & joined or group[1] & voices:
                joined |= group[0]
                voices |= group[1]
            else:
                rest.append(group)
        groups = [*rest, (joined, voices)]
    return tuple(sorted(" = ".join(sorted(names)) for names, _ in groups))


def demands_of_release(
    policy: Policy, report: VerifyReport, voices: Voices, state: State
) -> Iterator[Demand]:
    """What the policy demands of who signed, and of which release it is."""
    for role, count in policy.thresholds.items():
        said = voices.by_role[role]
        pinned = role is Role.PUBLISHER and policy.tofu and not policy.has_publisher_of(report.name)
        yield Demand(
            role.value,
            f"{plural(count, 'signature')} by different signers"
            + (", or of the key that is pinned" if pinned else ""),
            ", ".join(said) or "none that counts",
            len(said) >= count,
            policy.where(f"thresholds.{role}"),
        )
    if policy.revoked_digests:
        found, unclear = _revoked(policy, report), _unclear(policy, report)
        yield Demand(
            "revoked digests",
            f"none of {plural(len(policy.revoked_digests), 'digest')}",
            found or unclear or "none of them",
            False if found else None if unclear else True,
            policy.where("revoked.digests"),
        )
    for i, lowest in enumerate(policy.lowest_versions):
        if concerns(lowest.release, report.name):
            order = compare_versions(report.version, lowest.version)
            version = printable(report.version)
            yield Demand(
                "lowest version",
                f"{printable(lowest.version)} or later",
                f"{version}, which cannot be compared" if order is None else version,
                order is not None and order >= 0,
                policy.where(f"lowest_versions[{i}]"),
            )
    fault = state.fault(report.name, report.version, report.manifest_digest)
    known = state.releases.get(report.name)
    before = f"{printable(known.version)} was accepted before" if known else "never seen before"
    yield Demand(
        "no rollback",
        "no version lower than one accepted, and one manifest for each version",
        fault or before,
        not fault,
        policy.where(""),
    )
    if policy.sha256:
        by = ", ".join(report.digests) or "none"
        yield Demand(
            "sha256",
            "files compared by SHA-256",
            by,
            "sha256" in report.digests,
            policy.where("require.sha256"),
        )
    if policy.strict:
        left = (*report.not_covered, *report.ignored, *report.not_checked)
        yield Demand(
            "strict",
            "nothing that is not covered, ignored or not checked",
            ", ".join(map(printable, left[:5])) or "nothing",
            not left,
            policy.where("require.strict"),
        )


def _revoked(policy: Policy, report: VerifyReport) -> str:
    if f"sha256:{report.manifest_digest}" in policy.revoked_digests:
        return "the manifest is revoked"
    if f"sha256:{report.root_digest}" in policy.revoked_digests:
        return "the root digest is revoked"
    for file in report.manifest.files if report.manifest else ():
        if {f"sha256:{file.sha256}", f"blake3:{file.blake3}"} & policy.revoked_digests:
            return f"{printable(file.full_path)} is revoked"
    return ""


def _unclear(policy: Policy, report: VerifyReport) -> str:
    """Why it is not known whether a file has one of the revoked digests; empty when it is."""
    kinds = {digest.partition(":")[0] for digest in policy.revoked_digests}
    if "sha256" in kinds and "sha256" not in report.digests:
        return "the SHA-256 of the files was not compared"
    for file in report.manifest.files if report.manifest else ():
        if "blake3" in kinds and not file.blake3:
            return f"{printable(file.full_path)} has no BLAKE3 in the manifest"
    return ""
