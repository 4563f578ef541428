"""The OMS statement: which files, with which digests, a signature vouches for.

The format is an in-toto Statement v1 with the predicate of OMS 1.0 (sections 5 and 6). The
parser refuses every reading but one: a resource listed twice, a name that leaves the release,
a digest of the wrong length, a root digest that is not that of the resources.

Two freedoms are given on purpose. The order of resources is not judged: the specification says
code points, the reference implementation sorts by path components, and once names are unique
the order means nothing beyond the root digest, which is taken in the order listed. Unknown
fields of a resource or a subject are ignored, as the specification demands; unknown fields
elsewhere are refused, as its schemas do.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from manifest import strict_json
from manifest.errors import DocumentError, NotTrustedError
from manifest.inventory.paths import check_path, path_problem
from manifest.signing.bundle import MAX_BUNDLE_BYTES
from manifest.signing.fields import read_list, read_object, read_text, refusal, shown

__all__ = [
    "DIGEST_BYTES",
    "PAYLOAD_TYPE",
    "PREDICATE_TYPE",
    "STATEMENT_TYPE",
    "OmsStatement",
    "Resource",
    "SerializationMethod",
    "build_statement",
    "parse_statement",
]

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://model_signing/signature/v1.0"
_PREDICATE_V02: Final = "https://model_signing/Digests/v0.1"

DIGEST_BYTES: Final = {"sha256": 32, "blake2b": 64, "blake3": 32}
"""Length of each digest in bytes, by the identifiers of the OMS algorithm registry."""

_MAX_DEPTH = 32
_MAX_RESOURCES = 1_000_000
_MAX_IGNORE_PATHS = 10_000
_MAX_OFFSET = 2**63 - 1

_RESOURCE_FIELDS = frozenset({"name", "digest", "algorithm"})

_HEX = re.compile("[0-9a-f]+")
_GLOB = re.compile(r"[*?\[]")
# The suffix of a byte range, after the last but one colon: file names may hold colons.
_RANGE = re.compile("(.+):(0|[1-9][0-9]{0,18}):(0|[1-9][0-9]{0,18})", re.DOTALL)


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


@dataclasses.dataclass(frozen=True, slots=True)
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
    """

    subject_name: str
    root_digest: str
    method: SerializationMethod
    hash_type: str
    shard_size: int | None
    allow_symlinks: bool
    ignore_paths: tuple[str, ...]
    resources: tuple[Resource, ...]


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
    _check_predicate_type(fields.get("predicateType"), f"{where} predicateType")
    fields = read_object(value, where, required={"_type", "subject", "predicateType", "predicate"})
    subject_name, root_digest = _subject(fields["subject"], f"{where} subject")
    where = f"{where} predicate"
    predicate = read_object(fields["predicate"], where, required={"resources", "serialization"})
    settings = _serialization(predicate["serialization"], f"{where}.serialization")
    statement = dataclasses.replace(
        settings,
        subject_name=subject_name,
        root_digest=root_digest,
        resources=_resources(predicate["resources"], f"{where}.resources", settings),
    )
    root = hashlib.sha256()
    for resource in statement.resources:
        root.update(bytes.fromhex(resource.digest))
    if root.hexdigest() != root_digest:
        raise refusal(
            f"{what}: the root digest",
            f"is {root_digest}, and the listed resources give {root.hexdigest()}",
        )
    return statement


def _check_predicate_type(value: Any, where: str) -> None:
    if value == PREDICATE_TYPE:
        return
    found = read_text(value, where)
    if found == _PREDICATE_V02:
        raise refusal(
            where,
            "is that of model signing before OMS 1.0, which is not supported",
            remedy="ask the signer to sign again with a current tool",
        )
    if found.startswith("https://model_signing/signature/"):
        raise refusal(
            where,
            f"is {shown(found)}: another version of OMS; 1.0 is supported",
            remedy="use a newer release of this tool, if there is one",
        )
    raise refusal(
        where,
        f"is {shown(found)}: a statement about something else than the files of a model",
        remedy="give the signature of the release",
    )


def _subject(value: Any, where: str) -> tuple[str, str]:
    subjects = read_list(value, where, most=_MAX_RESOURCES)
    if len(subjects) != 1:
        raise refusal(where, f"has {len(subjects)} entries; exactly one is needed")
    where = f"{where}[0]"
    fields = read_object(subjects[0], where, required={"name", "digest"}, open_ended=True)
    name = read_text(fields["name"], f"{where}.name")
    # A DigestSet may name algorithms that the reader does not know; those are passed over.
    digests = read_object(fields["digest"], f"{where}.digest", required={"sha256"}, open_ended=True)
    return name, _digest(digests["sha256"], f"{where}.digest.sha256", "sha256")


