"""Commitments, proofs and secrets as JSON, read strictly (spec/commitments.md, "Documents").

Everything is bounded before it is used: the size of a document, its depth, counts, indexes and
the lengths of paths. The schemas say the same, and a test holds the two together.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, NoReturn

from manifest import strict_json
from manifest.commitments.keys import SECRET_SIZE
from manifest.commitments.records import Format
from manifest.commitments.rules import Rule, rules_from_names
from manifest.commitments.values import (
    Absence,
    AbsenceProof,
    Commitment,
    Neighbour,
    Presence,
    PresenceProof,
    Proof,
    Secrets,
)
from manifest.commitments.vrf import KEY_SIZE, PROOF_SIZE
from manifest.display import printable
from manifest.errors import DocumentError, UndecidedError, UsageError
from manifest.inventory.merkle import HASH_SIZE

__all__ = [
    "ABSENCE_CONSTRUCTION",
    "MAX_BYTES",
    "MAX_COUNT",
    "MAX_PATH",
    "PRESENCE_CONSTRUCTION",
    "SCHEMA_VERSION",
    "commitment_from_plain",
    "commitment_plain",
    "dump_commitment",
    "dump_proof",
    "dump_secrets",
    "parse_commitment",
    "parse_proof",
    "parse_secrets",
]

SCHEMA_VERSION = "1.0"
PRESENCE_CONSTRUCTION = "rfc6962-blake2b/1"
ABSENCE_CONSTRUCTION = "rfc6962-ecvrf-edwards25519-sha512-tai/1"
MAX_BYTES = 64 * 1024
"""The largest of these documents that is read."""
MAX_COUNT = 2**48
"""The most leaves of a tree."""
MAX_PATH = 48
"""The most hashes of an audit path."""
_MAX_DEPTH = 16


class _Fields:
    """The fields of an object, each taken once; what is left over is refused."""

    def __init__(self, plain: Any, what: str, place: str = "") -> None:
        self._what = what
        self._place = place
        if not isinstance(plain, dict):
            self.fail("", "is not an object")
        self._left = {k: v for k, v in plain.items() if not k.startswith("x-")}

    def fail(self, field: str, problem: str) -> NoReturn:
        place = ".".join(filter(None, (self._place, field)))
        raise DocumentError(
            f"{self._what}: {f'{place}: ' if place else ''}{problem}",
            remedy="fetch the document again, or ask whoever made it",
        )

    def has(self, field: str) -> bool:
        return field in self._left

    def take(self, field: str) -> Any:
        if field not in self._left:
            self.fail(field, "is missing")
        return self._left.pop(field)

    def text(self, field: str, most: int = 200) -> str:
        value = self.take(field)
        if not isinstance(value, str) or not 0 < len(value) <= most:
            self.fail(field, f"is not text of 1 to {most} characters")
        return value

    def constant(self, field: str, wanted: str) -> None:
        value = self.take(field)
        if value != wanted:
            self.fail(field, f"is not {wanted!r}")

    def number(self, field: str, most: int) -> int:
        value = self.take(field)
        if type(value) is not int or not 0 <= value <= most:
            self.fail(field, f"is not a whole number of 0 to {most}")
        return value

    def hexadecimal(self, field: str, size: int) -> bytes:
        value = self.take(field)
        if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", value):
            self.fail(field, f"is not {2 * size} lower-case hexadecimal digits")
        return bytes.fromhex(value)

    def path(self, field: str) -> tuple[bytes, ...]:
        value = self.take(field)
        if not isinstance(value, list) or len(value) > MAX_PATH:
            self.fail(field, f"is not a list of at most {MAX_PATH} hashes")
        return tuple(self._hash(f"{field}[{i}]", text) for i, text in enumerate(value))

    def _hash(self, field: str, text: Any) -> bytes:
        try:
            data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
        except (binascii.Error, ValueError):
            data = b""
        # Base64 has several texts for one value: only the one that is written is read.
        if len(data) != HASH_SIZE or base64.b64encode(data).decode() != text:
            self.fail(field, f"is not {HASH_SIZE} bytes in base64")
        return data

    def inner(self, field: str) -> _Fields:
        return _Fields(self.take(field), self._what, ".".join(filter(None, (self._place, field))))

    def version(self) -> None:
        value = self.take("schema_version")
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,6}\.[0-9]{1,6}", value):
            self.fail("schema_version", "is not a version")
        if value.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
            raise UndecidedError(
                f"{self._what} is written in version {value} of its format; "
                "this program reads version 1",
                remedy="use a newer version of this program",
            )

    def end(self) -> None:
        if self._left:
            self.fail("", f"unknown field `{printable(min(self._left))}`")


def _load(data: bytes, what: str) -> Any:
    return strict_json.loads(
        data, what=what, max_bytes=MAX_BYTES, max_depth=_MAX_DEPTH, max_items=4096
    )


def parse_commitment(data: bytes, *, what: str = "the commitment") -> Commitment:
    """Read a commitment from the bytes of its file.

    Args:
        data: The bytes.
        what: The document's name for messages.

    Raises:
        DocumentError: It is none; the message names the place.
        UndecidedError: It is of another major version.
    """
    return commitment_from_plain(_load(data, what), what=what)


def commitment_from_plain(plain: Any, *, what: str = "the commitment") -> Commitment:
    """The commitment that plain JSON values stand for.

    Raises:
        DocumentError, UndecidedError: As `parse_commitment`.
    """
    fields = _Fields(plain, what)
    fields.version()
    records = fields.inner("records")
    format_, rules, column = _records(records)
    records.end()
    presence = fields.inner("presence")
    presence.constant("construction", PRESENCE_CONSTRUCTION)
    tree = Presence(presence.hexadecimal("root", HASH_SIZE), presence.number("count", MAX_COUNT))
    presence.end()
    absence = None
    if fields.has("absence"):
        inner = fields.inner("absence")
        inner.constant("construction", ABSENCE_CONSTRUCTION)
        absence = Absence(
            inner.hexadecimal("root", HASH_SIZE),
            inner.number("count", MAX_COUNT),
            inner.hexadecimal("public_key", KEY_SIZE),
        )
        if absence.count > tree.count:
            inner.fail("count", "is larger than the count of records")
        if tree.count and not absence.count:
            inner.fail("count", "is zero, and there are records")
        inner.end()
    fields.end()
    return Commitment(format_, rules, tree, absence, column)


def _records(fields: _Fields) -> tuple[Format, tuple[Rule, ...], str]:
    name = fields.text("format")
    if name not in [f.value for f in Format]:
        fields.fail("format", f"is not one of {', '.join(Format)}")
    names = fields.take("normalization")
    if (
        not isinstance(names, list)
        or not 0 < len(names) <= len(Rule)
        or not all(n in [r.value for r in Rule] for n in names)
    ):
        fields.fail("normalization", f"is not a list of {', '.join(Rule)}")
    try:
        rules = rules_from_names(names)
    except UsageError as error:
        fields.fail("normalization", error.message)
    if list(rules) != names:
        fields.fail("normalization", "is not in the order of application")
    column = fields.text("column", 1000) if fields.has("column") else ""
    if column and name != Format.PARQUET:
        fields.fail("column", "only Parquet has columns")
    return Format(name), rules, column


def commitment_plain(commitment: Commitment) -> dict[str, Any]:
    """A commitment as plain JSON values."""
    records: dict[str, Any] = {
        "format": commitment.format.value,
        "normalization": [rule.value for rule in commitment.rules],
    }
    if commitment.column:
        records["column"] = commitment.column
    plain: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "records": records,
        "presence": {
            "construction": PRESENCE_CONSTRUCTION,
            "root": commitment.presence.root.hex(),
            "count": commitment.presence.count,
        },
    }
    if commitment.absence is not None:
        plain["absence"] = {
            "construction": ABSENCE_CONSTRUCTION,
            "root": commitment.absence.root.hex(),
            "count": commitment.absence.count,
            "public_key": commitment.absence.public_key.hex(),
        }
    return plain


def dump_commitment(commitment: Commitment) -> bytes:
    """The bytes of a commitment's file."""
    return strict_json.dumps(commitment_plain(commitment))


