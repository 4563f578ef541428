"""A key pair as two files."""

from __future__ import annotations

import os
from pathlib import Path

from manifest.atomic import write_atomically
from manifest.display import printable
from manifest.document.description import FILE_NAME as DESCRIPTION_NAME
from manifest.document.manifest_file import FILE_NAME
from manifest.errors import UsageError
from manifest.sign.places import SIGNATURE_NAME
from manifest.signing.keys import PrivateKey, private_pem, public_pem

__all__ = ["write_key_pair"]


def write_key_pair(
    path: str | os.PathLike[str], key: PrivateKey, passphrase: bytes | None
) -> tuple[Path, Path]:
    """Write a key pair: the private key (mode 0600), and the public one beside it as ``PATH.pub``.

    Args:
        path: The private key's file.
        key: The key.
        passphrase: Encrypts the private key; None to store it in the clear.

    Returns:
        The paths of the private and of the public key.

    Raises:
        UsageError: A file has one of the names, the passphrase is empty, or the directory belongs
            to a release, with which the private key would be published.
        UndecidedError: They cannot be written; neither was.
    """
    private = Path(path)
    public = private.with_name(f"{private.name}.pub")
    resolved = Path(os.path.realpath(private.parent))
    for directory in (resolved, *resolved.parents):
        for name in (DESCRIPTION_NAME, FILE_NAME, SIGNATURE_NAME):
            if (directory / name).exists():
                raise UsageError(
                    f"{printable(str(private))} lies in a release ({printable(str(directory))} "
                    f"holds {name}): the private key would be published with it",
                    remedy="name a place outside of it",
                )
    if not resolved.is_dir():
        raise UsageError(
            f"the directory {printable(str(private.parent))} does not exist",
            remedy="make it, or name another place",
        )
    for file in (private, public):
        if os.path.lexists(file):
            raise UsageError(
                f"{printable(str(file))} exists, and keys are never overwritten",
                remedy="name another file",
            )
    write_atomically(private, private_pem(key, passphrase), mode=0o600, overwrite=False)
    try:
        write_atomically(public, public_pem(key.public), mode=0o644, overwrite=False)
    except BaseException:
        private.unlink()
        raise
    return private, public