def _serialization(value: Any, where: str) -> OmsStatement:
    """The settings, as a statement that still lacks its subject and resources."""
    fields = read_object(
        value,
        where,
        required={"method", "hash_type", "allow_symlinks"},
        optional={"shard_size", "ignore_paths"},
    )
    name = read_text(fields["method"], f"{where}.method")
    if name not in set(SerializationMethod):
        raise refusal(f"{where}.method", f"is {shown(name)}; files and shards are supported")
    method = SerializationMethod(name)
    hash_type = read_text(fields["hash_type"], f"{where}.hash_type")
    if hash_type not in DIGEST_BYTES:
        known = ", ".join(DIGEST_BYTES)
        raise refusal(f"{where}.hash_type", f"is {shown(hash_type)}; {known} are supported")
    allow_symlinks = fields["allow_symlinks"]
    if not isinstance(allow_symlinks, bool):
        raise refusal(f"{where}.allow_symlinks", "is neither true nor false")
    shard_size = None
    if method is SerializationMethod.SHARDS:
        shard_size = _shard_size(fields.get("shard_size"), f"{where}.shard_size")
    elif "shard_size" in fields:
        raise refusal(f"{where}.shard_size", 'is present, and the method is "files"')
    return OmsStatement(
        subject_name="",
        root_digest="",
        method=method,
        hash_type=hash_type,
        shard_size=shard_size,
        allow_symlinks=allow_symlinks,
        ignore_paths=_ignore_paths(fields.get("ignore_paths", []), f"{where}.ignore_paths"),
        resources=(),
    )


def _shard_size(value: Any, where: str) -> int:
    # The reference implementation writes numbers through protobuf's Struct, so 400 as 400.0.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _MAX_OFFSET:
        raise refusal(where, "is not a positive whole number of bytes")
    return value


def _ignore_paths(value: Any, where: str) -> tuple[str, ...]:
    paths = read_list(value, where, most=_MAX_IGNORE_PATHS)
    for index, path in enumerate(paths):
        place = f"{where}[{index}]"
        problem = path_problem(read_text(path, place))
        if problem is None and _GLOB.search(path):
            problem = "contains a glob character (*, ? or [)"
        if problem is not None:
            raise refusal(place, f"is {shown(path)}, which {problem}")
    return tuple(paths)


def _resources(value: Any, where: str, settings: OmsStatement) -> tuple[Resource, ...]:
    entries = read_list(value, where, least=1, most=_MAX_RESOURCES)
    # Releases of the reference implementation name the ranges in the algorithm as well.
    spellings = {settings.hash_type}
    if settings.method is SerializationMethod.SHARDS:
        spellings.add(f"{settings.hash_type}-sharded-{settings.shard_size}")
    resources: list[Resource] = []
    names: set[str] = set()
    whole, algorithm = settings.method is SerializationMethod.FILES, settings.hash_type
    length, make = 2 * DIGEST_BYTES[algorithm], tuple.__new__
    for index, entry in enumerate(entries):
        if whole and type(entry) is dict and entry.get("algorithm") == algorithm:
            # Nearly every entry is sound; one that is not is looked at closely, for its message.
            name, digest = entry.get("name"), entry.get("digest")
            if (
                type(name) is str
                and type(digest) is str
                and len(digest) == length
                and _HEX.fullmatch(digest)
                and name not in names
                and path_problem(name) is None
            ):
                names.add(name)
                resources.append(make(Resource, (name, algorithm, digest, None, None)))
                continue
        try:
            resources.append(_resource(entry, settings, spellings, names))
        except NotTrustedError as exc:
            raise NotTrustedError(f"{where}[{index}]{exc.message}", remedy=exc.remedy) from None
    if settings.shard_size is not None:
        _check_ranges(resources, where, settings.shard_size)
    return tuple(resources)


def _resource(entry: Any, settings: OmsStatement, spellings: set[str], names: set[str]) -> Resource:
    """One resource. Its place is put before the messages by the caller: there are many."""
    fields = read_object(entry, "", required=_RESOURCE_FIELDS, open_ended=True)
    name = read_text(fields["name"], ".name")
    if name in names:
        raise refusal(".name", f"lists {shown(name)} a second time")
    names.add(name)
    algorithm = read_text(fields["algorithm"], ".algorithm")
    if algorithm not in spellings:
        raise refusal(
            ".algorithm",
            f"is {shown(algorithm)}, and the statement's hash_type is {settings.hash_type}",
        )
    path, start, end = name, None, None
    if settings.method is SerializationMethod.SHARDS:
        match = _RANGE.fullmatch(name)
        if match is None:
            raise refusal(".name", f"is {shown(name)}, which is not PATH:START:END")
        path, start, end = match.group(1), int(match.group(2)), int(match.group(3))
    check_path(path, where=".name", error=NotTrustedError)
    digest = _digest(fields["digest"], ".digest", settings.hash_type)
    return Resource(path, settings.hash_type, digest, start, end)


def _check_ranges(resources: list[Resource], where: str, size: int) -> None:
    """Each file's ranges start at 0, leave no gap, and are full but for the last (OMS, 6.3.2)."""
    files: dict[str, list[tuple[int, int]]] = {}
    for resource in resources:
        files.setdefault(resource.path, []).append((resource.start or 0, resource.end or 0))
    for path, ranges in files.items():
        ranges.sort()
        for index, (start, end) in enumerate(ranges):
            due = index * size
            full = index < len(ranges) - 1
            if start != due or not start < end <= due + size or (full and end != due + size):
                raise refusal(
                    where,
                    f"gives {shown(path)} the bytes {start} to {end} where its range number "
                    f"{index + 1} of {size} bytes begins at {due}",
                )


def _digest(value: Any, where: str, algorithm: str) -> str:
    length = 2 * DIGEST_BYTES[algorithm]
    if not isinstance(value, str) or len(value) != length or not _HEX.fullmatch(value):
        raise refusal(where, f"is not a {algorithm} digest: {length} lower-case hex digits")
    return value
