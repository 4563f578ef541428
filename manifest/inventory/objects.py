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
from collections.abc import Iterator, Mapping, Sequence
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
_PAGE = 1000  # objects, as both kinds of store list them


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
            names = self._names()
        except FileNotFoundError as error:
            raise UsageError(
                f"{shown} does not exist: {error.strerror}", remedy="check the address"
            ) from None
        except OSError as error:
            raise UndecidedError(
                f"{shown} cannot be listed: {error.strerror}",
                remedy="check the network, the endpoint and the credentials",
            ) from None
        if not names:
            raise UsageError(f"there is nothing under {shown}", remedy="check the prefix")
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

    def _names(self) -> dict[str, Mapping[str, Any]]:
        """What is listed of every object, by the rest of its key; raises `OSError`."""
        bucket, _, key = self._prefix.partition("/")
        prefix = f"{key}/" if key else ""
        names: dict[str, Mapping[str, Any]] = {}
        count = 0
        for page in self._pages(bucket, prefix):
            # A page without objects counts as a full one, or a store could send them for ever.
            count += len(page) or _PAGE
            if count > MAX_FILES:
                raise OSError(errno.EFBIG, f"it holds more than {MAX_FILES:,} objects")
            for info in page:
                name = info.get("Key") or info.get("name")
                if not isinstance(name, str) or not name.startswith(prefix):
                    raise OSError(errno.EPROTO, "the store lists what does not begin with it")
                name = name[len(prefix) :]
                if name in names:
                    raise OSError(errno.EPROTO, f"the store lists {printable(name)} twice")
                if name:  # else it is what shows that there is this directory
                    names[name] = info
        return names

    def _pages(self, bucket: str, prefix: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        system = self._system()
        token: str | None = ""
        while True:
            asked = token
            with self._told():
                if self._scheme == "s3":
                    more = {"ContinuationToken": token} if token else {}
                    answer = system.call_s3(
                        "list_objects_v2", Bucket=bucket, Prefix=prefix, **more, **system.req_kw
                    )
                    token = answer.get("NextContinuationToken") if answer["IsTruncated"] else ""
                else:
                    more = {"pageToken": token} if token else {}
                    answer = system.call(
                        "GET", "b/{}/o", bucket, prefix=prefix, json_out=True, **more
                    )
                    token = answer.get("nextPageToken", "")
            if token is None or (token and token == asked):
                raise OSError(errno.EPROTO, "the store's list does not go on")
            yield answer.get("Contents") or answer.get("items") or ()
            if not token:
                return

    def _sorted_out(
        self, names: Mapping[str, Mapping[str, Any]]
    ) -> tuple[list[FileStat], list[Oddity]]:
        above = {name[:at] for name in names for at in range(1, len(name)) if name[at] == "/"}
        files: list[FileStat] = []
        oddities: list[Oddity] = []
        for name, info in sorted(names.items()):
            size = _size(info)
            if name.endswith("/") and not size:
                continue  # how some tools show that there is a directory
            problem = path_problem(name)
            if problem is None and _VERSION[self._scheme].search(name):
                problem = "would be read as a version of another object"
            if problem is None and name in above:
                problem = "is that of an object and of a directory"
            tag = info.get("ETag") or info.get("etag")
            if problem is None and (size is None or not tag):
                problem = "is listed without a size or an entity tag"
            if problem is not None:
                oddities.append(Oddity(name, OddityKind.BAD_NAME, problem))
                continue
            changed = info.get("LastModified") or info.get("updated")
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
        known: tuple[type[Exception], ...] = (OSError, ValueError, *self._errors())
        try:
            yield
        except KeyError as error:
            raise OSError(errno.EPROTO, f"the store's answer has no {error}") from error
        except FileNotFoundError as error:
            raise OSError(errno.ENOENT, error.strerror or "it is not there any more") from error
        except known as error:
            # What it says may come from the store: one line, so that no other is forged.
            text = getattr(error, "strerror", None) or str(error) or type(error).__name__
            number = getattr(error, "errno", None) or errno.EIO
            raise OSError(number, text.partition("\n")[0]) from error

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
        return _Object(store, opened, file)


class _Object:
    """Every read asks S3 for the entity tag with which the object was opened.

    Google's library sends none: there the object is asked for again when it has been read. A tag
    that it had before and after is the one that it had between, for no tag comes back.
    """

    def __init__(self, store: ObjectStore, opened: Any, file: FileStat) -> None:
        self._store = store
        self._opened = opened
        self._file = file

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
        """See that the object is still the one that was opened."""
        store = self._store
        if store._scheme == "s3":  # noqa: SLF001
            return  # had it changed, the last read would have been refused
        with store._told():  # noqa: SLF001
            now = self._opened.fs.info(self._opened.path)
        if _number(str(now.get("etag"))) != self._file.ctime_ns:
            raise OSError(errno.ESTALE, "it changed while it was read")

    def close(self) -> None:
        self._opened.close()


def _not_covered(names: dict[str, Mapping[str, Any]]) -> tuple[NotCovered, ...]:
    """Take out what no manifest covers, as a walk over a directory does."""
    found: list[NotCovered] = []
    for path in sorted(NOT_COVERED):
        inside = [name for name in names if name.startswith(f"{path}/")]
        own = [path] if path in names else []
        sizes = [_size(names.pop(name)) or 0 for name in (*own, *inside)]
        if sizes:
            kind = "directory" if inside else "file"
            found.append(NotCovered(path, kind, len(sizes), sum(sizes)))
    return tuple(found)


def _size(info: Mapping[str, Any]) -> int | None:
    size = info.get("Size", info.get("size"))
    number = int(size) if isinstance(size, str) and size.isascii() and size.isdigit() else size
    return number if isinstance(number, int) and number >= 0 else None


def _nanoseconds(value: object) -> int:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = dt.datetime.fromisoformat(value)
    return int(value.timestamp()) * 1_000_000_000 if isinstance(value, dt.datetime) else 0


def _number(tag: str) -> int:
    """An entity tag in the place of a time of change: equal for equal tags."""
    digest = hashlib.sha256(tag.strip('"').encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1
