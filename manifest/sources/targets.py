"""What a command may be pointed at: a directory, or a repository of a hub by its name.

``hf:OWNER/NAME`` or ``hf:OWNER/NAME@REVISION``; everything else is a directory, and a directory
that is called so is written ``./hf:…``.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from manifest.display import printable
from manifest.errors import UsageError

__all__ = ["HUB_PREFIX", "MAIN", "HubTarget", "is_repository", "is_revision", "parse_target"]

HUB_PREFIX = "hf:"
MAIN = "main"
"""The branch that is meant where no revision is given."""

# As huggingface_hub validates names (utils/_validators.py), with the owner always given.
_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+/#-]{0,254}")


@dataclasses.dataclass(frozen=True, slots=True)
class HubTarget:
    """A model repository of a hub: ``OWNER/NAME``, and a branch, tag or commit."""

    repository: str
    revision: str = MAIN

    def __str__(self) -> str:
        at = "" if self.revision == MAIN else f"@{self.revision}"
        return f"{HUB_PREFIX}{self.repository}{at}"


def is_repository(name: str) -> bool:
    """Whether a text is a repository's name, ``OWNER/NAME``."""
    owner, slash, repository = name.partition("/")
    return (
        bool(slash)
        and all(_PART.fullmatch(part) for part in (owner, repository))
        and not any(pair in name for pair in ("--", ".."))
        and not name.endswith(".git")
    )


def is_revision(name: str) -> bool:
    """Whether a text can name a branch, a tag or a commit (git-check-ref-format, and stricter)."""
    return bool(_REVISION.fullmatch(name)) and ".." not in name and not name.endswith(("/", "."))


def parse_target(text: str) -> HubTarget | Path:
    """A repository for ``hf:…``, a path for everything else.

    Raises:
        UsageError: After ``hf:`` stands no repository's name, or no revision after the ``@``.
    """
    if not text.startswith(HUB_PREFIX):
        return Path(text)
    repository, at, revision = text.removeprefix(HUB_PREFIX).partition("@")
    if not is_repository(repository) or (at and not is_revision(revision)):
        raise UsageError(
            f"{printable(text[:200])} does not name a repository",
            remedy="write hf:OWNER/NAME or hf:OWNER/NAME@REVISION; a directory of such a name is "
            "written ./hf:…",
        )
    return HubTarget(repository, revision or MAIN)
