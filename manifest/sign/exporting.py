"""What a key on another machine signs: the bytes to be carried there (spec/signature.md)."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from manifest.atomic import write_atomically
from manifest.build.run import Expect
from manifest.display import printable
from manifest.errors import UsageError
from manifest.inventory import Progress
from manifest.sign.release import prepare
from manifest.signing.detached import bytes_to_sign

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["ExportResult", "export_payload"]


@dataclasses.dataclass(frozen=True, slots=True)
class ExportResult:
    """Bytes that were written to be signed elsewhere.

    Attributes:
        path: Where.
        size: How many.
        digests: Their SHA-256, SHA-384 and SHA-512 by name: what keys on P-256, P-384 and P-521
            sign. Ed25519 takes the bytes themselves.
    """

    path: Path
    size: int
    digests: Mapping[str, str]


def export_payload(
    directory: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    manifest_path: str | os.PathLike[str] | None = None,
    roots: Mapping[str, str | os.PathLike[str]] | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    expect: Expect | None = None,
) -> ExportResult:
    """Check and measure a release, and write what a signature of it is over.

    Args:
        directory: The release directory.
        path: The file to write, outside of it; replaced where it exists.
        manifest_path: Where the manifest lies, if not in the release.
        roots: Where named roots lie, by name.
        executor: Where files are hashed; see `hash_files`.
        progress: Told what was hashed.
        expect: Told before that how much there is.

    Raises:
        UsageError: The file would lie in the release.
        ManifestError: Whatever `manifest.sign.sign` refuses.
    """
    target = Path(path)
    inside = Path(os.path.realpath(directory))
    if inside in Path(os.path.realpath(target)).parents:
        raise UsageError(
            f"{printable(str(target))} would be one of the release's own files",
            remedy="name a place outside of it",
        )
    ready = prepare(
        directory,
        manifest_path=manifest_path,
        roots=roots,
        executor=executor,
        progress=progress,
        expect=expect,
    )
    data = bytes_to_sign(ready.payload)
    write_atomically(target, data)
    names = ("sha256", "sha384", "sha512")
    return ExportResult(target, len(data), {n: hashlib.new(n, data).hexdigest() for n in names})