def parse_proof(data: bytes, *, what: str = "the proof") -> Proof:
    """Read a proof from its bytes; what it says is not checked yet.

    Raises:
        DocumentError: It is none, or beyond the bounds; the message names the place.
        UndecidedError: It is of another major version.
    """
    fields = _Fields(_load(data, what), what)
    fields.version()
    kind = fields.text("kind")
    root = fields.hexadecimal("root", HASH_SIZE)
    record = fields.hexadecimal("record", HASH_SIZE)
    proof: Proof
    if kind == "presence":
        proof = PresenceProof(
            root,
            record,
            fields.number("index", MAX_COUNT),
            fields.hexadecimal("key", SECRET_SIZE),
            fields.path("path"),
        )
    elif kind == "absence":
        vrf_proof = fields.hexadecimal("vrf_proof", PROOF_SIZE)
        proof = AbsenceProof(
            root, record, vrf_proof, _neighbour(fields, "left"), _neighbour(fields, "right")
        )
    else:
        fields.fail("kind", "is neither presence nor absence")
    fields.end()
    return proof


def _neighbour(fields: _Fields, field: str) -> Neighbour | None:
    if not fields.has(field):
        return None
    inner = fields.inner(field)
    neighbour = Neighbour(
        inner.number("index", MAX_COUNT),
        inner.hexadecimal("value", HASH_SIZE),
        inner.path("path"),
    )
    inner.end()
    return neighbour


def dump_proof(proof: Proof) -> bytes:
    """The bytes of a proof's file: under 4 KB for trees of 100 million leaves."""
    plain: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
    if isinstance(proof, PresenceProof):
        plain |= {
            "kind": "presence",
            "root": proof.root.hex(),
            "record": proof.record.hex(),
            "index": proof.index,
            "key": proof.key.hex(),
            "path": _texts(proof.path),
        }
    else:
        plain |= {
            "kind": "absence",
            "root": proof.root.hex(),
            "record": proof.record.hex(),
            "vrf_proof": proof.vrf_proof.hex(),
        }
        for name, neighbour in (("left", proof.left), ("right", proof.right)):
            if neighbour is not None:
                plain[name] = {
                    "index": neighbour.index,
                    "value": neighbour.value.hex(),
                    "path": _texts(neighbour.path),
                }
    return strict_json.dumps(plain)


def _texts(path: tuple[bytes, ...]) -> list[str]:
    return [base64.b64encode(digest).decode() for digest in path]


def parse_secrets(data: bytes, *, what: str = "the secrets file") -> Secrets:
    """Read the secrets of a commitment.

    Raises:
        DocumentError: They are none; the message shows nothing of them.
        UndecidedError: They are of another major version.
    """
    fields = _Fields(_load(data, what), what)
    fields.version()
    secret = fields.hexadecimal("secret", SECRET_SIZE)
    fields.end()
    return Secrets(secret)


def dump_secrets(secrets: Secrets) -> bytes:
    """The bytes of a secrets file, to be written with mode 0600."""
    return strict_json.dumps({"schema_version": SCHEMA_VERSION, "secret": secrets.secret.hex()})
