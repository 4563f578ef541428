"""What was accepted before, so that nothing older is accepted again (spec/policy.md, "State").

The file is read whole and refused whole: one that says something unclear would let an old release
pass. It is written under a lock and in one step, after a decision to accept and never before.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from manifest import strict_json
from manifest.atomic import write_atomically
from manifest.display import printable
from manifest.errors import NotTrustedError, UndecidedError, UsageError
from manifest.policy.versions import compare_versions
from manifest.signing.keys import PublicKey, load_public, public_pem

__all__ = ["Accepted", "State", "default_state_path", "read_state", "update_state"]

MAX_BYTES = 16 * 1024 * 1024
"""The largest state file that is read: some 20,000 releases."""
_VERSION = "1.0"
_MAX_DEPTH = 8
_HEX = frozenset("0123456789abcdef")


@dataclasses.dataclass(frozen=True, slots=True)
class Accepted:
    """The highest version accepted of a release, and the SHA-256 of its manifest."""

    version: str
    manifest_sha256: str


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """What is remembered, by the name of the release: what was accepted, which key is pinned."""

    releases: Mapping[str, Accepted] = dataclasses.field(default_factory=dict)
    pins: Mapping[str, PublicKey] = dataclasses.field(default_factory=dict)

    def fault(self, name: str, version: str, manifest_sha256: str) -> str:
        """Why a release is not to follow what was accepted, in words; empty when it may."""
        known = self.releases.get(name)
        if known is None:
            return ""
        shown, highest = printable(version), printable(known.version)
        order = compare_versions(version, known.version)
        if order is None:
            return f"version {shown} cannot be compared with {highest}, which was accepted before"
        if order < 0:
            return f"rollback: version {shown} is lower than {highest}, which was accepted before"
        if order == 0 and manifest_sha256 != known.manifest_sha256:
            return (
                f"mix-up: another manifest was accepted before as version {highest}, with the "
                f"SHA-256 {known.manifest_sha256}"
            )
        return ""

    def with_accepted(
        self, name: str, version: str, manifest_sha256: str, pin: PublicKey | None
    ) -> State:
        """The state after a release was accepted; ``pin`` is the key to be pinned with it."""
        releases = {**self.releases, name: Accepted(version, manifest_sha256)}
        pins = {**self.pins, name: pin} if pin is not None else self.pins
        return State(releases, pins)


def default_state_path() -> Path:
    """Where the state lies when nothing else is said: in the user's directory for state.

    Raises:
        UsageError: The user has no home.
    """
    base = os.environ.get("XDG_STATE_HOME", "")
    try:
        directory = Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state"  # noqa: PTH117 - a text
    except RuntimeError:
        raise UsageError(
            "there is no home directory to keep the state of policies in",
            remedy="name a file with --state",
        ) from None
    return directory / "model-release-manifest" / "policy-state.json"


def read_state(path: Path) -> State:
    """Read a state; one that is not there is empty.

    Raises:
        NotTrustedError: It is a link or no file, or is damaged.
        UndecidedError: It cannot be read, or is of a version that this program does not know.
    """
    shown = printable(str(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return State()
    except OSError as error:
        if path.is_symlink():
            raise _damaged(shown, "is a link, which could lead to an older state") from None
        raise UndecidedError(f"the state {shown} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _damaged(shown, "is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    plain = strict_json.loads(
        data,
        what=f"the state {shown}",
        max_bytes=MAX_BYTES,
        max_depth=_MAX_DEPTH,
        error=NotTrustedError,
    )
    return _parse(plain, shown)


def _damaged(shown: str, why: str) -> NotTrustedError:
    return NotTrustedError(
        f"the state {shown} {why}",
        remedy="put back a copy that is known to be good; removing it forgets which versions were "
        "accepted and which keys are pinned",
    )


def _parse(plain: Any, shown: str) -> State:
    if not isinstance(plain, dict):
        raise _damaged(shown, "is damaged: it is not an object")
    version = plain.get("schema_version")
    if isinstance(version, str) and version != _VERSION:
        raise UndecidedError(
            f"the state {shown} is written in version {printable(version)} of its format",
            remedy="use a newer version of this program",
        )
    if plain.keys() != {"schema_version", "releases", "pins"} or version != _VERSION:
        raise _damaged(shown, "is damaged: its fields are not those of a state")
    releases, pins = plain["releases"], plain["pins"]
    if not isinstance(releases, dict) or not isinstance(pins, dict):
        raise _damaged(shown, "is damaged: releases and pins are not objects")
    known: dict[str, Accepted] = {}
    for name, entry in releases.items():
        if not isinstance(entry, dict) or entry.keys() != {"version", "manifest_sha256"}:
            raise _damaged(shown, f"is damaged at {printable(name)}")
        text, digest = entry["version"], entry["manifest_sha256"]
        sound = isinstance(text, str) and text and isinstance(digest, str)
        if not sound or len(digest) != 64 or set(digest) - _HEX:
            raise _damaged(shown, f"is damaged at {printable(name)}")
        known[name] = Accepted(text, digest)
    keys: dict[str, PublicKey] = {}
    for name, pem in pins.items():
        try:
            keys[name] = load_public(str(pem).encode("utf-8", "replace"), what="the pinned key")
        except UsageError:
            raise _damaged(shown, f"is damaged at the pin of {printable(name)}") from None
    return State(known, keys)


def _dump(state: State) -> bytes:
    plain = {
        "schema_version": _VERSION,
        "releases": {n: dataclasses.asdict(a) for n, a in sorted(state.releases.items())},
        "pins": {n: public_pem(key).decode() for n, key in sorted(state.pins.items())},
    }
    return (json.dumps(plain, indent=2, ensure_ascii=True) + "\n").encode()


def update_state(
    path: Path, *, name: str, version: str, manifest_sha256: str, pin: PublicKey | None = None
) -> None:
    """Remember a release that was accepted, unless something newer was accepted meanwhile.

    Args:
        path: The state; its directory is made where there is none.
        name: The release's name.
        version: Its version.
        manifest_sha256: SHA-256 of its manifest, in hex.
        pin: The key to pin for it.

    Raises:
        NotTrustedError: By now it may not follow what was accepted, or another key is pinned, or
            the state is damaged.
        UndecidedError: It cannot be written; the old one is as it was.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UndecidedError(
            f"the directory of the state, {printable(str(path.parent))}, cannot be made: "
            f"{error.strerror}",
            remedy="name another file with --state, or use --no-state-update",
        ) from None
    with _locked(path):
        state = read_state(path)
        fault = state.fault(name, version, manifest_sha256)
        if pin is not None and state.pins.get(name, pin) != pin:
            fault = f"another key was pinned meanwhile for {printable(name)}"
        if fault:
            raise NotTrustedError(fault, remedy="get the release again, and verify it again")
        new = state.with_accepted(name, version, manifest_sha256, pin)
        data = _dump(new)
        if len(data) > MAX_BYTES:
            raise UndecidedError(
                f"the state {printable(str(path))} would have more than {MAX_BYTES:,} bytes",
                remedy="keep one for each policy, with --state",
            )
        if new != state:
            write_atomically(path, data, mode=0o600)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock beside a state: a file of its own, since the state is replaced."""
    lock = path.with_name(f"{path.name}.lock")
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(lock, flags, 0o600)
    except OSError as error:
        raise UndecidedError(
            f"the lock {printable(str(lock))} cannot be taken: {error.strerror}",
            remedy="remove it if it is a link, or give permission",
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
