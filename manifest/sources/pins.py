"""Whether a pinned reference still leads to what it pins (spec/evidence.md, "References").

What names its content is proved by it: a git commit by its own id, bytes by their SHA-256. A hub's
word that it has a commit is taken for that. What cannot be proved is never taken for proved.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from manifest.display import human_size, printable
from manifest.document.references import Reference, ReferenceType
from manifest.errors import UndecidedError
from manifest.sources.addresses import shown
from manifest.sources.git_objects import (
    NoSuchObjectError,
    NoSuchRepositoryError,
    open_repository,
)
from manifest.sources.http import HttpClient
from manifest.sources.hub_api import Hub
from manifest.sources.hub_environment import HubEnvironment
from manifest.sources.targets import is_repository

__all__ = ["MAX_DOWNLOAD", "Resolution", "ResolutionStatus", "resolve_reference", "resolver"]

MAX_DOWNLOAD = 64 * 1024 * 1024
"""The largest file that is downloaded to compare its SHA-256, in bytes."""
_MAX_REFERENCES = 500
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HUB_KINDS = frozenset({"datasets", "spaces"})


class ResolutionStatus(enum.StrEnum):
    """What became of a pinned reference."""

    RESOLVED = "resolved"
    """What it pins is there."""
    MOVED = "moved"
    """Something else is there now."""
    GONE = "gone"
    """Nothing is there; or nothing that everybody sees."""
    COULD_NOT_TELL = "could-not-tell"
    """It was not looked up, or the answer proves nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Resolution:
    """What became of a pinned reference, and why, as words that can follow its name."""

    status: ResolutionStatus
    detail: str = ""


def resolve_reference(
    reference: Reference, client: HttpClient, *, endpoint: str = "https://huggingface.co"
) -> Resolution:
    """Look a pinned reference up.

    - git: the commit is asked for by its id, and its path through its trees, over smart HTTP of
      version 2; each object is proved by its id. A server of version 0 only lists branches and
      tags: a commit that is one of them resolves, of others it cannot be told.
    - hub: the hub is asked for the revision, and for the path in it.
    - URL: up to `MAX_DOWNLOAD` bytes are downloaded and hashed; more are not.
    - DOI, OCI image, manifest: could not tell.

    Args:
        reference: The reference.
        client: Asks; its token belongs to ``endpoint``.
        endpoint: The hub's address.

    Returns:
        The answer; failures to get one are an answer too.
    """
    if not reference.is_pinned:
        return _untold("it pins nothing")
    try:
        match reference.type:
            case ReferenceType.GIT:
                return _git(reference, client)
            case ReferenceType.HUGGINGFACE:
                return _hub(reference, client, endpoint)
            case ReferenceType.URL:
                return _url(reference, client)
            case _:
                return _untold(f"references of type {reference.type} are not looked up")
    except UndecidedError as error:
        return _untold(error.message)


def resolver(environment: HubEnvironment) -> Callable[[Reference], Resolution]:
    """`resolve_reference` with a client of its own and a memory, for a whole description.

    References are a stranger's words: the client connects to public addresses alone, besides the
    hub that the user named. At most `_MAX_REFERENCES` different ones are looked up.
    """
    client = environment.client(public_only=True)
    known: dict[Reference, Resolution] = {}

    def resolve(reference: Reference) -> Resolution:
        if reference not in known:
            if len(known) >= _MAX_REFERENCES:
                return _untold(f"more than {_MAX_REFERENCES} references are not looked up")
            known[reference] = resolve_reference(reference, client, endpoint=environment.endpoint)
        return known[reference]

    return resolve


def _resolved(detail: str) -> Resolution:
    return Resolution(ResolutionStatus.RESOLVED, detail)


def _gone(detail: str) -> Resolution:
    return Resolution(ResolutionStatus.GONE, detail)


def _untold(detail: str) -> Resolution:
    return Resolution(ResolutionStatus.COULD_NOT_TELL, detail)


def _git(reference: Reference, client: HttpClient) -> Resolution:
    pin = reference.pin
    if not _COMMIT.fullmatch(pin):
        return _untold("its commit is no full id")
    if urlsplit(reference.target).scheme not in {"http", "https"}:
        return _untold("only repositories over http and https are looked up")
    try:
        repository = open_repository(client, reference.target)
        if not repository.has_objects:
            if pin in repository.tips and not reference.path:
                return _resolved("its server lists the commit among branches and tags")
            return _untold("its server does not show single commits")
        if len(pin) != (40 if repository.algorithm == "sha1" else 64):
            return _gone(f"the repository's ids are {repository.algorithm or 'of another kind'}")
        commit = repository.commit(pin)
    except (NoSuchRepositoryError, NoSuchObjectError) as error:
        return _gone(error.message)
    if reference.path and not repository.holds(commit, reference.path):
        return _gone(f"the commit has no {printable(reference.path)}")
    return _resolved("the commit was fetched and its id computed")


def _hub(reference: Reference, client: HttpClient, endpoint: str) -> Resolution:
    kind, _, repository = reference.target.partition("/")
    if kind not in _HUB_KINDS:
        kind, repository = "models", reference.target
    if not is_repository(repository):
        return _untold("it does not name a repository as OWNER/NAME")
    hub = Hub(client, endpoint, kind)
    answer = hub.ask_revision(repository, reference.pin)
    code = answer.headers.get("x-error-code", "")
    if code == "RevisionNotFound":
        return _gone("the hub has the repository and no such revision of it")
    if code == "RepoNotFound" or answer.status == 404:
        return _gone("the hub has no such repository, or does not show it to everybody")
    if answer.status != 200:
        hub.refuse(answer, reference.target)
    found = hub.read_revision(answer, repository, "")
    if found.private:
        return _untold("the repository is private: what its members see is no evidence for others")
    if found.commit != reference.pin:
        return Resolution(ResolutionStatus.MOVED, f"the hub gives the commit {found.commit} for it")
    if reference.path and not hub.holds(found.repository, found.commit, reference.path):
        return _gone(f"the revision has no {printable(reference.path)}")
    renamed = found.repository.lower() != repository.lower()
    return _resolved("the hub has this revision" + (f", as {found.repository}" if renamed else ""))


def _url(reference: Reference, client: HttpClient) -> Resolution:
    answer = client.get(reference.target, max_bytes=MAX_DOWNLOAD)
    if answer.status in {404, 410}:
        return _gone(f"{shown(answer.url)} answered {answer.status}")
    if answer.status != 200:
        return _untold(f"{shown(answer.url)} answered {answer.status}")
    if not answer.complete:
        return _untold(
            f"it is larger than {human_size(MAX_DOWNLOAD)}, and so not downloaded to be hashed"
        )
    digest = hashlib.sha256(answer.body).hexdigest()
    if digest != reference.pin:
        return Resolution(ResolutionStatus.MOVED, f"the SHA-256 of what is there is {digest}")
    return _resolved("what is there has this SHA-256")
