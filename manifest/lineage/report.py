"""What a walk along the parents of a release found, as values (spec/lineage.md)."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator
from pathlib import Path

from manifest.errors import ExitCode
from manifest.licenses import LicenseAssessment

__all__ = [
    "Ancestor",
    "Carried",
    "Lineage",
    "LineageProblem",
    "Link",
    "LinkStatus",
    "Pin",
    "ProblemKind",
    "SharedTensors",
]


class LinkStatus(enum.StrEnum):
    """What is known of a link, from the release to the parent that it names."""

    PROVEN = "proven"
    """The bytes at hand are those that the release names."""
    REPORTED = "reported"
    """Somebody says so: the hub, or the name of a directory in its cache."""
    UNPROVEN = "unproven"
    UNDECIDED = "could-not-tell"
    """The parent could not be read."""
    MISMATCH = "mismatch"
    """What was found under the parent's name is not what the release names."""


class Pin(enum.StrEnum):
    """By what a release names a parent."""

    MANIFEST = "manifest"
    WEIGHTS = "weights-digest"
    REVISION = "hub-revision"


class ProblemKind(enum.StrEnum):
    """What is wrong along a chain; the exit code follows from it."""

    MISMATCH = "mismatch"
    TERMS_LOST = "terms-lost"
    LICENSE_MISSTATED = "license-misstated"
    UNLIKE = "unlike"
    CYCLE = "cycle"
    TOO_LONG = "too-long"
    UNREADABLE = "unreadable"
    SIGNATURE = "signature"
    CHANGED = "changed"

    @property
    def exit_code(self) -> ExitCode:
        """The code that it exits with (spec/exit-codes.md)."""
        if self in (ProblemKind.MISMATCH, ProblemKind.CHANGED):
            return ExitCode.DIFFERENT
        if self in (ProblemKind.TOO_LONG, ProblemKind.UNREADABLE):
            return ExitCode.UNDECIDED
        return ExitCode.NOT_TRUSTED if self is ProblemKind.SIGNATURE else ExitCode.FINDINGS


@dataclasses.dataclass(frozen=True, slots=True)
class LineageProblem:
    """One thing that is wrong, in a sentence that names the models concerned.

    Attributes:
        kind: What it is.
        message: The sentence.
        remedy: What to do about it; empty when nothing can be done.
    """

    kind: ProblemKind
    message: str
    remedy: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class SharedTensors:
    """How the tensors of a release compare with a parent's, by name, where both are known.

    Attributes:
        total: Tensors of the release.
        same: Those that are the parent's, byte for byte.
        shaped: Those that have a parent's name and shape, and other bytes.
    """

    total: int
    same: int
    shaped: int


@dataclasses.dataclass(frozen=True, slots=True)
class Ancestor:
    """A release in a chain: the one that was asked about, or one that it was made from.

    Attributes:
        name: As it calls itself.
        version: The same; empty when nothing says it.
        place: Where it was read, as the user would write it.
        origin: What describes it: ``release.yaml``, ``manifest.json``, or ``drafted`` from what
            lies there.
        license: The license of its weights, as written; empty when none is given.
        assessment: Whether that is open, for weights.
        manifest_sha256: Of its ``manifest.json``; empty when there is none.
        weights_digests: Of its models, by its manifest; empty when it has none.
        revision: The commit on the hub; empty for a directory that is no snapshot.
        directory: Where its files lie; None for a release that was read on a hub.
        links: To its parents, in the order of the description.
        signer: Who signed it, where that was asked and holds.
    """

    name: str
    version: str
    place: str
    origin: str
    license: str
    assessment: LicenseAssessment
    manifest_sha256: str = ""
    weights_digests: tuple[str, ...] = ()
    revision: str = ""
    directory: Path | None = None
    links: tuple[Link, ...] = ()
    signer: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """From a release to one parent that it names.

    Attributes:
        name: As the release calls the parent.
        relation: What the release is to it: ``finetune``, ``adapter``, ``merge``, ``quantized``,
            ``distilled``; empty when it does not say.
        pointer: The field that names it, as ``base_models[0]``.
        pins: By what it is named, each with the value.
        status: What is known of the link.
        proven_by: The pins that were found to hold.
        detail: Why the status is what it is, in words that follow the parent's name.
        license: What the release says of the parent's license; empty when nothing.
        tensors: How their tensors compare; None where either's are not known, or need not agree.
        parent: The parent; None when it was not found.
    """

    name: str
    relation: str
    pointer: str
    pins: tuple[tuple[Pin, str], ...]
    status: LinkStatus
    proven_by: tuple[Pin, ...] = ()
    detail: str = ""
    license: str = ""
    tensors: SharedTensors | None = None
    parent: Ancestor | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Carried:
    """Terms of an ancestor that stay with a release.

    Attributes:
        name: The ancestor.
        license: Its license.
        terms: What that takes away, in words.
        through: The models between, from the release's own parent on.
        whence: Who says that this is its license: ``itself``, ``the release``, or ``its name``.
        by_outputs: Whether the release was only distilled from it: none of its weights are there,
            and these are the terms that reach models made of its outputs.
        pointer: The field of the release that leads to it.
    """

    name: str
    license: str
    terms: tuple[str, ...]
    through: tuple[str, ...]
    whence: str
    by_outputs: bool
    pointer: str


@dataclasses.dataclass(frozen=True, slots=True)
class Lineage:
    """The whole answer.

    Attributes:
        release: The release that was asked about, with its parents.
        carried: Terms of its ancestors that are not open, and stay with it.
        problems: What is wrong, the weightiest first.
        unused: Places that were given and hold nobody's parent.
        strict: Whether a link that is not proven fails too.
    """

    release: Ancestor
    carried: tuple[Carried, ...] = ()
    problems: tuple[LineageProblem, ...] = ()
    unused: tuple[str, ...] = ()
    strict: bool = False

    @property
    def links(self) -> Iterator[tuple[Ancestor, Link]]:
        """Every link with the release that it starts from, depth first."""
        return _links(self.release)

    @property
    def unproven(self) -> tuple[Link, ...]:
        """The links that nothing at hand proves."""
        return tuple(link for _, link in self.links if link.status is not LinkStatus.PROVEN)

    @property
    def exit_code(self) -> ExitCode:
        """The code to exit with (spec/exit-codes.md)."""
        codes = [problem.kind.exit_code for problem in self.problems]
        if self.strict and self.unproven:
            codes.append(ExitCode.FINDINGS)
        return ExitCode.worst(codes)


def _links(release: Ancestor) -> Iterator[tuple[Ancestor, Link]]:
    for link in release.links:
        yield release, link
        if link.parent is not None:
            yield from _links(link.parent)
