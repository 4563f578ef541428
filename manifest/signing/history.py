"""What was signed before OMS 1.0, by model_signing 0.2.0: read, and never written (OMS, 5.1, 11).

Its statement lists the files as subjects, always whole and by SHA-256. There is no root digest,
and nothing says what was left out.

Its signatures by keys and certificates have a slip: what was signed is Python's printed form of
the payload in an encoding of its own (``DSSEV1``), always with SHA-256. That encoding is
unambiguous, and yet a second reading of a signature. So it is accepted for statements of this
format alone, and only in bundles that nothing marks as newer: no signature that promises OMS 1.0
can be verified by it.
"""

from __future__ import annotations

from typing import Any, Final

from manifest import strict_json
from manifest.errors import ManifestError, NotTrustedError
from manifest.inventory.paths import check_path
from manifest.signing.fields import read_list, read_object, read_text, refusal, shown
from manifest.signing.oms_1_0 import check_names, read_digest
from manifest.signing.resources import (
    MAX_RESOURCES,
    SINGLE_FILE,
    OmsStatement,
    Resource,
    SerializationMethod,
    StatementFormat,
)

__all__ = ["PREDICATE_TYPE", "UNREAD_TYPES", "is_digests_v0_1", "old_pae", "read_digests_v0_1"]

PREDICATE_TYPE: Final = "https://model_signing/Digests/v0.1"
UNREAD_TYPES: Final = frozenset(
    f"https://model_signing/{name}/v0.1"
    for name in ("Digest", "DigestOfDigests", "DigestOfShardDigests", "ShardDigests")
)
"""Further predicates of 0.2.0. Only its Python interface could make them."""

_MAX_PAYLOAD_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 32
# The first is what its command wrote; the other is the same digest, taken from memory.
_WHOLE_FILE = {"file-sha256", "sha256"}


def read_digests_v0_1(subject: Any, predicate: Any, what: str) -> OmsStatement:
    """Read a statement of the predicate Digests/v0.1.

    Args:
        subject: The statement's field of this name, as parsed JSON.
        predicate: Likewise; it held nothing of use.
        what: The statement's name for messages.

    Raises:
        NotTrustedError: It is malformed, or could be read in two ways.
    """
    read_object(predicate, f"{what}: predicate", required=frozenset(), optional={"unused"})
    where = f"{what}: subject"
    names: set[str] = set()
    resources = tuple(
        _resource(entry, f"{where}[{index}]", names)
        for index, entry in enumerate(read_list(subject, where, least=1, most=MAX_RESOURCES))
    )
    check_names(resources, where)
    return OmsStatement(
        subject_name="",
        root_digest="",
        method=SerializationMethod.FILES,
        hash_type="sha256",
        shard_size=None,
        allow_symlinks=False,
        ignore_paths=(),
        resources=resources,
        format=StatementFormat.DIGESTS_V0_1,
    )


def old_pae(payload_type: str, payload: bytes) -> bytes | None:
    """What model_signing 0.2.0 signed in place of the DSSE encoding; None for what it never did."""
    if len(payload) > _MAX_PAYLOAD_BYTES:
        return None
    return f"DSSEV1 {len(payload_type)} {payload_type} {len(payload)} {payload!r}".encode()


def is_digests_v0_1(payload: bytes) -> bool:
    """Whether a payload, whose signature was verified, is a statement of this format."""
    try:
        value = strict_json.loads(
            payload,
            what="the signed statement",
            max_bytes=_MAX_PAYLOAD_BYTES,
            max_depth=_MAX_DEPTH,
            error=NotTrustedError,
        )
    except ManifestError:
        return False
    return isinstance(value, dict) and value.get("predicateType") == PREDICATE_TYPE


def _resource(entry: Any, where: str, names: set[str]) -> Resource:
    fields = read_object(entry, where, required={"name", "digest"}, open_ended=True)
    name = read_text(fields["name"], f"{where}.name")
    if name in names:
        raise refusal(f"{where}.name", f"lists {shown(name)} a second time")
    names.add(name)
    if name != SINGLE_FILE:
        check_path(name, where=f"{where}.name", error=NotTrustedError)
    notes = read_object(
        fields.get("annotations", {}), f"{where}.annotations", required=frozenset(), open_ended=True
    )
    # Digests of every kind stood under "sha256"; this says of which kind one really is.
    algorithm = notes.get("actual_hash_algorithm", "sha256")
    if not isinstance(algorithm, str) or algorithm not in _WHOLE_FILE:
        raise refusal(
            f"{where}.annotations.actual_hash_algorithm",
            f"is {shown(str(algorithm))}; file-sha256 is supported",
        )
    digests = read_object(fields["digest"], f"{where}.digest", required={"sha256"})
    return Resource(name, "sha256", read_digest(digests["sha256"], f"{where}.digest", "sha256"))
