"""Roots in an object store, read through fsspec (extras ``s3`` and ``gs``; spec/machines.md).

An object has no inode and no times to rely on. What tells its states apart is the entity tag with
which the store answers; every read asks for the tag that was listed, and is refused for another.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from manifest.display import printable
from manifest.errors import MissingExtraError, UndecidedError, UsageError
from manifest.inventory.paths import path_problem
from manifest.inventory.tree import FileStat, NotCovered, Oddity, OddityKind, Tree
from manifest.inventory.walk import MAX_FILES, NOT_COVERED
from manifest.records import record

__all__ = ["ObjectStore"]

_URL = re.compile(r"(s3|gs)://([a-z0-9][a-z0-9._-]{1,221}[a-z0-9])((?:/[^/]+)*)/?")
# What the libraries read as a version of an object, and not as a part of its name.
_VERSION = {"s3": re.compile(r"\?versionId="), "gs": re.compile(r"#[0-9]+$")}
_ERRORS = {
    "s3": (("botocore.exceptions", "BotoCoreError"), ("aiohttp", "ClientError")),
    "gs": (("gcsfs.retry", "HttpError"), ("google.auth.exceptions", "GoogleAuthError")),
}
_BLOCK = 8 * 1024 * 1024


@record(frozen=True, slots=True)
class ObjectStore:
    """A prefix in a bucket; a `Place` that can be sent to other machines.

    Credentials and endpoints are found by the store's own library, on each machine for itself.

    Attributes:
        url: Its address, without a slash at the end.
    """

    url: str

    @classmethod
    def at(cls, url: str) -> ObjectStore:
        """The place with this address.

        Raises:
            UsageError: It is not one.
        """
        matched = _URL.fullmatch(url)
        key = matched[3].lstrip("/") if matched else ""
        if matched is None or _VERSION[matched[1]].search(key) or (key and path_problem(key)):
            raise UsageError(
                f"{printable(url)} is not the address of a prefix in a bucket",
                remedy="write it as s3://BUCKET/PREFIX or gs://BUCKET/PREFIX",
            )
        return cls(url.rstrip("/"))

    @property
    def _scheme(self) -> str:
        return self.url.partition("://")[0]

    @property
    def _prefix(self) -> str:
        return self.url.partition("://")[2]

    def walk(self) -> Tree:
        """List every object under the prefix.

        Raises:
            UsageError: There is no such bucket, or nothing under the prefix.
            MissingExtraError: The library for this store is not installed.
            UndecidedError: It cannot be listed.
        """
        shown = printable(self.url)
        try:
            with self._told():
                listed: Mapping[str, Mapping[str, Any]] = self._system().find(
                    self._prefix, detail=True
                )
        except FileNotFoundError as error:
            raise UsageError(f"{shown} does not exist: {error}", remedy="check it") from None
        except OSError as error:
            raise UndecidedError(
                f"{shown} cannot be listed: {error.strerror or error}",
                remedy="check the network, the endpoint and the credentials",
            ) from None
        if len(listed) > MAX_FILES:
            raise UndecidedError(f"{shown} holds more than {MAX_FILES:,} objects")
        if not listed:
            raise UsageError(f"there is nothing under {shown}", remedy="check the prefix")
        start = len(self._prefix) + 1
        names = {name[start:]: info for name, info in listed.items()}
        not_covered = _not_covered(names)
        files, oddities = self._sorted_out(names)
        return Tree(
            self.url,
            tuple(sorted(files)),
            (),
            tuple(oddities),
            not_covered,
            device=0,
            inode=0,
            place=self,
        )

    def _sorted_out(
        self, names: Mapping[str, Mapping[str, Any]]
    ) -> tuple[list[FileStat], list[Oddity]]:
        above = {name[:at] for name in names for at in range(1, len(name)) if name[at] == "/"}
        files: list[FileStat] = []
        oddities: list[Oddity] = []
        for name, info in sorted(names.items()):
            size = info.get("size")
            if name.endswith("/") and not size:
                continue  # how some tools show that there is a directory
            problem = path_problem(name)
            if problem is None and _VERSION[self._scheme].search(name):
                problem = "would be read as a version of another object"
            if problem is None and name in above:
                problem = "is that of an object and of a directory"
            tag = info.get("ETag") or info.get("etag")
            if problem is None and (not isinstance(size, int) or not tag):
                problem = "is listed without a size or an entity tag"
            if problem is not None:
                oddities.append(Oddity(name, OddityKind.BAD_NAME, problem))
                continue
            changed = info.get("LastModified") or info.get("mtime") or info.get("updated")
            files.append(FileStat(name, size or 0, _nanoseconds(changed), _number(str(tag)), 0, 0))
        return files, oddities

    @contextlib.contextmanager
    def session(self) -> Iterator[_Objects]:
        """Begin to read; raises `OSError` where that is not possible."""
        yield _Objects(self, self._system())

    def _system(self) -> Any:
        """The library's file system, which remembers no listing."""
        try:
            with self._told():
                if self._scheme == "s3":
                    import s3fs

                    return s3fs.S3FileSystem(use_listings_cache=False)
                import gcsfs

                return gcsfs.GCSFileSystem(use_listings_cache=False)
        except ImportError as error:
            raise MissingExtraError(
                f"{self._scheme}:// needs a library that is not installed: {error.name or error}",
                remedy=f"pip install 'model-release-manifest[{self._scheme}]'",
            ) from None

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Let every error of the library be an `OSError`."""
        known: tuple[type[Exception], ...] = (ValueError, *self._errors())
        try:
            yield
        except known as error:
            raise OSError(errno.EIO, str(error).partition("\n")[0]) from error

    def _errors(self) -> tuple[type[Exception], ...]:
        from importlib import import_module

        found: list[type[Exception]] = []
        for module, name in _ERRORS[self._scheme]:
            with contextlib.suppress(ImportError):
                error: type[Exception] = getattr(import_module(module), name)
                found.append(error)
        return tuple(found)


class _Objects:
    def __init__(self, store: ObjectStore, system: Any) -> None:
        self._store = store
        self._system = system

    def open(self, file: FileStat) -> _Object:
        store = self._store
        path = f"{store._prefix}/{file.path}"  # noqa: SLF001 - its own session
        with store._told():  # noqa: SLF001
            opened = self._system.open(path, "rb", cache_type="none", block_size=_BLOCK)
        found = opened.details or {}
        tag = found.get("ETag") or found.get("etag") or ""
        if (opened.size, _number(str(tag))) != (file.size, file.ctime_ns):
            opened.close()
            raise OSError(errno.ESTALE, "it is another object than was listed")
        return _Object(store, opened)


class _Object:
    """Every read asks the store for the entity tag with which the object was opened."""

    def __init__(self, store: ObjectStore, opened: Any) -> None:
        self._store = store
        self._opened = opened

    def read_into(self, buffer: memoryview, at: int) -> int:
        with self._store._told():  # noqa: SLF001 - its own object
            self._opened.seek(at)
            try:
                count: int = self._opened.readinto(buffer)
            except OSError as error:
                if error.errno == errno.EBUSY:  # the library's word for another entity tag
                    raise OSError(errno.ESTALE, "it changed while it was read") from error
                raise
        return count

    def check(self) -> None:
        """Do nothing: had it changed, the last read would have been refused."""

    def close(self) -> None:
        self._opened.close()


def _not_covered(names: dict[str, Mapping[str, Any]]) -> tuple[NotCovered, ...]:
    """Take out what no manifest covers, as a walk over a directory does."""
    found: list[NotCovered] = []
    for path in sorted(NOT_COVERED):
        inside = [name for name in names if name.startswith(f"{path}/")]
        own = [path] if path in names else []
        sizes = [names.pop(name).get("size") or 0 for name in (*own, *inside)]
        if sizes:
            kind = "directory" if inside else "file"
            found.append(NotCovered(path, kind, len(sizes), sum(sizes)))
    return tuple(found)


def _nanoseconds(value: object) -> int:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = dt.datetime.fromisoformat(value)
    return int(value.timestamp()) * 1_000_000_000 if isinstance(value, dt.datetime) else 0


def _number(tag: str) -> int:
    """An entity tag in the place of a time of change: equal for equal tags."""
    digest = hashlib.sha256(tag.strip('"').encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1
