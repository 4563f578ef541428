"""Lists of branches, as git prints them (spec/checkpoints.md, "Names")."""

from __future__ import annotations

import re

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.records import record

__all__ = ["BranchName", "parse_branch_names"]

MAX_BYTES = 16 * 1024 * 1024
MAX_LINES = 200_000
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REMOTE = re.compile(r"(?:refs/)?remotes/[^/]+/")


@record(frozen=True, slots=True)
class BranchName:
    """A branch or tag.

    Attributes:
        line: Where the list names it, from 1.
        name: Its name, without ``refs/heads/``.
        commit: What it stood at; empty where the list does not say.
    """

    line: int
    name: str
    commit: str = ""


def parse_branch_names(data: bytes, name: str) -> tuple[BranchName, ...]:
    """Read what ``git ls-remote``, ``git branch`` and ``git tag`` print, or names one a line.

    Blank lines, comments (``#``), ``HEAD`` and references other than branches and tags are passed
    over. Of an annotated tag the commit that it leads to counts.

    Raises:
        DocumentError: Too large, not UTF-8, a line that is no name, or a name that comes twice.
    """
    shown = printable(name)
    if len(data) > MAX_BYTES:
        raise DocumentError(f"{shown} has {len(data):,} bytes; at most {MAX_BYTES:,} are read")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{shown} is not UTF-8 (byte {error.start})") from None
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > MAX_LINES:
        raise DocumentError(f"{shown} has more than {MAX_LINES:,} lines")
    found: dict[str, BranchName] = {}
    for line, raw in enumerate(lines, 1):
        one = _branch(line, raw, shown)
        if one is None:
            continue
        peeled = one.name.endswith("^{}")
        one = BranchName(line, one.name.removesuffix("^{}"), one.commit)
        first = next(iter(found.values()), one)
        if bool(first.commit) != bool(one.commit):
            word = "has a commit" if first.commit else "has none"
            raise DocumentError(
                f"{shown}:{line}: {printable(one.name[:80])} is listed "
                f"{'with' if one.commit else 'without'} a commit, and line {first.line:,} {word}",
                remedy="the list is cut off or put together of two: write it again",
            )
        before = found.get(one.name)
        if before is not None and not peeled:
            how = "with another commit" if before.commit != one.commit else "already"
            raise DocumentError(
                f"{shown}:{line}: {printable(one.name)} was listed on line {before.line:,} {how}",
                remedy="take out the line that is wrong",
            )
        found[one.name] = one
    if not found:
        raise DocumentError(
            f"{shown} lists no branch", remedy="write what `git ls-remote --heads URL` prints"
        )
    return tuple(found.values())


def _branch(line: int, raw: str, shown: str) -> BranchName | None:
    text = raw.strip()
    if not text or text.startswith("#"):
        return None
    first, *more = text.removeprefix("* ").split(None, 1)
    commit, name = "", first
    if more and more[0].startswith("-> "):
        return None  # origin/HEAD -> origin/main
    if more:
        commit, name = first, more[0]
        if not _COMMIT.fullmatch(commit) or not name.isprintable() or " " in name:
            raise DocumentError(
                f"{shown}:{line}: {printable(raw[:80])} is no branch: a line is a name, or a "
                "commit and a name",
                remedy="write what `git ls-remote --heads URL` prints",
            )
    name = _REMOTE.sub("", name, count=1)
    for prefix in ("refs/heads/", "refs/tags/"):
        if name.startswith(prefix):
            return BranchName(line, name.removeprefix(prefix), commit)
    return None if name == "HEAD" or name.startswith("refs/") else BranchName(line, name, commit)
