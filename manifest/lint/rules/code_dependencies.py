"""Code that others can run: its dependencies fixed, and every file that it imports there."""

from __future__ import annotations

import ast
import posixpath
import re
import warnings
from collections.abc import Iterator

from manifest.display import plural, printable
from manifest.errors import UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.lint.content.sampling import head_text, suffix
from manifest.lint.environment import lock_problem
from manifest.lint.examples import TRAIN
from manifest.lint.release import Release
from manifest.lint.rule import Example, Rule, rule
from manifest.lint.verdict import Framework, FrameworkElement
from manifest.readers.lock_files import is_lock_name
from manifest.sources import SourceFile

_CODE = (
    "training-code",
    "inference-code",
    "evaluation-code",
    "data-preprocessing-code",
    "model-architecture",
    "supporting-libraries",
)
_LISTS = re.compile(r"requirements([-_.].*)?\.(txt|in|lock)|.*requirements\.txt", re.IGNORECASE)
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)(\[[^\]]*\])?\s*(.*)$")
_HASHED = re.compile(r"--hash=sha(256|384|512):|#sha(256|384|512)=|@[0-9a-f]{40}\b")
_MAX_FILES = 500
_MAX_LIST = 2 * 1024 * 1024
_MAX_SOURCE = 256 * 1024
_MAX_NAMED = 5
_RELATIVE = re.compile(r"^\s*from\s+\.", re.MULTILINE)
# Written when a package is built, and rightly in no repository.
_GENERATED = re.compile(r"_?version(_info)?|_version|.*_pb2(_grpc)?|_build|_commit")

_CODE_EXAMPLE = "components:\n  training-code:\n    files: [train.py]\n"


@rule(
    code="COD006",
    name="dependencies-not-locked",
    severity=Severity.ADVICE,
    rationale="Code runs with what is installed beside it. A list without versions and digests "
    "installs something else every month, and whatever an index serves that day.",
    remedy="Publish a lock file (`uv.lock`, `poetry.lock`, `pylock.toml`, or requirements with "
    "`==` and `--hash`), or name a container image by digest under `training.environment`.",
    bad=Example(_CODE_EXAMPLE, {"train.py": TRAIN, "requirements.txt": "numpy>=1.26\n"}),
    good=Example(
        _CODE_EXAMPLE,
        {
            "train.py": TRAIN,
            "requirements.txt": "numpy==2.3.4 --hash=sha256:" + "0" * 64 + "\n",
        },
    ),
    frameworks=(FrameworkElement(Framework.MOF, "II: Supporting libraries and tools"),),
    of_files=True,
)
def dependencies_locked(rule: Rule, release: Release) -> Iterator[Finding]:
    """Code in Python beside neither a lock file nor an image by digest."""
    programs = [
        f
        for c in release.components
        if c.kind in _CODE[:4]
        for f in c.files.here
        if suffix(f.path) in {".py", ".ipynb"}
    ]
    environment = release.description.training.get("environment", {})
    if not programs or environment.get("container", {}).get("digest"):
        return
    lists: list[SourceFile] = []
    locks: list[SourceFile] = []
    named = str(environment.get("lockfile", ""))
    for file in release.source.files:
        name = file.path.rpartition("/")[2]
        if _LISTS.fullmatch(name):
            lists.append(file)
        elif file.path == named or is_lock_name(name):
            locks.append(file)
    loose = [(file, _unlocked(release, file)) for file in locks[:_MAX_NAMED]]
    loose += [(file, _loose(release, file)) for file in lists[:_MAX_NAMED]]
    if any(not what for _, what in loose):
        return
    if loose:
        file, what = loose[0]
        yield rule.finding(f"{printable(file.path)} {what}", location=Location(file.path))
    else:
        yield rule.finding("neither a lock file nor an image by digest says what the code ran with")


def _unlocked(release: Release, file: SourceFile) -> str:
    """Why a file with the name of a lock file is none; empty when it is one."""
    try:
        return lock_problem(release, file.path) if file.size else "is empty"
    except UndecidedError:
        return "cannot be read"


