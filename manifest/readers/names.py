"""What the names of files and directories say by convention.

The conventions are those of the Hugging Face hub, of transformers, of the releases named in
``openness.md`` (OLMo, Pythia, Amber) and of Python packaging.
"""

from __future__ import annotations

import re

__all__ = [
    "checkpoint_directory",
    "checkpoint_step",
    "is_code",
    "is_housekeeping",
    "is_license_text",
    "is_tokenizer_file",
    "is_training_state",
    "words_of",
]

_LICENSE = re.compile(
    r"(licen[sc]e|copying|notice|use[-_]?policy|acceptable[-_]?use[-_]?policy|copyright|unlicense"
    r"|patents|third[-_]?party[-_]?(notices?|licen[sc]es?))([-_. ].*)?",
    re.IGNORECASE,
)
_LICENSE_END = re.compile(
    r".*[-_.](licen[sc]es?|use[-_]policy)(\.(txt|md|rst|pdf|html))?", re.IGNORECASE
)
_TEXT_SUFFIX = re.compile(
    r".*\.(py|js|ts|json|ya?ml|toml|c|cpp|h|hpp|cu|rs|go|java|sh)", re.IGNORECASE
)

_TOKENIZER_NAMES = frozenset(
    {
        "added_tokens.json", "bpe.codes", "chat_template.jinja", "chat_template.json",
        "dict.txt", "encoder.json", "merges.txt", "sentencepiece.model", "sentencepiece.bpe.model",
        "special_tokens_map.json", "spiece.model", "spm.model", "source.spm", "target.spm",
        "tekken.json", "tokenizer.json", "tokenizer.model", "tokenizer.model.v3",
        "tokenizer_config.json", "vocab.bpe", "vocab.json", "vocab.txt", "vocab-src.json",
        "vocab-tgt.json", "vocabulary.txt", "vocabulary.json", "tokens.txt",
    }
)  # fmt: skip
_TOKENIZER = re.compile(
    r"(.*[-_.])?tokenizer([-_.].*)?\.(json|model|txt|tiktoken|jinja)|.*\.tiktoken"
)

_HOUSEKEEPING = frozenset(
    {
        ".ds_store", ".dockerignore", ".editorconfig", ".gitattributes", ".gitignore", ".gitkeep",
        ".gitmodules", ".keep", ".mailmap", ".nojekyll", ".npmignore", ".pre-commit-config.yaml",
        "desktop.ini", "manifest.in", "py.typed", "thumbs.db", "codeowners",
    }
)  # fmt: skip
_PACKAGING_DIRECTORY = re.compile(
    r"[^/]+\.(dist-info|egg-info)|__pycache__|\.[a-z]+_cache|\.(idea|vscode|github|cache|ipynb_checkpoints)"
)

_STATE = re.compile(
    r"(optim|optimi[sz]er|optimi[sz]er_states?|scheduler|lr_scheduler|rng_state|scaler|random_states"
    r"|grad_scaler|bf16_zero_pp_rank|zero_pp_rank)([-_.0-9].*)?"
    r"\.(pt|pth|bin|safetensors|pkl|msgpack|npz|h5)",
    re.IGNORECASE,
)
_STATE_NAMES = frozenset({"train.pt", "train_state.pt", "training_state.pt"})

_STEP = re.compile(
    r"(?:(?:stage|phase|ingredient)[-_]?[0-9]+[-_])*"
    r"(?:global[-_]?step|checkpoint|ckpt|step|iter|iteration|epoch|model[-_]step)s?[-_=]?"
    r"([0-9]{1,12})(?:[-_](?:unsharded|tokens?[-_]?[0-9.]+[KMBT]?|[0-9.]+[KMBT]?[-_]?tokens?|hf))?",
    re.IGNORECASE,
)
_CHECKPOINTS = frozenset(
    {"checkpoints", "ckpts", "intermediate_checkpoints", "intermediate-checkpoints"}
)

_CODE_SUFFIXES = (
    ".py", ".pyi", ".pyx", ".pxd", ".ipynb", ".sh", ".bash", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h",
    ".hpp", ".rs", ".go", ".java", ".kt", ".swift", ".js", ".mjs", ".ts", ".tsx", ".jl", ".r",
    ".lua", ".m", ".mm", ".cs", ".scala", ".slurm", ".sbatch",
)  # fmt: skip


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def words_of(text: str) -> tuple[str, ...]:
    """The words of a name, in lower case: ``trainLM_v2.py`` gives train, lm, v2, py."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return tuple(re.findall(r"[a-z0-9]+", spaced.lower()))


def is_license_text(path: str) -> bool:
    """Whether a file is a license's text, a notice or a use policy by its name."""
    name = _name(path)
    if _TEXT_SUFFIX.fullmatch(name):
        return False
    # Where REUSE (LICENSES/) and Python packages (PEP 639) keep them, under any name.
    if path.rpartition("/")[0].rpartition("/")[2].lower() == "licenses":
        return True
    return bool(_LICENSE.fullmatch(name) or _LICENSE_END.fullmatch(name))


def is_tokenizer_file(path: str) -> bool:
    """Whether a file belongs to a tokenizer by its name."""
    name = _name(path).lower()
    return name in _TOKENIZER_NAMES or bool(_TOKENIZER.fullmatch(name))


def is_housekeeping(path: str) -> bool:
    """Whether a file serves a repository, an editor or an installer and not the release."""
    *directories, name = path.split("/")
    return name.lower() in _HOUSEKEEPING or any(
        _PACKAGING_DIRECTORY.fullmatch(part) for part in directories
    )


def is_training_state(path: str) -> bool:
    """Whether a file is the state of an optimizer, a schedule or a generator of random numbers."""
    name = _name(path)
    return name.lower() in _STATE_NAMES or bool(_STATE.fullmatch(name))


def checkpoint_step(directory: str) -> int | None:
    """The step that a directory's name gives: 1000 for ``step1000``; None where it gives none."""
    found = _STEP.fullmatch(_name(directory))
    return int(found[1]) if found else None


def checkpoint_directory(path: str) -> str | None:
    """The checkpoint directory that a file lies in: the innermost with a step in its name.

    Returns:
        The directory; ``checkpoints`` or the like where no directory below it gives a step; None
        where the file lies in neither.
    """
    parts = path.split("/")[:-1]
    for end in range(len(parts), 0, -1):
        if _STEP.fullmatch(parts[end - 1]):
            return "/".join(parts[:end])
    for end in range(len(parts), 0, -1):
        if parts[end - 1].lower() in _CHECKPOINTS:
            return "/".join(parts[:end])
    return None


def is_code(path: str) -> bool:
    """Whether a file is source code by its suffix."""
    return _name(path).lower().endswith(_CODE_SUFFIXES)
