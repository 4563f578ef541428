"""Digests remembered between two runs, so that what did not change is not read again.

A digest is found by everything that tells one state of a file from another: device, inode, size and
both times to the nanosecond. A file that was written to has another time of change, whatever its
time of modification was set to, and is not found. What this rests on, and what it does not protect
from, stands in spec/cache.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from manifest.display import printable
from manifest.inventory.tree import FileStat

if TYPE_CHECKING:
    import sqlite3

__all__ = ["MIN_SIZE", "DigestCache", "default_cache_path"]

MIN_SIZE = 1 << 20
"""Bytes below which a file is hashed in less time than it is worth to look it up."""

GRAIN_NS = 2_000_000_000
"""How long, in nanoseconds, a file must have been left alone before a run, for its digests to be remembered."""

_WHO = b"digest-cache/1"
_APPLICATION = 0x4D524D31
_VERSION = 1
_MAX_ROWS = 200_000
_MAX_PENDING = 256 * 1024 * 1024  # bytes read whose digests may be lost with the process
_MAX_PENDING_ROWS = 256
_FLUSH_SECONDS = 2.0
_WAIT_SECONDS = 5.0  # for another process that writes
_DAY_NS = 86_400 * 1_000_000_000
_TABLE = """
CREATE TABLE IF NOT EXISTS digests (
    key BLOB PRIMARY KEY, value BLOB NOT NULL, seal BLOB NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID
"""


def default_cache_path() -> Path | None:
    """Where digests are remembered: in the user's directory for caches; None without a home."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        directory = Path(base) if os.path.isabs(base) else Path.home() / ".cache"  # noqa: PTH117 - a text
    except RuntimeError:
        return None
    return directory / "model-release-manifest" / "digests.sqlite"


class DigestCache:
    """Digests of files as they were when they were last read, for as long as the block lasts.

    A cache never fails a run: where it cannot be used nothing is found in it, nothing is kept, and
    `problem` says why. May be asked from several threads.

    Args:
        path: The database; it is made where there is none.
        began_ns: When the run began that reads the files, as `time.time_ns`; now when None.

    Attributes:
        problem: Why it is not used, in words; empty while it is.
    """

    def __init__(self, path: Path, *, began_ns: int | None = None) -> None:
        self._path = path
        self._began = time.time_ns() if began_ns is None else began_ns
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._pending: dict[bytes, bytes] = {}
        self._pending_bytes = 0
        self._flushed = time.monotonic()
        self._used: list[bytes] = []
        self._served: dict[tuple[int, int], int] = {}
        self._read: set[tuple[int, int]] = set()
        self.problem = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._database is None:
            return
        with self._lock, self._guarded():
            self._flush(self._database)
            self._tidy(self._database)
        self._close()

    @property
    def not_read(self) -> tuple[int, int]:
        """How many files were not read, since all that was asked of them was known; their bytes."""
        sizes = [size for file, size in self._served.items() if file not in self._read]
        return len(sizes), sum(sizes)

    def find(self, file: FileStat, whats: Sequence[bytes]) -> list[bytes] | None:
        """What is remembered of a file; None unless all of it is.

        Args:
            file: The file, as the walk met it.
            whats: Names of what is asked, as ``sha256``.
        """
        if file.size < MIN_SIZE:
            return None
        found: list[bytes] | None = None
        keys = [_key(file, what) for what in whats]
        with self._lock, self._guarded():
            if (database := self._opened()) is not None:
                found = self._look_up(database, keys)
            if found is None:
                self._read.add((file.device, file.inode))
            else:
                self._served[file.device, file.inode] = file.size
        return found

    def keep(self, file: FileStat, what: bytes, value: bytes) -> None:
        """Remember something of a file that was read and did not change meanwhile.

        What was written to shortly before the run began is not remembered: it may have been written
        to again within the grain of the clock, without another time.
        """
        if file.size < MIN_SIZE or not self._is_settled(file):
            return
        with self._lock, self._guarded():
            if (database := self._opened()) is None:
                return
            self._pending[_key(file, what)] = value
            self._pending_bytes += file.size
            if (
                self._pending_bytes >= _MAX_PENDING
                or len(self._pending) >= _MAX_PENDING_ROWS
                or time.monotonic() - self._flushed > _FLUSH_SECONDS
            ):
                self._flush(database)

    def _is_settled(self, file: FileStat) -> bool:
        # A time of whole seconds is that of a file system whose clock may be as coarse.
        if file.ctime_ns % 1_000_000_000 == 0:
            return False
        return max(file.mtime_ns, file.ctime_ns) <= self._began - GRAIN_NS

    def _opened(self) -> sqlite3.Connection | None:
        """The database, opened when a file is met that is worth it; None where it cannot be used."""
        if self._database is None and not self.problem:
            import sqlite3

            try:
                _make_private(self._path)
                try:
                    self._database = _open(self._path)
                except sqlite3.DatabaseError as error:
                    if not _is_damage(error):
                        raise
                    _set_aside(self._path)
                    _make_private(self._path)
                    self._database = _open(self._path)
            except OSError as error:
                self._give_up(error)
        return self._database

    def _look_up(self, database: sqlite3.Connection, keys: Sequence[bytes]) -> list[bytes] | None:
        found: list[bytes] = []
        now = time.time_ns()
        for key in keys:
            row = database.execute(
                "SELECT value, seal, used FROM digests WHERE key = ?", (key,)
            ).fetchone()
            if row is None or row[1] != _seal(key, row[0]):
                return None
            found.append(row[0])
            if now - row[2] > _DAY_NS:
                self._used.append(key)
        return found

    def _flush(self, database: sqlite3.Connection) -> None:
        if not self._pending:
            return
        now = time.time_ns()
        rows = [(key, value, _seal(key, value), now) for key, value in self._pending.items()]
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", rows)
        database.execute("COMMIT")
        self._pending.clear()
        self._pending_bytes = 0
        self._flushed = time.monotonic()

    def _tidy(self, database: sqlite3.Connection) -> None:
        """Note what was of use, and forget what was of none for longest."""
        now = time.time_ns()
        (count,) = database.execute("SELECT count(*) FROM digests").fetchone()
        if not self._used and count <= _MAX_ROWS:
            return
        database.execute("BEGIN IMMEDIATE")
        database.executemany(
            "UPDATE digests SET used = ? WHERE key = ?", [(now, key) for key in self._used]
        )
        database.execute(
            "DELETE FROM digests WHERE key IN (SELECT key FROM digests ORDER BY used LIMIT ?)",
            (max(0, count - _MAX_ROWS * 9 // 10) if count > _MAX_ROWS else 0,),
        )
        database.execute("COMMIT")

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        import sqlite3

        try:
            yield
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        reason = printable(getattr(error, "strerror", None) or str(error))
        self.problem = f"digests are not remembered in {printable(str(self._path))}: {reason}"
        self._close()
        if _is_damage(error):
            with contextlib.suppress(OSError):
                _set_aside(self._path)  # the next run begins anew

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _is_damage(error: Exception) -> bool:
    """Whether the database is not one of ours, or not whole; and not merely in use or full."""
    import sqlite3

    return isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.OperationalError
    )


def _set_aside(path: Path) -> None:
    path.replace(path.with_suffix(".set-aside"))
    for name in ("-journal", "-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)


def _key(file: FileStat, what: bytes) -> bytes:
    """A digest over all that tells this state of the file from any other."""
    identity = f"{file.device} {file.inode} {file.size} {file.mtime_ns} {file.ctime_ns} "
    return hashlib.blake2b(identity.encode() + what, digest_size=20, person=_WHO).digest()


def _seal(key: bytes, value: bytes) -> bytes:
    """What shows that a row is as it was written; no secret, so no protection from its owner."""
    packed = struct.pack("<Q", len(key)) + key + value
    return hashlib.blake2b(packed, digest_size=16, person=_WHO).digest()


def _make_private(path: Path) -> None:
    """Make the file where there is none; refuse one that others may write."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        for status in (os.fstat(descriptor), path.parent.stat()):
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise PermissionError(None, "others may write there")
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PermissionError(None, "it is not a regular file")
    finally:
        os.close(descriptor)


def _open(path: Path) -> sqlite3.Connection:
    import sqlite3

    database = sqlite3.connect(
        path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        database.execute("BEGIN")  # one state of it, while another process makes it
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        database.execute("COMMIT")
        if tables and (application, version) != (_APPLICATION, _VERSION):
            raise sqlite3.DatabaseError("it is another program's, or another version's")
        if not tables:
            database.execute("BEGIN IMMEDIATE")
            database.execute(f"PRAGMA application_id = {_APPLICATION}")
            database.execute(f"PRAGMA user_version = {_VERSION}")
            database.execute(_TABLE)
            database.execute("COMMIT")
        database.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        database.close()
        raise
    return database
