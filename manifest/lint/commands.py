"""Does a command start something of the release: a script, a module, a target.

A command is a stranger's word and is never run. It is split as a shell would, and each of its
parts is looked at: what starts (`python`, `torchrun`, `make`), and what it is given to start.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from manifest.display import printable
from manifest.errors import UndecidedError
from manifest.lint.release import Basis, Release

__all__ = ["command_problem"]

_MAX_LENGTH = 10_000
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_OPERATORS = re.compile(r"[;&|()]+")
_PYTHON = re.compile(r"(python|pypy)[0-9.]*w?")
_SHELLS = frozenset({"ash", "bash", "dash", "ksh", "sh", "zsh", "source", "."})
# What starts a program of Python for several processes or in an environment.
_LAUNCHERS = frozenset(
    {"accelerate", "composer", "deepspeed", "horovodrun", "ipython", "mpiexec", "mpirun", "ray",
     "sbatch", "srun", "torchrun", "torch.distributed.launch", "torch.distributed.run",
     "torchx", "olmo-core", "litgpt", "axolotl", "llamafactory-cli", "lightning", "fairseq-train"}
)  # fmt: skip
_RUNNERS = frozenset(
    {"Rscript", "cargo", "deno", "docker", "dvc", "go", "java", "julia", "jupyter", "lua", "nextflow",
     "node", "npm", "papermill", "perl", "podman", "ruby", "singularity", "apptainer", "snakemake"}
)  # fmt: skip
_BEFORE = frozenset({"command", "conda", "env", "exec", "hatch", "mamba", "micromamba", "nice", "nohup",
                     "numactl", "pdm", "pipenv", "pixi", "poetry", "rye", "stdbuf", "sudo", "taskset",
                     "time", "timeout", "uv", "xvfb-run"})  # fmt: skip
_MAKEFILES = ("GNUmakefile", "Makefile", "makefile")
_PROJECTS = {
    "cargo": ("Cargo.toml",),
    "dvc": ("dvc.yaml",),
    "go": ("go.mod",),
    "nextflow": ("main.nf", "nextflow.config"),
    "npm": ("package.json",),
    "snakemake": ("Snakefile", "workflow/Snakefile"),
}
_SCRIPT = re.compile(r"[\w./+-]*\.(?:py|sh|bash|ipynb|R|r|jl|js|mjs|ts|go|lua|pl|rb|slurm|sbatch)")
_MAX_DEPTH = 3


def command_problem(release: Release, command: str) -> str:
    """Why a command does not show how the training is started; empty when it does.

    Among declarations alone it is enough that it names a program or a module to start.
    """
    command = command[:_MAX_LENGTH]
    if not command.strip():
        return "no command is given under training.command"
    try:
        started = [w for part in _parts(command) if (w := _started(release, part, 0))]
    except ValueError:
        return "training.command cannot be split into words: a quotation mark is not closed"
    if any(started):
        return ""
    shown = printable(command[:80])
    return f"training.command, {shown}, starts neither a file of the release nor a module of it"


def _parts(command: str) -> Iterator[list[str]]:
    """The simple commands of a line.

    Raises:
        ValueError: A quotation mark is not closed.
    """
    for line in re.sub(r"\\\r?\n", " ", command).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|()")
        lexer.whitespace_split = True
        part: list[str] = []
        for word in lexer:
            if _OPERATORS.fullmatch(word):
                yield part
                part = []
            else:
                part.append(word)
        yield part


def _started(release: Release, words: Sequence[str], depth: int) -> bool:
    """Whether a simple command starts something that is there."""
    words = _bare(words)
    if not words or depth > _MAX_DEPTH:
        return False
    program, given = words[0].rpartition("/")[2], words[1:]
    if _is_file(release, words[0]) and not _PYTHON.fullmatch(program):
        return "/" in words[0] or bool(_SCRIPT.fullmatch(words[0]))
    if program in _SHELLS and "-c" in given[:-1]:
        inner = given[given.index("-c") + 1]
        return any(_started(release, part, depth + 1) for part in _parts(inner))
    if program in {"make", "gmake"}:
        return _make(release, given)
    if program in _PROJECTS and any(name in release.paths for name in _PROJECTS[program]):
        return True
    if _PYTHON.fullmatch(program):
        return _python(release, given)
    if program in _LAUNCHERS:
        return _python(release, given) or any(
            _is_file(release, w.partition("=")[2] or w) for w in given
        )
    if program in _SHELLS or program in _RUNNERS:
        return any(_is_file(release, w) for w in given)
    return False


def _bare(words: Sequence[str]) -> list[str]:
    """The command itself, behind assignments and what only prepares it (`sudo`, `uv run`)."""
    rest = list(words)
    while rest:
        name = rest[0].rpartition("/")[2]
        if _ASSIGNMENT.fullmatch(rest[0]):
            rest = rest[1:]
        elif name in _BEFORE:
            rest = rest[1:]
            # Up to what is started: options, their values, and the word `run`.
            while rest and not _is_program(rest[0]):
                rest = rest[1:]
        else:
            return rest
    return rest


def _is_program(word: str) -> bool:
    name = word.rpartition("/")[2]
    known = _SHELLS | _LAUNCHERS | _RUNNERS | _BEFORE | {"make", "gmake"}
    return bool(name in known or _PYTHON.fullmatch(name) or _SCRIPT.fullmatch(word))


def _python(release: Release, given: Sequence[str]) -> bool:
    """A script among the words, a module behind ``-m``, or for a module that is installed a file."""
    if "-c" in given:
        return False
    for index, word in enumerate(given):
        if word in {"-m", "--module"} and index + 1 < len(given):
            rest = given[index + 2 :]
            module = given[index + 1]
            if module in _LAUNCHERS:
                return _python(release, rest)
            return _is_module(release, module) or any(_is_argument(release, w) for w in rest)
        if _SCRIPT.fullmatch(word):
            return _is_file(release, word)
    return False


def _is_argument(release: Release, word: str) -> bool:
    """Whether a word, or the value of ``--config=FILE``, is a file of the release."""
    return release.basis is Basis.DECLARATIONS or _is_file(release, word.partition("=")[2] or word)


def _is_file(release: Release, word: str) -> bool:
    path = word.removeprefix("./")
    if release.basis is Basis.DECLARATIONS or _is_elsewhere(release):
        return bool(_SCRIPT.fullmatch(word)) or path in release.paths
    return path in release.paths and _is_not_empty(release, path)


def _is_elsewhere(release: Release) -> bool:
    """Whether the code lies in a pinned repository, whose files are not listed here."""
    return any(c.by_reference for c in release.of_kind("training-code"))


def _is_not_empty(release: Release, path: str) -> bool:
    try:
        return bool(release.source.read(path, length=4096).strip())
    except UndecidedError:
        return False


def _is_module(release: Release, name: str) -> bool:
    """Whether a dotted name is a file or a package of the release."""
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
        return False
    if release.basis is Basis.DECLARATIONS or _is_elsewhere(release):
        return True
    tail = name.replace(".", "/")
    ends = (f"{tail}.py", f"{tail}/__main__.py", f"{tail}/__init__.py")
    return any(path == end or path.endswith(f"/{end}") for end in ends for path in release.paths)


def _make(release: Release, given: Sequence[str]) -> bool:
    """A Makefile with the target, or with any where none is named."""
    if release.basis is Basis.DECLARATIONS or _is_elsewhere(release):
        return True
    makefile = next((m for m in _MAKEFILES if m in release.paths), "")
    for flag in ("-f", "--file"):
        if flag in given[:-1]:
            makefile = given[given.index(flag) + 1].removeprefix("./")
    if makefile not in release.paths:
        return False
    try:
        text = release.source.read(makefile, length=256 * 1024).decode("utf-8", "replace")
    except UndecidedError:
        return False
    targets = set(re.findall(r"^([\w./-]+)(?:\s+[\w./-]+)*\s*:(?!=)", text, re.MULTILINE))
    named = [w for w in given if not w.startswith("-") and "=" not in w and w != makefile]
    return bool(targets) and (not named or any(w in targets for w in named))
