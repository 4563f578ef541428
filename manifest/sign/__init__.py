"""Signing a release, and the keys for it (spec/signature.md)."""

from manifest.sign.key_pair import write_key_pair
from manifest.sign.release import (
    IGNORE_PATHS,
    SIGNATURE_NAME,
    SIGNATURES_DIRECTORY,
    SignResult,
    sign,
)

__all__ = [
    "IGNORE_PATHS",
    "SIGNATURES_DIRECTORY",
    "SIGNATURE_NAME",
    "SignResult",
    "sign",
    "write_key_pair",
]
