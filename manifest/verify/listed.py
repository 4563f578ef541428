"""What a signed statement says of each file, ready to be compared."""

from __future__ import annotations

from collections.abc import Sequence

from manifest.document.manifest_file import Manifest
from manifest.inventory import Algorithm, Expected, Tree, digest_of
from manifest.signing.statement import OmsStatement, SerializationMethod

__all__ = ["agrees", "expected_of", "unlisted_empty_files"]


def expected_of(
    statement: OmsStatement, sizes: dict[str, int] | None = None, *, only: str | None = None
) -> dict[str, Expected]:
    """The signed resources by path, the byte ranges of each file together; or of one path."""
    sizes = sizes or {}
    algorithm, shard_size = Algorithm(statement.hash_type), statement.shard_size
    resources = statement.resources
    if only is not None:
        resources = tuple(r for r in resources if r.path == only)
    if statement.method is SerializationMethod.FILES:
        return {
            r.path: Expected(r.path, sizes.get(r.path), (r.digest,), algorithm) for r in resources
        }
    digests: dict[str, list[str]] = {}
    ends: dict[str, int] = {}
    # In the order of code points, in which they are listed, 1000:1100 stands before 200:300.
    for resource in sorted(resources, key=lambda r: r.start or 0):
        digests.setdefault(resource.path, []).append(resource.digest)
        ends[resource.path] = max(resource.end or 0, ends.get(resource.path, 0))
    return {
        path: Expected(path, sizes.get(path, ends[path]), tuple(found), algorithm, shard_size)
        for path, found in digests.items()
    }


def agrees(data: bytes, expected: Expected) -> bool:
    """Whether bytes in memory have the digests that are expected."""
    step = expected.shard_size or max(len(data), 1)
    if max(-(-len(data) // step), 1) != len(expected.digests):
        return False
    parts: Sequence[bytes] = [data[i : i + step] for i in range(0, max(len(data), 1), step)]
    return tuple(digest_of(part, expected.algorithm) for part in parts) == expected.digests


def unlisted_empty_files(
    statement: OmsStatement | None,
    manifest: Manifest | None,
    tree: Tree,
    expected: dict[str, Expected],
) -> list[str]:
    """Expect empty files beside byte-range digests, which have none for them (OMS 1.0, 6.3.2).

    Where there is a manifest, it lists them.

    Args:
        statement: The signed statement.
        manifest: The manifest that agrees with it.
        tree: What is there.
        expected: What every file must be, by path; the empty files are added.

    Returns:
        What they are, in words.
    """
    if statement is None or statement.method is not SerializationMethod.SHARDS:
        return []
    if manifest is not None:
        return []
    empty = [f.path for f in tree.files if f.size == 0 and f.path not in expected]
    algorithm, shard_size = Algorithm(statement.hash_type), statement.shard_size
    expected |= {p: Expected(p, 0, (), algorithm, shard_size) for p in empty}
    return [f"{p} (empty: a signature by byte ranges cannot list it)" for p in empty]
