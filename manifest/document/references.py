"""References to what lies elsewhere, and whether they are pinned (spec/description.md)."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Any

from manifest.records import record

__all__ = ["Reference", "ReferenceType"]

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class ReferenceType(enum.StrEnum):
    """What kind of thing a reference names."""

    GIT = "git"
    HUGGINGFACE = "huggingface"
    URL = "url"
    DOI = "doi"
    OCI = "oci"
    MANIFEST = "manifest"


@record(frozen=True, slots=True)
class Reference:
    """Something that lies elsewhere.

    Attributes:
        type: What kind of thing it is.
        target: The address, repository, image, identifier or name.
        pin: What fixes the content: a commit, a revision, a SHA-256; empty when nothing does.
        loose: A branch or tag, for people; empty when none is given.
        path: A path inside the repository; empty for all of it.
    """

    type: ReferenceType
    target: str
    pin: str = ""
    loose: str = ""
    path: str = ""

    @property
    def is_pinned(self) -> bool:
        """Whether the reference names its content, so that it cannot change unnoticed."""
        return bool(self.pin)

    def __str__(self) -> str:
        """The reference in one line, as ``git+https://host/repo@COMMIT``."""
        at = self.pin or self.loose
        prefix = "" if self.type is ReferenceType.URL else f"{self.type}:"
        return (
            f"{prefix}{self.target}{'@' + at if at else ''}{'#' + self.path if self.path else ''}"
        )

    @classmethod
    def from_plain(cls, fields: Mapping[str, Any]) -> Reference:
        """The reference that ``fields``, valid under the schema, stand for."""
        kind = ReferenceType(fields["type"])
        path = fields.get("path", "")
        match kind:
            case ReferenceType.GIT:
                return cls(
                    kind, fields["url"], fields.get("commit", ""), fields.get("branch", ""), path
                )
            case ReferenceType.HUGGINGFACE:
                revision = fields.get("revision", "")
                pinned = bool(_COMMIT.fullmatch(revision))
                repo_type = fields.get("repo_type", "model")
                prefix = "" if repo_type == "model" else f"{repo_type}s/"
                pin, loose = (revision, "") if pinned else ("", revision)
                return cls(kind, prefix + fields["repo"], pin, loose, path)
            case ReferenceType.URL:
                return cls(kind, fields["url"], fields.get("sha256", ""))
            case ReferenceType.DOI:
                return cls(kind, fields["doi"])
            case ReferenceType.OCI:
                return cls(kind, fields["image"], fields.get("digest", ""), fields.get("tag", ""))
            case ReferenceType.MANIFEST:
                return cls(kind, fields["name"], fields["sha256"])
