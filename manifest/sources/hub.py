"""A release on a hub, read by name: its list of files, its texts, the heads of its weights.

Nothing is downloaded as a whole but ordinary small files. Of a large file what a reader asks for
is read by ranges, and at most `_STEP` bytes more; the bytes that were read are kept, so that
nothing is asked for twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from manifest.display import printable
from manifest.errors import UndecidedError, UsageError
from manifest.inventory.walk import NOT_COVERED, OWN_FILES
from manifest.sources import SourceFile
from manifest.sources.addresses import shown
from manifest.sources.http import Answer, Limits
from manifest.sources.hub_api import GATED, Hub, HubFile
from manifest.sources.hub_environment import HubEnvironment, hub_environment, refuse_offline
from manifest.sources.targets import HubTarget

__all__ = ["HubSource"]

_STEP = 64 * 1024
"""The least that is read of a large file."""
_SMALL = 1024 * 1024
"""The largest ordinary file that is read whole whatever is asked of it."""
_MAX_READ = 128 * 1024 * 1024
_MAX_TOTAL = 1024 * 1024 * 1024
_MAX_KEPT = 256 * 1024 * 1024
_OUTSIDE = OWN_FILES | NOT_COVERED


class HubSource:
    """A repository of a hub at one commit, as a `Source`.

    Args:
        target: The repository, and its branch, tag or commit.
        environment: Which hub is asked, and as whom; the process's own environment when None.
        limits: Bounds on waiting.
        offline: Refuse instead, as ``HF_HUB_OFFLINE`` in the environment does.

    Raises:
        UndecidedError: The network is not to be used, there is no such repository or revision, it is private, or the hub cannot
            be asked; the message names the address and the cause.
    """

    __slots__ = (
        "_client", "_files", "_gated", "_heads", "_hub", "_kept", "_listed", "_total",
        "beside", "endpoint", "gated", "name", "reported", "revision",
    )  # fmt: skip

    name: str
    """OWNER/NAME, as the hub has it now."""
    revision: str
    """The commit."""
    endpoint: str
    """The hub's address."""
    gated: bool
    """Whether its files are given to those alone who accepted terms."""
    beside: tuple[str, ...]
    """What lies beside the release's content: manifest, signatures, files of version control."""
    reported: Mapping[str, str]
    """The SHA-256 of each large file, by path: hub-reported, measured by nobody here."""

    def __init__(
        self,
        target: HubTarget,
        *,
        environment: HubEnvironment | None = None,
        limits: Limits | None = None,
        offline: bool = False,
    ) -> None:
        refuse_offline(str(target), offline=offline)
        environment = environment or hub_environment()
        self._client = environment.client(limits=limits)
        self.endpoint = environment.endpoint
        self._hub = Hub(self._client, self.endpoint)
        found = self._hub.revision(target.repository, target.revision)
        self.name, self.revision, self.gated = found.repository, found.commit, found.gated
        listed = self._hub.tree(self.name, self.revision)
        self._listed: dict[str, HubFile] = {file.path: file for file in listed}
        self._files = tuple(SourceFile(f.path, f.size) for f in listed if not _outside(f.path))
        self.beside = tuple(f.path for f in listed if _outside(f.path))
        self.reported = MappingProxyType({f.path: f.sha256 for f in listed if f.sha256})
        self._heads: dict[str, bytes] = {}
        self._kept = 0
        self._total = 0
        self._gated: UndecidedError | None = None

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """Every file that is release content, sorted by the UTF-8 bytes of its path."""
        return self._files

    @property
    def bytes_read(self) -> int:
        """How many bytes of files were read so far."""
        return self._total

    def read(self, path: str, *, start: int = 0, length: int) -> bytes:
        """At most ``length`` bytes of a file from ``start`` on.

        Raises:
            UsageError: ``start`` or ``length`` is negative.
            UndecidedError: It is not listed, not given to this reader, or is not what the list
                says; or more was asked for than is read by name.
        """
        if start < 0 or length < 0:
            raise UsageError(
                "a file is read from a position and for a length that are not negative"
            )
        file = self._listed.get(path)
        if file is None:
            raise UndecidedError(f"{printable(path)}: no such file in {printable(self.name)}")
        end = min(start + length, file.size)
        if end <= start:
            return b""
        head = self._heads.get(path, b"")
        if start > len(head):
            return self._fetch(file, start, end)
        if end > len(head):
            whole = not file.sha256 and file.size <= _SMALL
            until = file.size if whole else min(max(end, len(head) + _STEP), file.size)
            head += self._fetch(file, len(head), until)
            if len(head) == file.size:
                _check(file, head)
            self._keep(path, head)
        return head[start:end]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _keep(self, path: str, head: bytes) -> None:
        more = len(head) - len(self._heads.get(path, b""))
        if self._kept + more <= _MAX_KEPT:
            self._kept += more
            self._heads[path] = head

    def _fetch(self, file: HubFile, start: int, end: int) -> bytes:
        length = end - start
        if length > _MAX_READ or self._total + length > _MAX_TOTAL:
            raise UndecidedError(
                f"{printable(file.path)}: more of it is asked for than is read by name",
                remedy="download the release and name its directory",
            )
        if file.sha256 and self._gated is not None:
            raise UndecidedError(
                f"{printable(file.path)}: {self._gated.message}", remedy=self._gated.remedy
            )
        address = self._hub.address(self.name, self.revision, file.path)
        if length == file.size:
            answer = self._client.get(address, max_bytes=length)
        else:
            answer = self._client.get_range(address, start, length)
        self._total += len(answer.body)
        if file.sha256 and answer.headers.get("x-error-code") == GATED:
            try:
                self._hub.refuse(answer, self.name)
            except UndecidedError as error:
                self._gated = error  # the other large files are not asked for in vain
                raise
        if answer.status not in {200, 206}:
            self._hub.refuse(answer, f"{self.name}@{self.revision}: {file.path}")
        self._check_range(file, answer, start, end)
        return answer.body

    def _check_range(self, file: HubFile, answer: Answer, start: int, end: int) -> None:
        problem = ""
        if answer.status == 206:
            given = answer.headers.get("content-range", "").replace(" ", "")
            if given != f"bytes{start}-{end - 1}/{file.size}":
                problem = f"it sent {printable(given[:80]) or 'no range'}"
        if not problem and (len(answer.body) != end - start):
            problem = f"it sent {len(answer.body):,} bytes of {end - start:,}"
        if not problem and end - start == file.size and not answer.complete:
            problem = "it sent more than the file's size"
        if problem:
            raise UndecidedError(
                f"{printable(file.path)}: {shown(answer.url)} was asked for bytes {start:,} to "
                f"{end - 1:,} of {file.size:,}, and {problem}",
                remedy="run the command again; if this stays, the hub's list and its files differ",
            )


def _outside(path: str) -> bool:
    """Whether a file is none of the release's content, as `DirectorySource` has it."""
    return path.partition("/")[0] in _OUTSIDE or path.startswith(".cache/huggingface/")


def _check(file: HubFile, content: bytes) -> None:
    """Hold a file that was read whole against the object id that it is listed by."""
    if file.sha256:
        same = hashlib.sha256(content).hexdigest() == file.sha256
    elif len(file.oid) in {40, 64}:
        name = "sha1" if len(file.oid) == 40 else "sha256"
        digest = hashlib.new(name, b"blob %d\0" % len(content), usedforsecurity=False)
        digest.update(content)
        same = digest.hexdigest() == file.oid
    else:
        return
    if not same:
        raise UndecidedError(
            f"{printable(file.path)} is not the object that the hub lists under its name",
            remedy="run the command again; if this stays, something between here and the hub "
            "changes what it sends",
        )
