"""Lock files: does a file say which version of everything is installed.

The forms are those of their tools: requirements files of pip (``==``, ``--hash``), ``poetry.lock``,
``uv.lock``, ``pdm.lock``, ``pylock.toml`` (PEP 751), ``Pipfile.lock``, ``pixi.lock``, conda-lock
and explicit lists of conda, ``environment.yml``, ``package-lock.json``, ``Cargo.lock``, ``flake.lock``
and a Dockerfile whose images are given by digest. Whatever else a file may be, it is no lock.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from manifest.display import printable
from manifest.document.yaml_text import parse_yaml
from manifest.errors import DocumentError
from manifest.readers._bounded import read_text
from manifest.sources import Source

__all__ = ["LockFile", "is_lock_name", "read_lock"]

MAX_BYTES = 16 * 1024 * 1024
_MAX_YAML = 4 * 1024 * 1024
_REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(\[[^\]]*\])?\s*(.*)$")
_EXACT = re.compile(r"===?\s*[\w.!+-]+(?!\S*\*)")
_HASHED = re.compile(r"--hash=sha(256|384|512):[0-9a-f]{64}|#sha(256|384|512)=[0-9a-f]{64}")
_COMMIT = re.compile(r"@[0-9a-f]{40}\b")
_CONDA_PIN = re.compile(r"[\w.-]+(::[\w.-]+)?\s*={1,2}\s*[0-9][\w.!+-]*(\s*=\s*[\w.*]+)?$")
_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE | re.MULTILINE)
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_CONDA_URL = re.compile(r"(https?|file)://\S+\.(conda|tar\.bz2)(#[0-9a-f]{32,64})?")
_LOCK_NAME = re.compile(
    r"(uv|poetry|pdm|pixi|cargo|flake)\.lock|pipfile\.lock|(conda-lock|pixi)\.ya?ml"
    r"|[\w.-]*conda-lock[\w.-]*\.ya?ml|package-lock\.json|pylock([-_.].*)?\.toml"
    r"|conda-[\w-]+\.lock|explicit\.txt",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True, slots=True)
class LockFile:
    """What a lock file pins.

    Attributes:
        path: The file.
        kind: Its form, as ``uv.lock`` or ``requirements``.
        packages: How many packages (or images, or inputs) have an exact version.
        hashed: Whether each has a digest too.
        says_nothing_is_needed: A list without an entry: sound for code that needs nothing.
    """

    path: str
    kind: str
    packages: int
    hashed: bool
    says_nothing_is_needed: bool = False


def is_lock_name(path: str) -> bool:
    """Whether a file has the name that a tool gives its lock file."""
    return bool(_LOCK_NAME.fullmatch(path.rpartition("/")[2]))


def read_lock(source: Source, path: str) -> LockFile:
    """Read a lock file of a known form, told by its name and then by what it says.

    Raises:
        DocumentError: It is none, or leaves a version open; the message says which.
        UndecidedError: It cannot be read.
    """
    text = read_text(source, path, max_bytes=MAX_BYTES)
    name = path.rpartition("/")[2].lower()
    shown = printable(path)
    try:
        kind, entries = _read(name, text, shown)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        raise DocumentError(f"{shown} is not what its name says") from None
    if not entries and kind == "requirements":
        if text.strip():
            return LockFile(path, kind, 0, hashed=True, says_nothing_is_needed=True)
        raise DocumentError(f"{shown} is empty")
    if not entries:
        raise DocumentError(f"{shown} pins nothing")
    return LockFile(path, kind, len(entries), hashed=all(entries))


def _read(name: str, text: str, shown: str) -> tuple[str, list[bool]]:
    """The form, and for each entry whether it has a digest."""
    if name.startswith(("dockerfile", "containerfile")) or name.endswith((".dockerfile",)):
        return "Dockerfile", _dockerfile(text, shown)
    if name.endswith(".json") or name in {"pipfile.lock", "flake.lock"}:
        return name, _json(name, _object(json.loads(text), shown), shown)
    if name.endswith((".yml", ".yaml")) or name == "pixi.lock":
        if len(text) > _MAX_YAML:
            raise DocumentError(f"{shown} is too large to be read as YAML")
        return _yaml(_object(parse_yaml(text.encode(), name=shown).root, shown), shown)
    if name.endswith(".toml") or name in {"uv.lock", "poetry.lock", "pdm.lock", "cargo.lock"}:
        return name, _toml(tomllib.loads(text), shown)
    if re.search(r"^@EXPLICIT\s*$", text, re.MULTILINE):
        return "conda list --explicit", _explicit(text, shown)
    return "requirements", list(_requirements(text, shown))


def _object(value: Any, shown: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DocumentError(f"{shown} is not the mapping that its name promises")
    return value


def _requirements(text: str, shown: str) -> Iterator[bool]:
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        entry = re.split(r"(?:^|\s)#(?!sha)", line, maxsplit=1)[0].strip()
        if not entry or entry.startswith(("--", "-i ", "-f ", "-c ")):
            continue
        if entry.startswith("-"):
            raise DocumentError(f"{shown} refers to other files: {printable(entry[:60])}")
        url = re.fullmatch(r"(?:git\+)?https?://\S+", entry)
        found = None if url else _REQUIREMENT.fullmatch(entry)
        if found is None and not url:
            raise DocumentError(f"{shown} is no list of requirements: {printable(entry[:60])}")
        name, rest = (found[1], found[3]) if found else (entry, entry)
        spec = rest.split(";")[0].split("--hash")[0].strip()
        digest = bool(_HASHED.search(rest) or _COMMIT.search(rest))
        if spec.startswith("@") or url:
            if not digest:
                raise DocumentError(f"{shown} gives no digest of {printable(name[:80])}")
        elif spec and not re.match(r"[=<>!~(]", spec):
            raise DocumentError(f"{shown} is no list of requirements: {printable(entry[:60])}")
        elif not _EXACT.fullmatch(spec):
            raise DocumentError(f"{shown} gives no version of {printable(name[:80])}")
        yield digest


def _toml(root: dict[str, Any], shown: str) -> list[bool]:
    """poetry, uv, pdm and Cargo: ``[[package]]``; pylock: ``[[packages]]``."""
    packages = root.get("package", root.get("packages"))
    if not isinstance(packages, list):
        raise DocumentError(f"{shown} lists no packages")
    entries = []
    files = root.get("metadata", {})
    by_name = files.get("files", {}) if isinstance(files, dict) else {}
    for package in packages:
        if not isinstance(package, dict) or not isinstance(package.get("name"), str):
            raise DocumentError(f"{shown} lists a package without a name")
        origin = package.get("source")
        local = isinstance(origin, dict) and bool(
            {"editable", "virtual", "directory"} & set(origin)
        )
        placed = {"vcs", "archive", "directory"} & set(package)
        if "version" not in package and not local and not placed:
            raise DocumentError(f"{shown} gives no version of {printable(package['name'][:80])}")
        digests = any(
            k in package for k in ("files", "sdist", "wheels", "checksum", "hash", "archive")
        )
        git = isinstance(origin, str | dict) and bool(re.search(r"[0-9a-f]{40}", str(origin)))
        named = isinstance(by_name, dict) and package["name"] in by_name
        entries.append(digests or git or local or named or bool(placed))
    return entries


def _json(name: str, root: dict[str, Any], shown: str) -> list[bool]:
    if name == "pipfile.lock":
        groups = (_object(root.get(group, {}), shown) for group in ("default", "develop"))
        return [_pipfile(p, shown) for packages in groups for p in packages.values()]
    if name == "flake.lock":
        nodes = _object(root.get("nodes", {}), shown)
        inputs = [n for key, n in nodes.items() if key != root.get("root", "root")]
        for node in inputs:
            if "narHash" not in _object(_object(node, shown).get("locked", {}), shown):
                raise DocumentError(f"{shown} leaves an input open")
        return [True] * len(inputs)
    if name.endswith("package-lock.json"):
        found = _object(root.get("packages", root.get("dependencies", {})), shown)
        return [_npm(p, shown) for key, p in found.items() if key]
    raise DocumentError(f"{shown} is no lock file that is known here")


def _pipfile(package: Any, shown: str) -> bool:
    fields = _object(package, shown)
    if not (str(fields.get("version", "")).startswith("==") or "ref" in fields):
        raise DocumentError(f"{shown} leaves a version open")
    return bool(fields.get("hashes") or fields.get("ref"))


def _npm(package: Any, shown: str) -> bool:
    fields = _object(package, shown)
    if not ("version" in fields or fields.get("link")):
        raise DocumentError(f"{shown} leaves a version open")
    return "integrity" in fields or bool(fields.get("link"))


def _yaml(root: dict[str, Any], shown: str) -> tuple[str, list[bool]]:
    """conda-lock, pixi and micromamba: ``package`` or ``packages``; conda: ``dependencies``."""
    packages = root.get("package", root.get("packages"))
    if isinstance(packages, list):
        entries = []
        for package in packages:
            fields = _object(package, shown)
            if not any(k in fields for k in ("version", "url", "conda", "pypi")):
                raise DocumentError(f"{shown} leaves a version open")
            entries.append(any(k in fields for k in ("hash", "sha256", "md5")))
        return "conda lock", entries
    wanted = root.get("dependencies")
    if not isinstance(wanted, list):
        raise DocumentError(f"{shown} is no lock file that is known here")
    entries = []
    for entry in wanted:
        if isinstance(entry, dict):
            inner = entry.get("pip")
            lines = "\n".join(map(str, inner)) if isinstance(inner, list) else ""
            entries += list(_requirements(lines, shown))
        elif isinstance(entry, str) and _CONDA_PIN.fullmatch(entry.strip()):
            entries.append(False)
        elif str(entry).strip() != "pip":
            raise DocumentError(f"{shown} gives no version of {printable(str(entry)[:80])}")
    return "conda environment", entries


def _explicit(text: str, shown: str) -> list[bool]:
    entries = []
    for line in text.splitlines():
        entry = line.strip()
        if not entry or entry.startswith(("#", "@EXPLICIT")):
            continue
        found = _CONDA_URL.fullmatch(entry)
        if found is None:
            raise DocumentError(f"{shown} names no package: {printable(entry[:60])}")
        entries.append(bool(found[3]))
    return entries


def _dockerfile(text: str, shown: str) -> list[bool]:
    """Images by digest; `scratch`, and stages of the file itself, need none."""
    stages: set[str] = {"scratch"}
    entries = []
    for image, stage in _FROM.findall(text):
        if image.lower() not in stages:
            if not _DIGEST.search(image):
                raise DocumentError(f"{shown} names {printable(image[:80])} without its digest")
            entries.append(True)
        stages.add(stage.lower())
    return entries
