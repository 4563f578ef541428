"""What others say of a release, held against what a policy demands (spec/policy.md, "Attestations").

Everything here is a function of values, as in `decision`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator

from manifest.display import listed, plural, printable
from manifest.document.replay_statement import REPRODUCED, SignedReplay
from manifest.policy.decision import Demand, Voices, one_voice_each
from manifest.policy.document import KNOWN_TYPES, AttestationDemand, Policy, Role
from manifest.policy.trust import PolicyTrust
from manifest.verify.report import CarriedStatement, VerifyReport
from manifest.verify.statements import THIS_RELEASE

__all__ = ["Attestations", "replays_that_count"]

_WORDS = {
    "replay": "replay of the training",
    "verification-summary": "verification summary",
    "provenance": "SLSA provenance",
}
_PLURALS = {
    "replay": "replays of the training",
    "verification-summary": "verification summaries",
    "provenance": "SLSA provenances",
}
_AHEAD = dt.timedelta(minutes=5)
"""How far two clocks may be apart."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Said:
    """One attestation that counts: whose it is, and whether it speaks for the release."""

    names: frozenset[str]
    voice: str
    path: str
    failure: str = ""
    segments: frozenset[tuple[str, str]] = frozenset()
    time: dt.datetime | None = None


class Attestations:
    """The demands of a policy on what others say of a release, one after the other.

    Args:
        policy: The policy.
        report: The verification, with the statements that the release carries.
        trust: Whose each of them is.
        voices: Who speaks for the release.
        at: The time of the decision.
    """

    def __init__(
        self,
        policy: Policy,
        report: VerifyReport,
        trust: PolicyTrust,
        voices: Voices,
        at: dt.datetime,
    ) -> None:
        self._policy = policy
        self._report = report
        self._who = _Who(policy, report.name, trust, voices)
        self._at = at
        self.notes: list[str] = []
        """Why attestations of a kind that is demanded do not count."""

    def demands(self) -> Iterator[Demand]:
        """Every demand that is made of a release of this name."""
        for index, demand in enumerate(self._policy.attestations):
            if demand.is_of(self._report.name):
                yield self._held(demand, self._policy.where(f"attestations[{index}]"))

    def _held(self, demand: AttestationDemand, where: str) -> Demand:
        said = list(self._replays(demand) if demand.kind == "replay" else self._statements(demand))
        good = [one for one in said if not one.failure]
        bad = [one for one in said if one.failure]
        found = one_voice_each([(one.names, one.voice) for one in good])
        segments = {segment for one in good for segment in one.segments}
        words = ", ".join(found) or "none that counts"
        if demand.kind == "replay" and segments:
            words += f", of {plural(len(segments), 'segment')}"
        for one in bad:
            failed = f"{listed(sorted(one.names))} {one.failure}"
            if demand.refuse_failures:
                words += f"; {failed} ({printable(one.path)})"
            else:
                self.notes.append(f"{printable(one.path)}: {failed}")
        held = len(found) >= demand.signers and not (bad and demand.refuse_failures)
        if demand.kind == "replay":
            held = held and len(segments) >= demand.segments
        return Demand("attestation", _asked(demand), words, held, where)

    def _replays(self, demand: AttestationDemand) -> Iterator[_Said]:
        for one in self._report.replays:
            names, why = self._who.speaks(one.where, demand.role)
            if not why and demand.drawn and not one.statement.nonce:
                why = "its segments were chosen, and not drawn by a nonce"
            if why:
                self._passed_over(one.where, demand, why)
                continue
            results = {(s.start, s.end): s.result for s in one.statement.segments}
            wanted = {"bit-for-bit"} if demand.exact else REPRODUCED
            came = frozenset(names for names, result in results.items() if result in wanted)
            if not came and all(result in REPRODUCED for result in results.values()):
                self._passed_over(one.where, demand, "no segment of it came out bit for bit")
                continue
            differ = [names for names, result in results.items() if result not in REPRODUCED]
            failure = ""
            if differ:
                start, end = differ[0]
                failure = f"says that {printable(start)} to {printable(end)} came out different"
            yield _Said(names, self._who.voice(one.where), one.where, failure, came)

    def _statements(self, demand: AttestationDemand) -> Iterator[_Said]:
        kind = KNOWN_TYPES.get(demand.kind, demand.kind)
        latest: dict[str, tuple[_Said, CarriedStatement]] = {}
        for one in self._report.statements:
            if one.predicate_type != kind:
                continue
            names, why = self._who.speaks(one.path, demand.role)
            if not why and one.subject != THIS_RELEASE:
                why = "it is not about the manifest of this release"
            time = None
            if not why and demand.kind == "verification-summary":
                time, why = self._of_summary(one, demand)
            if not why and demand.builders and one.said.get("builder") not in demand.builders:
                builder = one.said.get("builder") or "nobody that it names"
                why = f"it was built by {printable(builder)}, which is none of the builders"
            if why:
                self._passed_over(one.path, demand, why)
                continue
            failure = _failure(one, demand)
            voice = self._who.voice(one.path)
            new = _Said(names, voice, one.path, failure, time=time)
            if time is None:  # each is about something of its own, and none takes another back
                yield new
                continue
            # Of the summaries of one signer the latest says what holds now; of two of one time,
            # the one that refuses.
            old, _ = latest.get(voice, (None, one))
            if (
                old is None
                or old.time is None
                or (time, failure != "") > (old.time, old.failure != "")
            ):
                latest[voice] = new, one
        for new, one in latest.values():
            lacking = "" if new.failure else _lacking(one, demand)
            if lacking:
                self._passed_over(one.path, demand, f"it does not say {printable(lacking)}")
            else:
                yield new

    def _of_summary(
        self, one: CarriedStatement, demand: AttestationDemand
    ) -> tuple[dt.datetime | None, str]:
        """When a release was verified, or why the summary of it does not count."""
        time = _time(one.said.get("time", ""))
        if time is None:
            return None, "it does not say when the release was verified"
        if time > self._at + _AHEAD:
            return None, f"it is of {time:%Y-%m-%d}, which is to come"
        if demand.max_age is not None and time < self._at - demand.max_age:
            return None, f"it is of {time:%Y-%m-%d}, older than {demand.max_age.days:,} days"
        if demand.policies and one.said.get("policy", "") not in demand.policies:
            return None, "the release was verified by another policy"
        return time, ""

    def _passed_over(self, path: str, demand: AttestationDemand, why: str) -> None:
        what = _WORDS.get(demand.kind, "statement")
        self.notes.append(f"{printable(path)}, a {what}, does not count: {why}")


