"""What a signed statement lists, as values: files or byte ranges, and their digests."""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

from manifest.records import record

__all__ = [
    "DIGEST_BYTES",
    "MAX_RESOURCES",
    "SINGLE_FILE",
    "OmsStatement",
    "Resource",
    "SerializationMethod",
    "StatementFormat",
]

DIGEST_BYTES: Final = {"sha256": 32, "blake2b": 64, "blake3": 32}
"""Length of each digest in bytes, by the identifiers of the OMS algorithm registry."""

MAX_RESOURCES: Final = 1_000_000

SINGLE_FILE: Final = "."
"""How the reference implementation names the one file of a model that is one file. The
specification (5.2.1) wants the file's name there; both are read."""


class StatementFormat(enum.StrEnum):
    """Which format a statement was read by."""

    OMS_1_0 = "OMS 1.0"
    DIGESTS_V0_1 = "Digests v0.1"
    """That of model_signing 0.2.0, before OMS 1.0 (OMS, 11)."""


class SerializationMethod(enum.StrEnum):
    """What one resource describes: a whole file, or a byte range of one (OMS, 6.3)."""

    FILES = "files"
    SHARDS = "shards"


class Resource(NamedTuple):
    """A file or a byte range, and its digest. A tuple: a statement may list a million.

    Attributes:
        path: The file's path in the release.
        algorithm: ``sha256``, ``blake2b`` or ``blake3``.
        digest: Lower-case hex.
        start: First byte of the range; None for a whole file.
        end: One past the last byte of the range; None for a whole file.
    """

    path: str
    algorithm: str
    digest: str
    start: int | None = None
    end: int | None = None


@record(frozen=True, slots=True)
class OmsStatement:
    """A statement whose form has been checked; whether to trust it is the signature's matter.

    Attributes:
        subject_name: What the signer calls the model; informative only.
        root_digest: Hex SHA-256 over the digests of the resources, in the order listed.
        method: Whether resources are files or byte ranges.
        hash_type: The algorithm of all digests.
        shard_size: Bytes of each range but a file's last; None for whole files.
        allow_symlinks: Whether the signer followed symbolic links. The verifier decides what
            to make of it.
        ignore_paths: Paths the signer left out. They are the signer's words: a verifier must
            not let them hide a file.
        resources: In the order listed. With byte ranges, empty files have no entry.
        format: Which format it is of. One that is older than OMS 1.0 binds less: it has no root
            digest (empty), names no ignored path, and always means whole files and SHA-256.
    """

    subject_name: str
    root_digest: str
    method: SerializationMethod
    hash_type: str
    shard_size: int | None
    allow_symlinks: bool
    ignore_paths: tuple[str, ...]
    resources: tuple[Resource, ...]
    format: StatementFormat = StatementFormat.OMS_1_0

    @property
    def is_nameless(self) -> bool:
        """Whether it is of one file that it gives no name: the only path is `SINGLE_FILE`."""
        return all(resource.path == SINGLE_FILE for resource in self.resources)
