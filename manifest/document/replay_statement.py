"""What a person who repeated segments says and signs (spec/replay.md, "The attestation")."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from manifest import strict_json
from manifest.display import plural, printable
from manifest.document.replay import Tolerance
from manifest.document.schema import violations
from manifest.errors import DocumentError
from manifest.records import record
from manifest.signing.statement import STATEMENT_TYPE

__all__ = [
    "PREDICATE_TYPE",
    "REPRODUCED",
    "RepeatedSegment",
    "ReplayStatement",
    "Reproduction",
    "SignedReplay",
    "dump_replay_statement",
    "parse_replay_statement",
    "reproduction_of",
]

PREDICATE_TYPE = "https://model-release-manifest.github.io/attestations/replay/v1"
REPRODUCED = frozenset({"bit-for-bit", "within-tolerance"})
"""Results by which a segment came out as published."""
MAX_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 16
_MAX_SHOWN = 8


@record(frozen=True, slots=True)
class RepeatedSegment:
    """One segment and what became of it.

    Attributes:
        start, end: The names of its checkpoints.
        result: ``bit-for-bit``, ``within-tolerance`` or ``differs``.
        tolerances: By dtype, those that it was compared within.
        files: SHA-256 of what came out, by path in the checkpoint; empty text for a file that did
            not come out.
    """

    start: str
    end: str
    result: str
    tolerances: Mapping[str, Tolerance]
    files: Mapping[str, str]


@record(frozen=True, slots=True)
class ReplayStatement:
    """The statement.

    Attributes:
        name: The release's, for people.
        manifest_digest: SHA-256 of the manifest whose segments were repeated; in hex.
        segments: In the order in which they were repeated.
        nonce: What drew them, in hex; empty where they were chosen.
        python, platform: What it ran with and on, in its own words.
        sandbox: ``bwrap`` or ``none``.
    """

    name: str
    manifest_digest: str
    segments: tuple[RepeatedSegment, ...]
    nonce: str
    python: str
    platform: str
    sandbox: str

    @property
    def is_reproduced(self) -> bool:
        """Whether every segment came out as published."""
        return all(one.result in REPRODUCED for one in self.segments)


@record(frozen=True, slots=True)
class SignedReplay:
    """A statement that counts.

    Attributes:
        signer: The fingerprint of the key that signed it.
        where: The file that holds it.
        statement: What it says.
    """

    signer: str
    where: str
    statement: ReplayStatement


@record(frozen=True, slots=True)
class Reproduction:
    """What replays come to that count.

    Attributes:
        signers: How many different keys say that a segment came out as published.
        segments: Each of those segments with how many signers say so, and whether all of them say
            bit for bit.
        differing: Segments of which a signer says that they came out different.
    """

    signers: int
    segments: tuple[tuple[str, str, int, bool], ...]
    differing: tuple[tuple[str, str], ...]

    @property
    def in_words(self) -> str:
        """The segments that came out, as a report lists them."""
        shown = []
        for start, end, count, exact in self.segments[:_MAX_SHOWN]:
            how = "bit for bit" if exact else "within tolerance"
            by = f", by {count:,}" if self.signers > 1 else ""
            shown.append(f"{printable(start)} to {printable(end)} ({how}{by})")
        if len(self.segments) > _MAX_SHOWN:
            shown.append(f"{len(self.segments) - _MAX_SHOWN:,} more")
        return f"{plural(self.signers, 'independent signer')}: {', '.join(shown)}"

    @property
    def differing_in_words(self) -> str:
        """The segments that did not, likewise."""
        shown = [f"{printable(a)} to {printable(b)}" for a, b in self.differing[:_MAX_SHOWN]]
        if len(self.differing) > _MAX_SHOWN:
            shown.append(f"{len(self.differing) - _MAX_SHOWN:,} more")
        return ", ".join(shown)


def reproduction_of(replays: Sequence[SignedReplay]) -> Reproduction:
    """What the replays that count come to, segment by segment in their order."""
    results: dict[tuple[str, str], dict[str, str]] = {}
    differing: dict[tuple[str, str], None] = {}
    for one in replays:
        for segment in one.statement.segments:
            names = (segment.start, segment.end)
            if segment.result in REPRODUCED:
                results.setdefault(names, {})[one.signer] = segment.result
            else:
                differing[names] = None
    return Reproduction(
        len({signer for by_signer in results.values() for signer in by_signer}),
        tuple(
            (start, end, len(found), set(found.values()) == {"bit-for-bit"})
            for (start, end), found in results.items()
        ),
        tuple(differing),
    )


def dump_replay_statement(statement: ReplayStatement) -> bytes:
    """The bytes of the statement, to be signed: compact JSON in ASCII."""
    plain = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": statement.name, "digest": {"sha256": statement.manifest_digest}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "segments": [
                {
                    "from": one.start,
                    "to": one.end,
                    "result": one.result,
                    "tolerance": {
                        dtype: {"absolute": t.absolute, "relative": t.relative}
                        for dtype, t in one.tolerances.items()
                    },
                    "files": [
                        {"path": path, "sha256": digest or None}
                        for path, digest in one.files.items()
                    ],
                }
                for one in statement.segments
            ],
            "nonce": statement.nonce or None,
            "environment": {
                "python": statement.python,
                "platform": statement.platform,
                "sandbox": statement.sandbox,
            },
        },
    }
    return json.dumps(plain, separators=(",", ":"), allow_nan=False).encode("ascii")


def parse_replay_statement(payload: bytes, *, what: str) -> ReplayStatement | None:
    """The statement that signed bytes hold; None when they hold one of another kind.

    Args:
        payload: The bytes; whether their signature counts is another question.
        what: What to call them in messages.

    Raises:
        DocumentError: They are not JSON, or such a statement that is not valid.
    """
    plain = strict_json.loads(payload, what=what, max_bytes=MAX_BYTES, max_depth=_MAX_DEPTH)
    if not isinstance(plain, dict) or plain.get("predicateType") != PREDICATE_TYPE:
        return None
    if found := violations(plain, "replay-attestation"):
        places = "; ".join(f"{v.pointer or 'the statement'}: {v.message}" for v in found[:3])
        raise DocumentError(f"{what} is not a valid replay attestation: {places}")
    subject, predicate = plain["subject"][0], plain["predicate"]
    environment = predicate["environment"]
    return ReplayStatement(
        subject["name"],
        subject["digest"]["sha256"],
        tuple(_segment(one, what) for one in predicate["segments"]),
        predicate["nonce"] or "",
        environment["python"],
        environment["platform"],
        environment["sandbox"],
    )


def _segment(plain: Mapping[str, Any], what: str) -> RepeatedSegment:
    paths = [f["path"] for f in plain["files"]]
    where = f"{what} is not a valid replay attestation: {printable(plain['from'])}"
    if len(set(paths)) < len(paths):
        raise DocumentError(f"{where}: a file is named twice")
    if plain["result"] in REPRODUCED and any(f["sha256"] is None for f in plain["files"]):
        raise DocumentError(f"{where}: a file that did not come out was not reproduced")
    return RepeatedSegment(
        plain["from"],
        plain["to"],
        plain["result"],
        {
            dtype: Tolerance(float(t["absolute"]), float(t["relative"]))
            for dtype, t in plain["tolerance"].items()
        },
        {f["path"]: f["sha256"] or "" for f in plain["files"]},
    )
