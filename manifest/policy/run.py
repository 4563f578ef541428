"""A verification under a policy from beginning to end (spec/policy.md, "The decision").

The policy says whose signatures are tried; the verification goes its usual way; what was found is
held against the demands. Nothing is remembered unless all of it holds.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from manifest.display import printable
from manifest.errors import ManifestError, NotTrustedError, UndecidedError, UsageError
from manifest.inventory import Tree, read_file, walk
from manifest.inventory.walk import walk_place
from manifest.policy.attestations import Attestations, replays_that_count
from manifest.policy.content import demands_of_content, needs_content
from manifest.policy.decision import Decision, Demand, count_voices, demands_of_release
from manifest.policy.document import Policy
from manifest.policy.state import State, read_state, update_state
from manifest.policy.trust import PolicyTrust
from manifest.signing.bundle import MAX_BUNDLE_BYTES
from manifest.signing.keys import PublicKey
from manifest.signing.names import SIGNATURE_NAME, SIGNATURES_DIRECTORY
from manifest.signing.statement import parse_statement
from manifest.verify.report import Step, StepStatus, VerifyReport
from manifest.verify.run import verify
from manifest.verify.signatures import MAX_SIGNATURES

__all__ = ["decide"]

MAX_READ = 2 * MAX_BUNDLE_BYTES
"""The most bytes of signatures among which the one to begin with is looked for."""
_OF_A_PART = {
    "only": "only",
    "components": "component",
    "tensors": "tensor",
    "sample": "sample",
    "integrity_only": "integrity-only",
}
_REMEDY = "`manifest policy check` explains every demand"


@dataclasses.dataclass(frozen=True, slots=True)
class _Question:
    """What is decided: by which policy of which release, when, and whether it will be remembered.

    ``given`` are the keys that may be pinned, ``roots`` where named roots lie.
    """

    policy: Policy
    directory: str | os.PathLike[str]
    moment: dt.datetime
    given: tuple[PublicKey, ...]
    roots: Mapping[str, str | os.PathLike[str]]
    remembers: bool


def decide(
    policy: Policy,
    directory: str | os.PathLike[str],
    *,
    keys: Sequence[PublicKey] = (),
    state_path: Path | None = None,
    update: bool = False,
    at: dt.datetime | None = None,
    signature_path: str | os.PathLike[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Decision:
    """Decide by a policy whether a release is admitted.

    Args:
        policy: The policy.
        directory: The release.
        keys: Keys that may be pinned on first use; they are not trusted otherwise.
        state_path: What was accepted before; nothing is remembered when None.
        update: Whether to remember the release when it is admitted.
        at: The time of the decision, with a time zone; now when None.
        signature_path: The signature to begin with; found when None.
        options: Further arguments of `manifest.verify.run.verify`.

    Raises:
        UsageError: The arguments contradict each other, or name what does not exist.
        NotTrustedError: The state is damaged.
        UndecidedError: The state cannot be read or written.
    """
    moment = at or dt.datetime.now(dt.UTC)
    options = dict(options or {})
    if wrong := [name for name in _OF_A_PART if options.get(name)]:
        raise UsageError(
            f"a policy is about a whole release, and --{_OF_A_PART[wrong[0]]} asks for less",
            remedy="leave it out",
        )
    if options.get("cache") is not None:
        raise UsageError(
            "a policy is about bytes that were read, and --trust-cache reads less",
            remedy="leave out --trust-cache",
        )
    if not Path(directory).is_dir():
        raise UsageError(
            f"{printable(os.fspath(directory))} is not a directory: a policy is about a release",
            remedy="name the release's directory",
        )
    state = read_state(state_path) if state_path is not None else State()
    first_use = (*state.pins.values(), *keys) if policy.tofu else ()
    trust = PolicyTrust(policy, at=moment, first_use=first_use)
    before = _trees(directory, options.get("roots") or {})
    if signature_path is None:
        signature_path = _first_that_counts(directory, trust)
        trust.forget()
    if options.get("digest", "auto") == "auto" and (
        policy.sha256 or any(d.startswith("sha256:") for d in policy.revoked_digests)
    ):
        options["digest"] = "sha256"
    options["strict"] = options.get("strict", False) or policy.strict
    # No path from the root is that of a file in signatures/, by which the others are told apart.
    given = None if signature_path is None else os.path.abspath(signature_path)  # noqa: PTH100 - as it was named
    report = verify(directory, trust=trust, signature_path=given, **options)
    if report.part:  # by whichever option, also one that this module has not heard of
        raise UsageError(
            f"a policy is about a whole release, and this is a part: {printable(report.part)}",
            remedy="check all of it",
        )
    question = _Question(
        policy,
        directory,
        moment,
        tuple(keys),
        options.get("roots") or {},
        remembers=update and state_path is not None,
    )
    decision = _judge(question, report, trust, state, before)
    if decision.accepted and update and state_path is not None:
        decision = _remember(decision, state_path)
    return decision


def _trees(
    directory: str | os.PathLike[str], roots: Mapping[str, str | os.PathLike[str]]
) -> list[Tree]:
    """The release as it lies there, and each of its roots, to see whether any changes."""
    return [walk(directory), *(walk_place(where) for _, where in sorted(roots.items()))]


def _first_that_counts(directory: str | os.PathLike[str], trust: PolicyTrust) -> str | None:
    """The signature to begin with, where ``model.sig`` is by nobody whom the policy names.

    A third party that vouches for a release of others signs it in ``signatures/``.
    """
    left = frozenset({SIGNATURE_NAME, SIGNATURES_DIRECTORY})
    tree = walk(
        directory,
        leave_out=left,
        not_covered=frozenset(),
        enter=lambda path: path == SIGNATURES_DIRECTORY,
    )
    paths = sorted(f.path for f in tree.left_out if f.path.startswith(f"{SIGNATURES_DIRECTORY}/"))
    own = [f.path for f in tree.left_out if f.path == SIGNATURE_NAME]
    if len(paths) > MAX_SIGNATURES or sum(f.size for f in tree.left_out) > MAX_READ:
        return None
    for path in [*own, *paths]:
        try:
            envelope = trust.check(read_file(tree, path, max_bytes=MAX_BUNDLE_BYTES), what=path)
            parse_statement(envelope.payload, what=path)  # and not what else somebody states
        except (NotTrustedError, UndecidedError):
            continue
        return None if path == SIGNATURE_NAME else str(Path(directory) / path)
    return None


def _judge(
    question: _Question, report: VerifyReport, trust: PolicyTrust, state: State, before: list[Tree]
) -> Decision:
    policy, moment = question.policy, question.moment
    fault = policy.validity.fault(moment)
    demands = [
        Demand(
            "policy", "a policy that is valid now", fault or "it is", not fault, policy.where("")
        ),
        _files(policy, report),
    ]
    notes = [
        f"the key sha256:{hint} of {signer.name} is not at hand: give it with --key"
        for signer in policy.signers
        for hint in signer.absent_keys
    ]
    pin: PublicKey | None = None
    if not report.refusal and not report.undecided_reason:
        if report.manifest is None or not report.manifest_digest:
            where = policy.where("")
            demands.append(
                Demand("release", "a signed name and version", "no manifest says", False, where)
            )
        else:
            voices = count_voices(policy, report, trust, state, question.given)
            demands += demands_of_release(policy, report, voices, state)
            notes += voices.notes
            pin = voices.pin
            attestations = Attestations(policy, report, trust, voices, moment)
            demands += attestations.demands()
            replays, unheard = replays_that_count(policy, report, trust, voices)
            notes += [*attestations.notes, *unheard]
            report = dataclasses.replace(report, replays=replays)
            if report.ok and needs_content(policy):
                demands += _content(question, report, before)
    else:
        notes += [f"{printable(what)} does not count: {why}" for what, why in trust.refused.items()]
    decision = Decision(policy.name, policy.digest, moment, report, tuple(demands), (), pin)
    if pin is not None:
        words = f"trust on first use: the key sha256:{pin.fingerprint} "
        words += "is pinned" if decision.accepted and question.remembers else "would be pinned"
        notes.append(f"{words} for {printable(report.name)}; nobody vouched for it")
    decision = dataclasses.replace(decision, notes=tuple(dict.fromkeys(notes)))
    return dataclasses.replace(decision, report=_told(decision))


def _files(policy: Policy, report: VerifyReport) -> Demand:
    found = report.refusal or report.undecided_reason
    if not found:
        differ = len(report.problems) + len(report.undecided) + len(report.findings)
        found = f"{differ} that differ" if differ else f"{report.files_checked} files as signed"
    undecided = not report.refusal and not report.problems and not report.ok
    held = None if undecided and (report.undecided or report.undecided_reason) else report.ok
    return Demand("files", "a release that is what was signed", found, held, policy.where(""))


def _content(question: _Question, report: VerifyReport, before: list[Tree]) -> list[Demand]:
    policy, directory = question.policy, question.directory
    signer = report.signer.identity if report.signer else ""
    try:
        demands = list(
            demands_of_content(
                policy, directory, signer, roots=question.roots, manifest=report.manifest
            )
        )
        if _trees(directory, question.roots) != before:
            raise UndecidedError("the release changed while it was verified")
    except ManifestError as error:
        where = policy.where("require")
        return [Demand("content", "a release that can be judged", error.message, None, where)]
    return demands


def _told(decision: Decision) -> VerifyReport:
    """The verification's report, with what the policy says of it."""
    report = decision.report
    notes = (*report.warnings, *(n for n in decision.notes if n not in report.warnings))
    broken = [d for d in decision.demands if d.held is False and d.name != "files"]
    unclear = [d for d in decision.demands if d.held is None and d.name != "files"]
    worst = next(iter([*broken, *unclear]), None)
    status = StepStatus.OK if worst is None else StepStatus.FAILED
    words = "" if worst is None else _words(worst)
    if report.refusal or report.undecided_reason:
        return dataclasses.replace(report, warnings=notes)
    steps = (*report.steps, Step("policy", status, words or decision.policy))
    report = dataclasses.replace(report, warnings=notes, steps=steps)
    if broken:
        return dataclasses.replace(report, refusal=words, refusal_remedy=_REMEDY)
    if unclear:
        return dataclasses.replace(report, undecided_reason=words, refusal_remedy=_REMEDY)
    return report


def _words(demand: Demand) -> str:
    return (
        f"{demand.where}: {demand.name}: the policy asks for {demand.asked}; found: {demand.found}"
    )


def _remember(decision: Decision, path: Path) -> Decision:
    report = decision.report
    try:
        update_state(
            path,
            name=report.name,
            version=report.version,
            manifest_sha256=report.manifest_digest,
            pin=decision.pin,
        )
    except NotTrustedError as error:
        refused = dataclasses.replace(report, refusal=error.message, refusal_remedy=error.remedy)
        return dataclasses.replace(decision, report=refused)
    return decision
