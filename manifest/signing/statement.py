"""The OMS statement: which files, with which digests, a signature vouches for.

The format is an in-toto Statement v1 with the predicate of OMS 1.0 (sections 5 and 6), or with
that of the one published format before it, which is read and never written. The parser refuses
every reading but one: a resource listed twice, a name that leaves the release, a digest of the
wrong length, a root digest that is not that of the resources.

Two freedoms are given on purpose. The order of resources is not judged: the specification says
code points, the reference implementation sorts by path components, and once names are unique
the order means nothing beyond the root digest, which is taken in the order listed. Unknown
fields of a resource or a subject are ignored, as the specification demands; unknown fields
elsewhere are refused, as its schemas do.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from manifest import strict_json
from manifest.errors import DocumentError, NotTrustedError
from manifest.signing.bundle import MAX_BUNDLE_BYTES
from manifest.signing.fields import read_object, read_text, refusal, shown
from manifest.signing.history import PREDICATE_TYPE as _DIGESTS_V0_1
from manifest.signing.history import UNREAD_TYPES, read_digests_v0_1
from manifest.signing.oms_1_0 import read_oms_1_0
from manifest.signing.resources import (
    DIGEST_BYTES,
    SINGLE_FILE,
    OmsStatement,
    Resource,
    SerializationMethod,
    StatementFormat,
)

__all__ = [
    "DIGEST_BYTES",
    "PAYLOAD_TYPE",
    "PREDICATE_TYPE",
    "SINGLE_FILE",
    "STATEMENT_TYPE",
    "OmsStatement",
    "Resource",
    "SerializationMethod",
    "StatementFormat",
    "build_statement",
    "parse_statement",
]

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://model_signing/signature/v1.0"

_MAX_DEPTH = 32
_HEX = re.compile("[0-9a-f]+")


def build_statement(
    subject_name: str, resources: Iterable[tuple[str, str]], ignore_paths: Sequence[str] = ()
) -> bytes:
    """Write the statement of a release whose files are hashed whole with SHA-256.

    The bytes depend on the arguments alone, and not on the order of the resources: they are
    sorted by code point (OMS, 5.2.1). The text is compact JSON in ASCII.

    Args:
        subject_name: The release's name.
        resources: Paths and hex SHA-256 digests; at least one.
        ignore_paths: What was left out, in the order to be written.

    Raises:
        DocumentError: The result would not pass `parse_statement`; the message says why.
    """
    entries = sorted(resources)
    root = hashlib.sha256()
    for path, digest in entries:
        if not _HEX.fullmatch(digest) or len(digest) % 2:
            raise DocumentError(f"the digest of {shown(path)} is not lower-case hex")
        if path == SINGLE_FILE:
            raise DocumentError(
                f"{shown(path)} is no file's name", remedy="a single file is listed by its name"
            )
        root.update(bytes.fromhex(digest))
    value = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": subject_name, "digest": {"sha256": root.hexdigest()}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": list(ignore_paths),
            },
            "resources": [
                {"name": path, "algorithm": "sha256", "digest": digest} for path, digest in entries
            ],
        },
    }
    try:
        _read(value, "the statement")
        subject_name.encode()
    except NotTrustedError as exc:
        raise DocumentError(f"cannot be signed: {exc.message}", remedy=exc.remedy) from None
    except UnicodeEncodeError:
        raise DocumentError(f"the name {shown(subject_name)} is not valid Unicode") from None
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def parse_statement(payload: bytes, *, what: str = "the signed statement") -> OmsStatement:
    """Parse a statement strictly.

    Args:
        payload: The bytes that were signed; verify the signature first.
        what: The statement's name for messages.

    Raises:
        NotTrustedError: It is not a statement of OMS 1.0, or contradicts itself. The message
            names the place and the cause.
    """
    value = strict_json.loads(
        payload,
        what=what,
        max_bytes=MAX_BUNDLE_BYTES,
        max_depth=_MAX_DEPTH,
        error=NotTrustedError,
    )
    return _read(value, what)


def _read(value: Any, what: str) -> OmsStatement:
    where = f"{what}:"
    # The type comes first: a statement of another kind should be told so, not that it lacks fields.
    fields = read_object(value, where, required={"_type"}, open_ended=True)
    if fields["_type"] != STATEMENT_TYPE:
        raise refusal(f"{where} _type", f"is not {STATEMENT_TYPE}")
    predicate_type = read_text(fields.get("predicateType"), f"{where} predicateType")
    read = {PREDICATE_TYPE: read_oms_1_0, _DIGESTS_V0_1: read_digests_v0_1}.get(predicate_type)
    if read is None:
        raise _other_predicate(predicate_type, f"{where} predicateType")
    fields = read_object(value, where, required={"_type", "subject", "predicateType", "predicate"})
    return read(fields["subject"], fields["predicate"], what)


def _other_predicate(found: str, where: str) -> NotTrustedError:
    if found in UNREAD_TYPES:
        return refusal(
            where,
            f"is {shown(found)}, a trial of model_signing 0.2.0 that its own command never wrote",
            remedy="ask the signer to sign again with a current tool",
        )
    if found.startswith("https://model_signing/signature/"):
        return refusal(
            where,
            f"is {shown(found)}: another version of OMS; 1.0 is supported",
            remedy="use a newer release of this tool, if there is one",
        )
    return refusal(
        where,
        f"is {shown(found)}: a statement about something else than the files of a model",
        remedy="give the signature of the release",
    )
