"""One root for every error that the toolkit raises on purpose.

Each error carries a message that names what is wrong and where, a remedy that
says what to do about it, and the exit code of its kind (spec/exit-codes.md).
Only the command line prints or exits; everything below it raises one of these.
"""

from __future__ import annotations

import enum
from typing import ClassVar

__all__ = [
    "BrokenFileError",
    "BytesDifferError",
    "DocumentError",
    "ExitCode",
    "ManifestError",
    "MissingExtraError",
    "NotTrustedError",
    "ProofError",
    "TreeError",
    "UndecidedError",
    "UsageError",
]


class ExitCode(enum.IntEnum):
    """What a command's exit status means; the same in every command (spec/exit-codes.md)."""

    OK = 0
    """What was asked holds."""
    FINDINGS = 1
    """Something is false, broken or unsafe, and it was named."""
    USAGE = 2
    """The command was called wrongly."""
    NOT_TRUSTED = 3
    """A signature, key or policy does not vouch for the release."""
    UNDECIDED = 4
    """No answer: unreachable, unreadable, not fetched, or changed while it was read."""
    DIFFERENT = 5
    """Files are changed, missing or added."""
    INTERRUPTED = 130
    """Stopped by the user."""

    @classmethod
    def worst(cls, codes: list[ExitCode]) -> ExitCode:
        """The code to exit with where several hold: 130, 2, 3, 5, 4, 1, 0 in that order."""
        order = (
            cls.INTERRUPTED,
            cls.USAGE,
            cls.NOT_TRUSTED,
            cls.DIFFERENT,
            cls.UNDECIDED,
            cls.FINDINGS,
        )
        return next((code for code in order if code in codes), cls.OK)


class ManifestError(Exception):
    """The root of the toolkit's errors.

    Args:
        message: One sentence that names the cause and the place (a path, a field, a line).
        remedy: What the reader can do about it; empty when nothing can be done.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FINDINGS

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class UsageError(ManifestError):
    """The call cannot mean what it says: contradicting options, a key of the wrong kind."""

    exit_code = ExitCode.USAGE


class MissingExtraError(UsageError):
    """An optional dependency is not installed; the remedy is the install line."""


class DocumentError(ManifestError):
    """A description, manifest or report is not what its schema says."""

    exit_code = ExitCode.FINDINGS


class BrokenFileError(DocumentError):
    """A file that its own format refuses, whatever it was meant for: it does not parse, or is cut off."""


class TreeError(ManifestError):
    """A release directory holds something that a manifest cannot or must not list."""

    exit_code = ExitCode.FINDINGS


class NotTrustedError(ManifestError):
    """A signature, a certificate, a key or a signed statement is refused."""

    exit_code = ExitCode.NOT_TRUSTED


class UndecidedError(ManifestError):
    """There is no answer: a read error, a file that changed while it was read, a version too new."""

    exit_code = ExitCode.UNDECIDED


class ProofError(ManifestError):
    """A proof about committed records does not hold, or there is none to be made."""

    exit_code = ExitCode.FINDINGS


class BytesDifferError(ManifestError):
    """Files differ from what a manifest says of them."""

    exit_code = ExitCode.DIFFERENT
