"""Where signatures lie in a release, and what they leave out."""

from __future__ import annotations

__all__ = ["IGNORE_PATHS", "SIGNATURES_DIRECTORY", "SIGNATURE_NAME"]

SIGNATURE_NAME = "model.sig"
SIGNATURES_DIRECTORY = "signatures"
IGNORE_PATHS = (
    ".git",
    ".gitattributes",
    ".github",
    ".gitignore",
    SIGNATURE_NAME,
    SIGNATURES_DIRECTORY,
)
"""What every signature says it leaves out: the four names of OMS 1.0 (6.2) and signatures."""
