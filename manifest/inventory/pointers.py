"""Large-file pointers: what Git LFS leaves in the place of a file that was not fetched."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from manifest.inventory.digests import Algorithm
from manifest.inventory.opening import Opener, Problem, read_whole
from manifest.inventory.tree import FileStat

if TYPE_CHECKING:
    from manifest.inventory.difference import Expected

__all__ = ["is_pointer_to"]

_POINTER_BYTES = 1023
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize ([0-9]{1,19})\n"
)


def is_pointer_to(want: Expected, file: FileStat, opener: Opener) -> bool:
    """Whether a file is a Git LFS pointer to the expected one, as far as that can be compared."""
    if file.size > _POINTER_BYTES:
        return False
    content = read_whole(opener, file)
    found = None if isinstance(content, Problem) else _POINTER.fullmatch(content)
    if found is None:
        return False
    oid, size = found[1].decode(), int(found[2])
    if want.size not in {size, None}:
        return False
    if want.algorithm is Algorithm.SHA256 and want.shard_size is None:
        return want.digests == (oid,)
    return want.sha256 in {oid, ""}
