"""Does a lock file fix what the code of a release runs with."""

from __future__ import annotations

import ast
import posixpath
import re
import sys
import warnings
from collections.abc import Iterator

from manifest.display import printable
from manifest.errors import DocumentError, UndecidedError
from manifest.lint.content.sampling import head_text
from manifest.lint.release import Release
from manifest.readers.lock_files import read_lock
from manifest.sources import SourceFile

__all__ = ["lock_problem"]

_MAX_FILES = 500
_MAX_SOURCE = 256 * 1024
_CODE = (
    "training-code",
    "inference-code",
    "evaluation-code",
    "data-preprocessing-code",
    "model-architecture",
)
_IMPORTS = re.compile(r"^\s*(?:import|from)\s+\w", re.MULTILINE)


def lock_problem(release: Release, path: str) -> str:
    """Why a file locks nothing, in words that follow its name; empty when it does.

    A list without an entry is a lock for code that needs nothing but Python, and for no other.

    Raises:
        UndecidedError: It cannot be read.
    """
    try:
        lock = read_lock(release.source, path)
    except DocumentError as error:
        return error.message.removeprefix(printable(path)).lstrip(": ")
    if lock.says_nothing_is_needed and (found := _foreign_import(release)):
        file, module = found
        return f"lists nothing, and {printable(file)} imports {printable(module)}"
    return ""


def _foreign_import(release: Release) -> tuple[str, str] | None:
    """A file of the release's code, and a module that it imports from neither Python nor here."""
    known = set(sys.stdlib_module_names)
    for path in release.paths:
        known.update(part.partition(".")[0] for part in path.split("/"))
    files = {
        f.path: f
        for c in release.components
        if c.kind in _CODE
        for f in c.files.here
        if posixpath.splitext(f.path)[1] == ".py" and f.size <= _MAX_SOURCE
    }
    for path, file in sorted(files.items())[:_MAX_FILES]:
        for module in _imports(release, file):
            if module not in known:
                return path, module
    return None


def _imports(release: Release, file: SourceFile) -> Iterator[str]:
    """The first parts of the modules that a file imports by absolute names."""
    try:
        text = head_text(release.source, file, _MAX_SOURCE)
    except UndecidedError:
        return
    if text is None or not _IMPORTS.search(text):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a stranger's invalid escapes are not ours to report
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]
