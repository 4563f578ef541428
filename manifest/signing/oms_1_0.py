"""The predicate of OMS 1.0, as all releases of the reference implementation since 0.3 write it.

They differ in little, and one reading covers all (OMS, 11.1): byte ranges are named in the
algorithm (``sha256-sharded-400``), before 1.0.0 in ``hash_type`` as well; ``ignore_paths`` is
absent before 1.1.0; numbers come as ``400.0``; a model that is one file is the resource ``.``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import Any

from manifest.errors import NotTrustedError
from manifest.inventory.paths import check_path, path_problem
from manifest.signing.fields import read_list, read_object, read_text, refusal, shown
from manifest.signing.resources import (
    DIGEST_BYTES,
    MAX_RESOURCES,
    SINGLE_FILE,
    OmsStatement,
    Resource,
    SerializationMethod,
)

__all__ = ["check_names", "read_digest", "read_oms_1_0"]

_MAX_IGNORE_PATHS = 10_000
_MAX_OFFSET = 2**63 - 1

_RESOURCE_FIELDS = frozenset({"name", "digest", "algorithm"})

_HEX = re.compile("[0-9a-f]+")
_GLOB = re.compile(r"[*?\[]")
# The suffix of a byte range, after the last but one colon: file names may hold colons.
_RANGE = re.compile("(.+):(0|[1-9][0-9]{0,18}):(0|[1-9][0-9]{0,18})", re.DOTALL)


def read_oms_1_0(subject: Any, predicate: Any, what: str) -> OmsStatement:
    """Read a statement of OMS 1.0 (sections 5 and 6).

    Args:
        subject: The statement's field of this name, as parsed JSON.
        predicate: Likewise.
        what: The statement's name for messages.

    Raises:
        NotTrustedError: It is malformed, or contradicts itself.
    """
    subject_name, root_digest = _subject(subject, f"{what}: subject")
    where = f"{what}: predicate"
    fields = read_object(predicate, where, required={"resources", "serialization"})
    settings = _serialization(fields["serialization"], f"{where}.serialization")
    statement = dataclasses.replace(
        settings,
        subject_name=subject_name,
        root_digest=root_digest,
        resources=_resources(fields["resources"], f"{where}.resources", settings),
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


def check_names(resources: tuple[Resource, ...], where: str) -> None:
    """Refuse the name of a single file beside others: which file it would mean is anyone's guess.

    Raises:
        NotTrustedError: It stands there.
    """
    nameless = sum(1 for resource in resources if resource.path == SINGLE_FILE)
    if nameless and nameless != len(resources):
        raise refusal(
            where, f'has the name "{SINGLE_FILE}", which is for a model of one file, beside others'
        )


def _subject(value: Any, where: str) -> tuple[str, str]:
    subjects = read_list(value, where, most=MAX_RESOURCES)
    if len(subjects) != 1:
        raise refusal(where, f"has {len(subjects)} entries; exactly one is needed")
    where = f"{where}[0]"
    fields = read_object(subjects[0], where, required={"name", "digest"}, open_ended=True)
    name = read_text(fields["name"], f"{where}.name")
    # A DigestSet may name algorithms that the reader does not know; those are passed over.
    digests = read_object(fields["digest"], f"{where}.digest", required={"sha256"}, open_ended=True)
    return name, read_digest(digests["sha256"], f"{where}.digest.sha256", "sha256")


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
    allow_symlinks = fields["allow_symlinks"]
    if not isinstance(allow_symlinks, bool):
        raise refusal(f"{where}.allow_symlinks", "is neither true nor false")
    shard_size = None
    if method is SerializationMethod.SHARDS:
        shard_size = _shard_size(fields.get("shard_size"), f"{where}.shard_size")
    elif "shard_size" in fields:
        raise refusal(f"{where}.shard_size", 'is present, and the method is "files"')
    hash_type = _hash_type(fields["hash_type"], f"{where}.hash_type", shard_size)
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


def _hash_type(value: Any, where: str, shard_size: int | None) -> str:
    found = read_text(value, where)
    for name in DIGEST_BYTES:
        # Releases before 1.0.0 name the ranges here too.
        if found == name or (shard_size is not None and found == f"{name}-sharded-{shard_size}"):
            return name
    raise refusal(where, f"is {shown(found)}; {', '.join(DIGEST_BYTES)} are supported")


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
    entries = read_list(value, where, least=1, most=MAX_RESOURCES)
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
    check_names(tuple(resources), where)
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
    if path != SINGLE_FILE:
        check_path(path, where=".name", error=NotTrustedError)
    digest = read_digest(fields["digest"], ".digest", settings.hash_type)
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


def read_digest(value: Any, where: str, algorithm: str) -> str:
    """A digest of the algorithm, in lower-case hex.

    Raises:
        NotTrustedError: It is not one.
    """
    length = 2 * DIGEST_BYTES[algorithm]
    if not isinstance(value, str) or len(value) != length or not _HEX.fullmatch(value):
        raise refusal(where, f"is not a {algorithm} digest: {length} lower-case hex digits")
    return value
