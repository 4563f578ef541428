"""Signing a release, and the keys for it (spec/signature.md)."""

from manifest.sign.exporting import ExportResult, export_payload
from manifest.sign.key_pair import write_key_pair
from manifest.sign.places import IGNORE_PATHS, SIGNATURE_NAME, SIGNATURES_DIRECTORY
from manifest.sign.release import SignResult, sign
from manifest.sign.single import FileSignResult, sign_file

__all__ = [
    "IGNORE_PATHS",
    "SIGNATURES_DIRECTORY",
    "SIGNATURE_NAME",
    "ExportResult",
    "FileSignResult",
    "SignResult",
    "export_payload",
    "sign",
    "sign_file",
    "write_key_pair",
]