def _loose(release: Release, file: SourceFile) -> str:
    """What a list of requirements leaves open; empty when every entry has version and digest."""
    try:
        text = head_text(release.source, file, _MAX_LIST)
    except UndecidedError:
        text = None
    if text is None:
        return "cannot be read as a list of requirements"
    if not file.size:
        return "is empty"
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        entry = re.split(r"(?:^|\s)#(?!sha)", line, maxsplit=1)[0].strip()
        found = _REQUIREMENT.match(entry)
        if not entry or entry.startswith("-") or found is None:
            continue
        if "==" not in found[3] and "@" not in found[3]:
            return f"gives no version of {printable(found[1])}"
        if not _HASHED.search(found[3]):
            return f"gives no digest of {printable(found[1])}"
    return ""


@rule(
    code="COD007",
    name="imported-file-missing",
    severity=Severity.WARNING,
    rationale="Code that imports a file of its own package which was not published stops at its "
    "first line.",
    remedy="Publish the file that is imported, or take the import out.",
    bad=Example(_CODE_EXAMPLE, {"train.py": "from .losses import huber\n" + TRAIN}),
    good=Example(
        "components:\n  training-code:\n    files: [train.py, losses.py]\n",
        {
            "train.py": "from .losses import huber\n" + TRAIN,
            "losses.py": TRAIN.replace("def train", "def huber"),
        },
    ),
    frameworks=(FrameworkElement(Framework.OSAID, "code"),),
    of_files=True,
)
def imports_there(rule: Rule, release: Release) -> Iterator[Finding]:
    """Relative imports of files that are not in the release.

    Only relative imports name a file of the release for certain; what is imported by another name
    may be installed. An import that the code is prepared to miss (in `try`) is not held against
    it, nor one of a file that a build writes.
    """
    files = {
        f.path: f
        for c in release.components
        if c.kind in _CODE
        for f in c.files.here
        if f.path.endswith(".py")
    }
    modules = _modules(release) if files else set()
    for path, file in sorted(files.items())[:_MAX_FILES]:
        missing = [m for m in _relative_imports(release, file) if not _found(m[1], modules)]
        if missing:
            line, module = missing[0]
            more = f", and {plural(len(missing) - 1, 'more file')}" if len(missing) > 1 else ""
            yield rule.finding(
                f"{printable(path)} imports {printable(module)}, which is not in the release{more}",
                location=Location(path, line),
            )


def _modules(release: Release) -> set[str]:
    """What can be imported: files without their suffixes, and the directories that they lie in."""
    modules = set()
    for path in release.paths:
        directory, name = posixpath.split(path)
        modules.add(posixpath.join(directory, name.partition(".")[0]))
        while directory and directory not in modules:
            modules.add(directory)
            directory = posixpath.dirname(directory)
    return modules


def _found(module: str, modules: set[str]) -> bool:
    return module in modules or bool(_GENERATED.fullmatch(module.rpartition("/")[2]))


def _relative_imports(release: Release, file: SourceFile) -> list[tuple[int, str]]:
    """The lines and modules, as paths without suffix, that a file imports relative to itself."""
    try:
        text = head_text(release.source, file, _MAX_SOURCE) if file.size <= _MAX_SOURCE else None
    except UndecidedError:
        return []
    if text is None or not _RELATIVE.search(text):
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a stranger's invalid escapes are not ours to report
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return []
    package = posixpath.dirname(file.path)
    found: dict[str, int] = {}
    for node in _certain(tree):
        if isinstance(node, ast.ImportFrom) and node.level and node.module:
            steps = "../" * (node.level - 1)
            target = posixpath.normpath(
                posixpath.join(package, steps, node.module.replace(".", "/"))
            )
            found.setdefault(target, node.lineno)
    return [(line, module) for module, line in found.items()]


def _certain(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes outside of `try` and `if`: what runs in every case, functions' bodies included."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.Try | ast.If):
            waiting.extend(ast.iter_child_nodes(node))
