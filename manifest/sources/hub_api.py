"""What a hub answers, by the shapes that huggingface_hub's source documents (hf_api.py).

``/api/models/NAME/revision/REV`` gives the commit; ``/api/models/NAME/tree/REV`` lists files in
pages that a ``Link`` header joins; ``X-Error-Code`` says what is not there. Every answer is a
stranger's: bounded, read strictly, and refused where it contradicts itself.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, NoReturn
from urllib.parse import quote, urlencode, urlsplit

from manifest import strict_json
from manifest.display import printable
from manifest.errors import UndecidedError
from manifest.inventory import check_path, sort_key
from manifest.sources.addresses import shown
from manifest.sources.http import Answer, HttpClient
from manifest.sources.targets import is_repository

__all__ = ["GATED", "MAX_FILES", "Hub", "HubFile", "Revision"]

GATED = "GatedRepo"
"""The hub's ``X-Error-Code`` for files that only those may read who accepted terms."""
MAX_FILES = 200_000
"""The most files of a repository that are listed."""
_MAX_ANSWER = 32 * 1024 * 1024
_MAX_DEPTH = 64
_MAX_QUERY = 8192
_MAX_SIZE = 2**53
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NEXT = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?')


@dataclasses.dataclass(frozen=True, slots=True)
class Revision:
    """What a branch, tag or commit is.

    Attributes:
        repository: The repository's name as the hub has it now; repositories are renamed.
        commit: The full commit id.
        gated: Whether its files are given to those alone who accepted terms.
        private: Whether the hub shows it to its members alone.
    """

    repository: str
    commit: str
    gated: bool = False
    private: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class HubFile:
    """A file as a hub lists it. Nothing here was measured.

    Attributes:
        path: Relative to the repository.
        size: In bytes; of a large file its own, not its pointer's.
        oid: The git object id: of a large file its pointer's.
        sha256: Of a large file, hub-reported; empty for others.
    """

    path: str
    size: int
    oid: str
    sha256: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Hub:
    """A hub, asked about one kind of repository.

    Attributes:
        client: Asks.
        endpoint: The hub's address, without a slash at its end.
        kind: ``models`` or ``datasets``.
    """

    client: HttpClient
    endpoint: str
    kind: str = "models"

    def revision(self, repository: str, revision: str) -> Revision:
        """What a branch, tag or commit is.

        Raises:
            UndecidedError: There is no such repository or revision, it is private, or the hub
                cannot be asked.
        """
        answer = self.ask_revision(repository, revision)
        if answer.status != 200:
            self.refuse(answer, f"{repository}@{revision}")
        return self.read_revision(answer, repository, revision)

    def ask_revision(self, repository: str, revision: str) -> Answer:
        """The hub's answer on a revision, whatever its status.

        Raises:
            UndecidedError: The hub cannot be asked.
        """
        return self.client.get(self._api(repository, "revision", revision), max_bytes=_MAX_ANSWER)

    def read_revision(self, answer: Answer, repository: str, revision: str) -> Revision:
        """What an answer of status 200 says.

        Raises:
            UndecidedError: It is not of its shape, or speaks of another commit than was asked for.
        """
        fields = self._json(answer)
        commit = fields.get("sha") if isinstance(fields, dict) else None
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            self._odd(answer, "it names no commit")
        if _COMMIT.fullmatch(revision) and commit != revision:
            self._odd(answer, f"it names the commit {commit} when asked for {revision}")
        name = fields.get("id")
        if not isinstance(name, str) or not is_repository(name):
            name = repository
        return Revision(name, commit, bool(fields.get("gated")), bool(fields.get("private")))

    def tree(self, repository: str, commit: str) -> tuple[HubFile, ...]:
        """Every file of a commit, sorted by the UTF-8 bytes of its path.

        Raises:
            UndecidedError: The list cannot be had, is longer than `MAX_FILES`, or names what no
                release can hold.
        """
        found: dict[str, HubFile] = {}
        for answer, entry in self._entries(repository, commit):
            file = self._file(answer, entry)
            if file is None:
                continue
            if file.path in found:
                self._odd(answer, f"it lists {printable(file.path)} twice")
            if len(found) == MAX_FILES:
                raise UndecidedError(
                    f"{printable(repository)} has more than {MAX_FILES:,} files",
                    remedy="download it and name its directory",
                )
            found[file.path] = file
        return tuple(sorted(found.values(), key=lambda file: sort_key(file.path)))

    def _entries(self, repository: str, commit: str) -> Iterator[tuple[Answer, Any]]:
        address = self._api(repository, "tree", commit)
        query = urlencode({"recursive": "true", "expand": "false"})
        asked = set()
        while query:
            asked.add(query)
            answer = self.client.get(f"{address}?{query}", max_bytes=_MAX_ANSWER)
            if answer.status != 200:
                self.refuse(answer, f"{repository}@{commit}")
            entries = self._json(answer)
            if not isinstance(entries, list):
                self._odd(answer, "it is no list of files")
            if not entries:
                return
            for entry in entries:
                yield answer, entry
            # Of the link only the query is taken: the next page lies where this one lay.
            link = _NEXT.search(answer.headers.get("link", ""))
            query = urlsplit(link[1]).query if link else ""
            if query in asked or len(query) > _MAX_QUERY:
                self._odd(answer, "its pages lead in a circle")

    def _file(self, answer: Answer, entry: Any) -> HubFile | None:
        """A file of the list; None for a directory."""
        kind = entry.get("type") if isinstance(entry, dict) else None
        if kind == "directory":
            return None
        if kind != "file" or not isinstance(entry.get("path"), str):
            self._odd(answer, "it lists something that is neither file nor directory")
        path: str = check_path(
            entry["path"], where=f"{shown(answer.url)} lists a file", error=UndecidedError
        )
        size, oid, sha256 = entry.get("size"), entry.get("oid"), ""
        large = entry.get("lfs")
        if isinstance(large, dict):
            size, sha256 = large.get("size", size), str(large.get("oid"))
            if not _SHA256.fullmatch(sha256):
                self._odd(answer, f"the SHA-256 of {printable(path)} is none")
        if type(size) is not int or not 0 <= size <= _MAX_SIZE:
            self._odd(answer, f"the size of {printable(path)} is none")
        return HubFile(path, size, oid if isinstance(oid, str) else "", sha256)

    def holds(self, repository: str, commit: str, path: str) -> bool:
        """Whether a commit holds a file or directory of a path.

        Raises:
            UndecidedError: The hub cannot be asked.
        """
        answer = self.client.post(
            self._api(repository, "paths-info", commit),
            urlencode({"paths": path, "expand": "false"}).encode(),
            max_bytes=_MAX_ANSWER,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        if answer.status != 200:
            self.refuse(answer, f"{repository}@{commit}")
        entries = self._json(answer)
        if not isinstance(entries, list):
            self._odd(answer, "it is no list of files")
        return any(isinstance(e, dict) and e.get("path") == path for e in entries)

    def address(self, repository: str, commit: str, path: str) -> str:
        """Where a file's content is."""
        prefix = "" if self.kind == "models" else f"{self.kind}/"
        return (
            f"{self.endpoint}/{prefix}{repository}/resolve/{quote(commit, safe='')}/{quote(path)}"
        )

    def refuse(self, answer: Answer, what: str) -> NoReturn:
        """Say why there is no answer.

        Raises:
            UndecidedError: Always.
        """
        code = answer.headers.get("x-error-code", "")
        name = printable(what)
        page = f"{self.endpoint}/{printable(what.partition('@')[0])}"
        if code == GATED:
            raise UndecidedError(
                f"{name} is gated: {shown(answer.url)} answered {answer.status}",
                remedy=f"accept its terms at {page}, and set HF_TOKEN to a token of that account",
            )
        if code == "RevisionNotFound":
            raise UndecidedError(
                f"{name}: no such revision ({shown(answer.url)})",
                remedy=f"{page}/tree/main shows the branches and tags that there are",
            )
        if code == "EntryNotFound":
            raise UndecidedError(
                f"{name}: no such file ({shown(answer.url)})",
                remedy="run the command again: the list and the files of the hub differ",
            )
        if "invalid credentials" in answer.headers.get("x-error-message", "").lower():
            raise UndecidedError(
                f"{shown(answer.url)}: the hub does not accept the token",
                remedy="set HF_TOKEN to a token that is valid, or unset it",
            )
        if code == "RepoNotFound" or answer.status in {401, 404}:
            raise UndecidedError(
                f"{name}: no such repository, or it is private ({shown(answer.url)} answered "
                f"{answer.status})",
                remedy="check the name; for a private repository set HF_TOKEN",
            )
        raise UndecidedError(
            f"{name}: {shown(answer.url)} answered {answer.status}",
            remedy="check HF_ENDPOINT and what the token may do, and run the command again later",
        )

    def _api(self, repository: str, what: str, revision: str) -> str:
        return f"{self.endpoint}/api/{self.kind}/{repository}/{what}/{quote(revision, safe='')}"

    def _json(self, answer: Answer) -> Any:
        if not answer.complete:
            self._odd(answer, f"it is longer than {_MAX_ANSWER:,} bytes")
        return strict_json.loads(
            answer.body,
            what=shown(answer.url),
            max_bytes=_MAX_ANSWER,
            max_depth=_MAX_DEPTH,
            error=UndecidedError,
        )

    def _odd(self, answer: Answer, problem: str) -> NoReturn:
        raise UndecidedError(
            f"{shown(answer.url)} gives no answer that makes sense: {problem}",
            remedy="check HF_ENDPOINT: is it a hub?",
        )
