"""A miniature release that is open all the way, made on the spot.

`manifest/demo/release/` holds what people wrote of it: code, raw texts, recipe, cards and
licenses. Everything that is computed (processed data, checkpoints, weights, results) is
made by the release's own code, which needs nothing but Python and gives the same bytes on
every machine. So the repository holds no weights, and each use of the demo is a replay.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from typing import TYPE_CHECKING, Final

from manifest.errors import ManifestError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.resources.abc import Traversable
    from pathlib import Path

__all__ = ["make_release", "static_files"]

_KEPT_VARIABLES: Final = frozenset(
    {
        "DYLD_LIBRARY_PATH",
        "LD_LIBRARY_PATH",
        "PATH",
        "SYSTEMROOT",
        "TEMP",
        "TMP",
        "TMPDIR",
    }
)
"""What an interpreter may need to start at all; nothing that could change what it computes."""

_TAIL_LINES: Final = 8


def static_files() -> dict[str, bytes]:
    """Return the files of the release that people wrote: path, with `/`, and content."""
    return dict(_walk(resources.files(__name__) / "release", ""))


def make_release(directory: Path, *, progress: Callable[[str], None] | None = None) -> None:
    """Make the miniature release in a directory: about five seconds on one core.

    If the work fails or is interrupted, what was made of it is removed again, so that the
    same call can be repeated.

    Args:
        directory: Where it should lie: a directory that is empty, or that does not exist.
        progress: Called with one line of text whenever a stage of the work is done.

    Raises:
        UsageError: Something lies there already.
        ManifestError: The directory can't be written, or the release's own code failed;
            the message holds the end of what it said.
    """
    existed = _refuse_unless_free(directory)
    try:
        _copy(directory)
        _run(directory, progress or _ignore)
    except BaseException:  # an interrupt too: nothing half-made is left behind
        _remove(directory, keep=existed)
        raise


def _refuse_unless_free(directory: Path) -> bool:
    """Return whether the directory exists; raise unless a release can be made there."""
    if not os.path.lexists(directory):
        return False
    try:
        taken = not directory.is_dir() or next(directory.iterdir(), None) is not None
    except OSError as error:
        raise ManifestError(f"{str(directory)!r} cannot be read: {error.strerror}") from error
    if taken:
        raise UsageError(
            f"{str(directory)!r} is not an empty directory",
            remedy="name a directory that does not exist yet",
        )
    return True


def _walk(place: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of each file, in the order of their names.

    Installers compile what looks like Python, and linters leave their caches in a checkout:
    `__pycache__` and names with a leading dot are no part of the release.
    """
    for entry in sorted(place.iterdir(), key=lambda entry: entry.name):
        if entry.name == "__pycache__" or entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry.read_bytes()


def _copy(directory: Path) -> None:
    try:
        for name, content in static_files().items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise ManifestError(
            f"the demo release cannot be written to {str(directory)!r}: {error.strerror}"
        ) from error


def _run(directory: Path, progress: Callable[[str], None]) -> None:
    """Run `reproduce.py` of the release, isolated from this machine's settings and packages."""
    command = [sys.executable, "-I", "-S", "-B", "reproduce.py"]
    variables = {name: value for name, value in os.environ.items() if name in _KEPT_VARIABLES}
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter on our own file
                command,
                cwd=directory,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                encoding="utf-8",
            )
        except OSError as error:
            raise ManifestError(f"the demo release cannot be trained: {error}") from error
        with process:
            try:
                for line in process.stdout or ():
                    progress(line.rstrip("\n"))
            except BaseException:  # the child must not write on after we have cleaned up
                process.kill()
                raise
        if process.returncode != 0:
            complaints.seek(0)
            lines = complaints.read().decode("utf-8", "replace").splitlines()
            tail = "; ".join(repr(line)[1:-1] for line in lines[-_TAIL_LINES:] if line.strip())
            raise ManifestError(
                f"the code of the demo release failed with status {process.returncode}: {tail}"
            )


def _remove(directory: Path, *, keep: bool) -> None:
    """Remove what was made; an entry that can't be removed stays, and the first error counts."""
    if not keep:
        shutil.rmtree(directory, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        for entry in list(directory.iterdir()):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()


def _ignore(line: str) -> None:
    """Leave the line unsaid."""
