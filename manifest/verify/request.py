"""What was asked of a verification, and the files that the user named in asking."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from manifest.display import plural, printable
from manifest.document.manifest_file import FILE_NAME, MAX_BYTES
from manifest.errors import NotTrustedError, UndecidedError, UsageError
from manifest.inventory import Tree, read_file
from manifest.records import record
from manifest.signing.bundle import MAX_BUNDLE_BYTES
from manifest.signing.keys import PublicKey
from manifest.signing.names import SIGNATURE_NAME
from manifest.verify.comparison import Engine
from manifest.verify.machine import Trust
from manifest.verify.selection import DigestChoice

__all__ = [
    "Request",
    "path_inside",
    "read_given",
    "read_manifest",
    "read_signature",
    "sample_of",
]


@record(frozen=True, slots=True)
class Request:
    """The arguments of `manifest.verify.run.verify`, which documents them."""

    directory: str
    trust: Trust
    integrity_only: bool
    strict: bool
    only: tuple[str, ...]
    components: tuple[str, ...]
    manifest_path: str | None
    signature_path: str | None
    expect_name: str | None
    expect_version: str | None
    ignore: tuple[str, ...]
    roots: Mapping[str, str]
    engine: Engine
    digest: DigestChoice = DigestChoice.AUTO
    sample: int | None = None
    tensors: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    replayers: tuple[PublicKey, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """The parts that are named otherwise than by patterns, in words."""
        checkpoints = (f"checkpoint {name}" for name in self.checkpoints)
        return (*self.components, *checkpoints, *(f"tensor {name}" for name in self.tensors))

    @property
    def names_a_part(self) -> bool:
        """Whether it asks for something by its name; a sample names nothing."""
        return bool(self.only or self.components or self.checkpoints or self.tensors)


def read_given(path: str, option: str, max_bytes: int) -> bytes:
    """A regular file that the user named; links are followed, since the user named them.

    A pipe may have no end, or lie where someone else put it: it is refused, and not waited for.
    """
    shown = printable(path)
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(
                    f"{option} {shown} is not a regular file", remedy="name a file, as of a copy"
                )
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise UsageError(
            f"{option} {shown}: there is no such file", remedy="check the name"
        ) from None
    except IsADirectoryError:
        raise UsageError(f"{option} {shown} is a directory", remedy="name a file") from None
    except OSError as error:
        raise UndecidedError(f"{option} {shown} cannot be read: {error.strerror}") from None
    if len(data) > max_bytes:
        raise NotTrustedError(f"{option} {shown} has more than {max_bytes:,} bytes")
    return data


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)


def read_signature(request: Request, top: Tree, inside: str) -> tuple[bytes | None, str]:
    """The signature's bytes, and its path in the release; no bytes where there is none.

    Args:
        request: Names the signature, or does not.
        top: The walked release directory.
        inside: The path in the release of the one named; empty when it lies elsewhere.

    Raises:
        NotTrustedError: No regular file has its name.
        UsageError, UndecidedError: It cannot be read.
    """
    path = request.signature_path
    place = SIGNATURE_NAME if path is None else inside
    # In the release it is a file like any other: a pipe there would never end.
    if any(o.path == place for o in top.oddities):
        raise NotTrustedError(
            f"{printable(place)} is not a regular file", remedy="put the signature there"
        )
    if any(f.path == place for f in top.left_out):
        return read_file(top, place, max_bytes=MAX_BUNDLE_BYTES), place
    return (None if path is None else read_given(path, "--signature", MAX_BUNDLE_BYTES)), inside


def read_manifest(request: Request, top: Tree) -> bytes | None:
    """The manifest's bytes; None where there is none.

    Raises:
        UsageError, NotTrustedError, UndecidedError: It cannot be read.
    """
    if request.manifest_path is not None:
        return read_given(request.manifest_path, "--manifest", MAX_BYTES)
    if not any(f.path == FILE_NAME for f in top.files):
        return None
    return read_file(top, FILE_NAME, max_bytes=MAX_BYTES)


def path_inside(path: str, directory: str) -> str:
    """``path`` relative to the directory when it lies in it, else empty.

    What counts is where the name stands; a link elsewhere that leads into the directory counts
    as where it leads.
    """
    root = os.path.realpath(directory)
    prefix = root if root.endswith(os.sep) else root + os.sep
    parent, name = os.path.split(path.rstrip(os.sep))
    standing = os.path.join(os.path.realpath(parent or os.curdir), name)  # noqa: PTH118 - as given
    for place in (os.path.normpath(standing), os.path.realpath(path)):
        if place.startswith(prefix):
            return os.path.relpath(place, root).replace(os.sep, "/")
    return ""


def sample_of(request: Request) -> tuple[str, ...]:
    """The sample that was asked for, in words; none when every file is hashed."""
    if request.sample is None:
        return ()
    return (f"bytes of a sample of {plural(request.sample, 'file')} of each inventory",)
