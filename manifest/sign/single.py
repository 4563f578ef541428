"""Signing a model that is one file (spec/signature.md, "One file").

There is no manifest and there are no claims: the signature is of the file's bytes and its name.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from manifest.atomic import write_atomically
from manifest.build.run import Expect
from manifest.display import printable
from manifest.errors import UndecidedError, UsageError
from manifest.inventory import Algorithm, Progress, hash_files
from manifest.inventory.single import tree_of_file
from manifest.sign.places import check_bundle, look_at_existing
from manifest.signing.keys import KeyKind, PrivateKey
from manifest.signing.signer import Signer, signer_of
from manifest.signing.statement import build_statement

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["FileSignResult", "sign_file"]


@dataclasses.dataclass(frozen=True, slots=True)
class FileSignResult:
    """A signature of one file that was made and written.

    Attributes:
        path: Where it was written.
        name: The name that was signed.
        size: The file's bytes.
        sha256: Their digest.
        kind: The kind of the signer's key.
        fingerprint: The key's fingerprint, or the certificate's.
        replaced: Whether an older signature lay there.
        notes: What the signer should know about this signature.
    """

    path: Path
    name: str
    size: int
    sha256: str
    kind: KeyKind
    fingerprint: str
    replaced: bool
    notes: tuple[str, ...] = ()


def sign_file(
    path: str | os.PathLike[str],
    key: PrivateKey | Signer,
    *,
    signature_path: str | os.PathLike[str] | None = None,
    force: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
    expect: Expect | None = None,
) -> FileSignResult:
    """Sign one file, under its name (OMS, 5.2.1).

    Args:
        path: The file.
        key: The signer.
        signature_path: Where to write; beside the file as ``NAME.sig`` when None.
        force: Replace what lies there, whoever made it.
        executor: Where it is hashed; see `hash_files`.
        progress: Told what was hashed.
        expect: Told before that how much there is.

    Raises:
        DocumentError: The file has a name that no statement can hold.
        UndecidedError: It cannot be read or written, or changed meanwhile.
        UsageError: It is no regular file, or another's signature would be replaced.
    """
    signer = signer_of(key)
    source = Path(path)
    target = (
        source.with_name(f"{source.name}.sig") if signature_path is None else Path(signature_path)
    )
    if os.path.realpath(target) == os.path.realpath(source):
        raise UsageError(
            f"{printable(str(target))} is the file that is to be signed",
            remedy="name another place for the signature",
        )
    replaced = look_at_existing(target, signer, force=force)
    tree = tree_of_file(os.fspath(path))
    (file,) = tree.files
    if expect is not None:
        expect(file.size, 1)
    (hashed,) = hash_files(
        tree, [file.path], algorithms=(Algorithm.SHA256,), executor=executor, progress=progress
    )
    if hashed.problem is not None:
        raise UndecidedError(f"{printable(str(source))}: {hashed.problem.detail}")
    digest = hashed.digest(Algorithm.SHA256)
    payload = build_statement(source.name, [(source.name, digest)])
    bundle = signer.sign(payload)
    verified = check_bundle(bundle, payload, signer)
    write_atomically(target, bundle)
    return FileSignResult(
        path=target,
        name=source.name,
        size=file.size,
        sha256=digest,
        kind=verified.kind,
        fingerprint=verified.signer.fingerprint,
        replaced=replaced,
        notes=(
            *signer.notes(),
            (
                f"the signature names {printable(source.name)}, as the specification has it; the "
                "reference implementation writes a dot for that, and does not verify this one"
            ),
        ),
    )
