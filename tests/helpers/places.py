"""Places to read from that fail in ways of their own; imported by the workers of a cluster, too."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from manifest.inventory.places import OpenFile, Session, SharedPath
from manifest.inventory.tree import FileStat
from manifest.records import record

__all__ = ["ChangingPath", "DeadlyPath", "NoLookPath"]


@record(frozen=True, slots=True)
class DeadlyPath:
    """A directory in which one file ends the process that opens it.

    Attributes:
        path: The directory.
        deadly: The path of the file.
        tally: A file that gets a byte each time.
        lives: After so many times the file is like any other.
    """

    path: str
    deadly: str
    tally: str
    lives: int

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        with SharedPath(self.path).session() as session:
            yield _Deadly(self, session)


class _Deadly:
    def __init__(self, place: DeadlyPath, session: Session) -> None:
        self._place = place
        self._session = session

    def open(self, file: FileStat) -> OpenFile:
        if file.path == self._place.deadly:
            tally = Path(self._place.tally)
            with tally.open("ab") as counter:
                counter.write(b"x")
            if tally.stat().st_size <= self._place.lives:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._session.open(file)


@record(frozen=True, slots=True)
class ChangingPath:
    """A directory in which every file is written to as soon as some of it was read."""

    path: str

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        with SharedPath(self.path).session() as session:
            yield _ChangingFiles(self.path, session)


class _ChangingFiles:
    def __init__(self, path: str, session: Session) -> None:
        self._path = path
        self._session = session

    def open(self, file: FileStat) -> OpenFile:
        return _Changing(Path(self._path) / file.path, self._session.open(file))


class _Changing:
    def __init__(self, path: Path, opened: OpenFile) -> None:
        self._path = path
        self._opened = opened
        self.check, self.close = opened.check, opened.close

    def read_into(self, buffer: memoryview, at: int) -> int:
        count = self._opened.read_into(buffer, at)
        with self._path.open("r+b") as file:
            file.write(b"!")
        return count


@record(frozen=True, slots=True)
class NoLookPath:
    """A directory with one file, which it takes to be as long as whoever asks says.

    Attributes:
        path: The directory.
        file: The file as it is.
    """

    path: str
    file: FileStat

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        with SharedPath(self.path).session() as session:
            yield _NoLook(self.file, session)


class _NoLook:
    def __init__(self, file: FileStat, session: Session) -> None:
        self._file = file
        self._session = session

    def open(self, file: FileStat) -> OpenFile:
        return self._session.open(self._file)