class _Who:
    """Whose an attestation is, and whether they may say it."""

    def __init__(self, policy: Policy, release: str, trust: PolicyTrust, voices: Voices) -> None:
        self._signers = {signer.name: signer for signer in policy.signers}
        self._release = release
        self._trust = trust
        self._publishers = frozenset(n for match in voices.publishers for n in match.signers)
        self._own = frozenset(match.voice for match in voices.publishers)

    def voice(self, path: str) -> str:
        """What made the signature."""
        return self._trust.found[path].voice

    def speaks(self, path: str, role: Role) -> tuple[frozenset[str], str]:
        """The signers whose it is and who speak in a role; or why there is none."""
        match = self._trust.found.get(path)
        if match is None:
            refused = self._trust.refused.get(path)
            return frozenset(), refused or "it is by nobody whom the policy names"
        if role is not Role.PUBLISHER and (
            match.voice in self._own or not self._publishers.isdisjoint(match.signers)
        ):
            return frozenset(), "it is by who publishes the release"
        of_role = [n for n in match.signers if role in self._signers[n].roles]
        if not of_role:
            who = listed(match.signers) or "the key given"
            return frozenset(), f"{who} is no {role}"
        names = frozenset(n for n in of_role if self._signers[n].speaks_for(self._release))
        if not names:
            return names, f"{listed(of_role)} may not speak for {printable(self._release)}"
        return names, ""


def _failure(one: CarriedStatement, demand: AttestationDemand) -> str:
    """What a statement says against the release; empty when it says nothing against it."""
    result = one.said.get("result")
    if demand.kind == "verification-summary" and result != "PASSED":
        return f"says {printable(result or 'nothing of the result')}"
    return "says FAILED" if result == "FAILED" else ""


def _lacking(one: CarriedStatement, demand: AttestationDemand) -> str:
    """A level that a summary should say was reached, and does not; empty when there is none."""
    reached = one.said.get("levels", "").split()
    return next((level for level in demand.levels if level not in reached), "")


def replays_that_count(
    policy: Policy, report: VerifyReport, trust: PolicyTrust, voices: Voices
) -> tuple[tuple[SignedReplay, ...], tuple[str, ...]]:
    """The replays by those who are reproducers by the policy, and why others do not count."""
    who = _Who(policy, report.name, trust, voices)
    counted, notes = [], []
    for one in report.replays:
        _, why = who.speaks(one.where, Role.REPRODUCER)
        if why:
            notes.append(f"{printable(one.where)}, a replay of the training, does not count: {why}")
        else:
            counted.append(one)
    return tuple(counted), tuple(notes)


def _asked(demand: AttestationDemand) -> str:
    what = _PLURALS.get(demand.kind) or f"statements of the type {printable(demand.kind)}"
    words = [f"{what} by {plural(demand.signers, demand.role.value)}"]
    if demand.segments > 1:
        words.append(f"of {demand.segments:,} segments")
    if demand.exact:
        words.append("bit for bit")
    if demand.drawn:
        words.append("of segments that a nonce drew")
    if demand.max_age is not None:
        words.append(f"not older than {demand.max_age.days:,} days")
    if demand.policies:
        words.append(f"by one of {plural(len(demand.policies), 'policy', 'policies')}")
    if demand.levels:
        words.append(f"with {listed(demand.levels)}")
    if demand.builders:
        words.append(f"by one of {plural(len(demand.builders), 'builder')}")
    return ", ".join(words)


def _time(text: str) -> dt.datetime | None:
    try:
        time = dt.datetime.fromisoformat(text)
        return time.astimezone(dt.UTC) if time.tzinfo is not None else None
    except (ValueError, OverflowError):  # of the first or last day there is, in another zone
        return None
