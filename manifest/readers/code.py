"""What a file of source code is for: by its name, by what it says, by its neighbours.

Code is searched for a few telling expressions, never parsed or run.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Mapping

from manifest.readers.names import words_of

__all__ = ["MAX_SOURCE", "CodeRole", "place_code"]

MAX_SOURCE = 256 * 1024
"""How much of a source file is looked at, in bytes."""

ARCHITECTURE = "model-architecture"
TRAINING = "training-code"
INFERENCE = "inference-code"
EVALUATION = "evaluation-code"
PREPROCESSING = "data-preprocessing-code"
LIBRARIES = "supporting-libraries"


@dataclasses.dataclass(frozen=True, slots=True)
class CodeRole:
    """A component kind, why, and whether the reason is strong."""

    kind: str
    why: str
    strong: bool = True


# Words of a name that say what a program does. Looked up from the last word to the first:
# English names a thing at its end (train_tokenizer is the exception, hence the pairs below).
_PROGRAM_WORDS: Mapping[str, str] = {
    **dict.fromkeys(
        ("train", "training", "trainer", "trainers", "pretrain", "pretraining", "finetune",
         "finetuning", "sft", "dpo", "rlhf", "ppo", "grpo", "distill", "distillation"),
        TRAINING,
    ),
    **dict.fromkeys(
        ("infer", "inference", "generate", "generation", "predict", "predictor", "prediction",
         "serve", "serving", "demo", "chat", "sample", "sampling", "embed", "encode", "decode",
         "transcribe", "transcription", "onnxruntime", "handler"),
        INFERENCE,
    ),
    **dict.fromkeys(
        ("eval", "evals", "evaluate", "evaluation", "evaluator", "benchmark", "benchmarks", "score",
         "scoring", "validate", "validation", "metrics"),
        EVALUATION,
    ),
    **dict.fromkeys(
        ("prepare", "preparation", "preprocess", "preprocessing", "preprocessor", "dataset",
         "datasets", "dataloader", "dataloaders", "dataprep", "dedup", "deduplicate", "crawl",
         "scrape", "tokenization", "augment", "augmentation"),
        PREPROCESSING,
    ),
    **dict.fromkeys(("modeling", "modelling", "configuration", "architecture"), ARCHITECTURE),
}  # fmt: skip
_AMBIGUOUS = {"tokenization": "tokenizer", "tokenizer": "tokenizer", "tokenizers": "tokenizer"}
# Names that announce an architecture unless the code says otherwise.
_MODEL_WORDS = frozenset(
    {"model", "models", "net", "network", "networks", "nn", "module", "modules", "layers", "layer",
     "backbone", "encoder", "decoder", "attention", "transformer"}
)  # fmt: skip
_HELPERS = frozenset({"helper", "helpers", "util", "utils"})
# Written by a compiler from a source beside it (Cython, SWIG).
_WRITTEN = re.compile(
    r"\A\s*(?:/\*|//)[\s\S]{0,200}?\bgenerated (?:automatically )?by (Cython|SWIG)", re.IGNORECASE
)
_WRITTEN_SUFFIXES = (".c", ".cpp", ".cc")
# What is done to a model and is not the model.
_ERRANDS = frozenset({"convert", "download", "export", "push", "resolver", "save", "upload"})
_DIRECTORIES: Mapping[str, str] = {
    **dict.fromkeys(
        ("data", "dataset", "datasets", "preprocessing", "preprocess", "data_prep", "dataprep",
         "data_preparation", "data_processing"),
        PREPROCESSING,
    ),
    **dict.fromkeys(
        ("train", "training", "trainer", "trainers", "pretrain", "pretraining", "finetune",
         "finetuning"),
        TRAINING,
    ),
    **dict.fromkeys(("eval", "evals", "evaluation", "benchmark", "benchmarks"), EVALUATION),
    **dict.fromkeys(("inference", "serving", "predict"), INFERENCE),
    **dict.fromkeys(
        ("layers", "modeling", "modelling", "architecture", "architectures", "networks",
         "backbones", "heads", "necks"),
        ARCHITECTURE,
    ),
}  # fmt: skip
_PLAIN = frozenset({"test", "tests", "testing", "conftest", "docs", "setup", "noxfile"})
_TYPES = frozenset({"types", "typings", "schemas"})

_Said = tuple[str, str, "re.Pattern[str]"]
_SAYINGS: tuple[_Said, ...] = (
    (
        ARCHITECTURE,
        "it defines layers of the model",
        re.compile(
            r"^class\s+\w+\([^)]{0,200}\b(?:nn\.Module|(?:keras\.)?layers\.Layer|tfkl\.Layer"
            r"|keras\.Model|hk\.Module|eqx\.Module|linen\.Module|PreTrainedModel|PretrainedConfig"
            r"|nn\.Cell|nn\.Layer)\b"
            r"|^class\s+\w+\s*(?:\(\s*\))?:(?:(?!^class\s)[\s\S]){0,4000}?\bself\.\w+\s*=\s*nn\.(?:Linear|Conv\dd)\(",
            re.MULTILINE,
        ),
    ),
    (
        TRAINING,
        "it updates weights",
        re.compile(
            r"\b(?:loss|scaler\.scale\(\w+\))\.backward\(\)|\boptimi[sz]er\.step\(|\bGradientTape\("
            r"|\bTrainer\(|\.callbacks\.Callback\b|\bTrainerCallback\b|\bmodel\.fit\("
        ),
    ),
    (
        INFERENCE,
        "it runs the model",
        re.compile(
            r"\bInferenceSession\(|\btorch\.jit\.load\(|\btflite\.Interpreter\(|\bInterpreter\(model"
            r"|\bsaved_model\.load\(|\.generate\(|\bcompile_model\(|\bMLModel\("
        ),
    ),
)
_LOADER = re.compile(r"^def load_\w+\(", re.MULTILINE)
_CLASS = re.compile(r"^class\s", re.MULTILINE)
_IMPORT = re.compile(
    r"^[ \t]*(?:from\s+(\.*[\w.]*)\s+import\s+([^\n#]+)|import\s+([\w.]+))", re.MULTILINE
)


def _by_name(path: str) -> CodeRole | None:
    *directories, name = path.split("/")
    words = words_of(name.rpartition(".")[0])
    if name == "test.py" and not any(d.lower() in _PLAIN for d in directories):
        return CodeRole(EVALUATION, "called test")  # the custom of research code
    if any(word in _PLAIN for word in words[:1]) or any(d.lower() in _PLAIN for d in directories):
        return CodeRole(LIBRARIES, "a test or a tool of development")
    for word in words:
        if word in _AMBIGUOUS and not name.startswith("train"):
            return CodeRole(_AMBIGUOUS[word], f"called {word}")
    for word in words:
        if word in _PROGRAM_WORDS:
            if _PROGRAM_WORDS[word] == PREPROCESSING and _HELPERS & set(words):
                return None  # what a program is helped with, at any time: not what made the data
            return CodeRole(_PROGRAM_WORDS[word], f"called {word}")
    return None


def _by_content(path: str, text: str) -> CodeRole | None:
    for kind, why, pattern in _SAYINGS:
        if pattern.search(text):
            return CodeRole(kind, why)
    words = words_of(path.rpartition("/")[2].rpartition(".")[0])
    if words and not _ERRANDS & set(words) and (named := _MODEL_WORDS & set(words)):
        if _LOADER.search(text) and not _CLASS.search(text):
            return CodeRole(INFERENCE, "it loads the model for use")
        return CodeRole(ARCHITECTURE, f"called {min(named)}", strong=False)
    return None


def _by_compiler(path: str, read: Callable[[str], str], texts: dict[str, str]) -> CodeRole | None:
    """What a compiler wrote is a library, whatever the source that it was made of is called."""
    if path.lower().endswith(_WRITTEN_SUFFIXES):
        text = texts.setdefault(path, read(path))
        if found := _WRITTEN.search(text[:400]):
            return CodeRole(LIBRARIES, f"generated by {found[1]}")
    return None


def _by_types(path: str) -> CodeRole | None:
    """Declarations of types are no programs, whatever the types are called."""
    parent = path.rpartition("/")[0].rpartition("/")[2]
    return CodeRole(LIBRARIES, f"in {parent}/") if parent.lower() in _TYPES else None


def _by_parent(path: str) -> CodeRole | None:
    """What the name of the directory says that a file lies in."""
    parent = path.rpartition("/")[0].rpartition("/")[2]
    kind = _DIRECTORIES.get(parent.lower())
    return None if kind is None else CodeRole(kind, f"in {parent}/")


def _by_ancestor(path: str) -> CodeRole | None:
    """What a word in the name of a directory further up says."""
    for directory in reversed(path.split("/")[:-1]):
        for word in words_of(directory):
            if word in _DIRECTORIES:
                return CodeRole(_DIRECTORIES[word], f"below {directory}/", strong=False)
    return None


def place_code(paths: list[str], read: Callable[[str], str]) -> dict[str, CodeRole]:
    """What each file of source code is for.

    In this order: a telling name (``train.py``, ``modeling_x.py``); the directory it lies in
    (``layers/``, ``data/``); what the code says; a name like ``model.py``; the directories
    further up; for code that only the architecture
    imports, the architecture; for ``__init__.py``, what most of its package is; else a supporting
    library.

    Args:
        paths: The files of source code.
        read: Gives a file's text, at most `MAX_SOURCE`; empty where it has none.
    """
    roles: dict[str, CodeRole] = {}
    texts: dict[str, str] = {}
    open_: list[str] = []
    for path in paths:
        if path.endswith("__init__.py"):
            continue
        role = _by_compiler(path, read, texts) or _by_types(path)
        role = role or _by_name(path) or _by_parent(path)
        if role is None and not path.endswith(".ipynb"):
            role = _by_content(path, texts.setdefault(path, read(path)))
        role = role or _by_ancestor(path)
        if role is None:
            open_.append(path)
        else:
            roles[path] = role
    _follow_imports(paths, open_, roles, texts, read)
    for path in open_:
        if path not in roles and not path.endswith(".ipynb"):
            roles[path] = CodeRole(LIBRARIES, "source code", strong=False)
    _place_packages(paths, roles)
    return roles


def _follow_imports(
    paths: list[str],
    open_: list[str],
    roles: dict[str, CodeRole],
    texts: dict[str, str],
    read: Callable[[str], str],
) -> None:
    """Give the architecture what only it imports: its forward pass cannot do without."""
    if not any(role.kind == ARCHITECTURE for role in roles.values()):
        return
    modules = {path.removesuffix(".py"): path for path in paths if path.endswith(".py")}
    by_tail: dict[str, set[str]] = {}
    for module, path in modules.items():
        by_tail.setdefault(module.rpartition("/")[2], set()).add(path)
    importers: dict[str, set[str]] = {}
    for path in paths:
        if path.endswith(".py") and not path.endswith("__init__.py"):
            for target in _imports(path, texts.setdefault(path, read(path)), modules, by_tail):
                importers.setdefault(target, set()).add(path)
    for _ in range(8):  # a chain of helpers of helpers
        found = [
            path
            for path in open_
            if path not in roles
            and (users := importers.get(path))
            and all((role := roles.get(user)) and role.kind == ARCHITECTURE for user in users)
        ]
        if not found:
            return
        for path in found:
            roles[path] = CodeRole(ARCHITECTURE, "only the architecture imports it")


def _imports(
    path: str, text: str, modules: Mapping[str, str], by_tail: Mapping[str, set[str]]
) -> set[str]:
    """The files of the release that a file imports."""
    found: set[str] = set()
    directory = path.rpartition("/")[0]
    for match in _IMPORT.finditer(text):
        dotted = match[1] or match[3] or ""
        names = [dotted]
        if match[2]:
            stem = dotted if dotted.endswith(".") or not dotted else dotted + "."
            names += [stem + name for name in re.findall(r"\w+", match[2])[:50]]
        for name in names:
            level = len(name) - len(name.lstrip("."))
            tail = name.lstrip(".").replace(".", "/")
            if level:
                above = directory.split("/")[: len(directory.split("/")) - level + 1]
                target = modules.get("/".join([*above, tail]).strip("/"))
                if target:
                    found.add(target)
                continue
            last = tail.rpartition("/")[2]
            for candidate in by_tail.get(last, ()):
                module = candidate.removesuffix(".py")
                if module == tail or module.endswith("/" + tail):
                    found.add(candidate)
    found.discard(path)
    return found


def _place_packages(paths: list[str], roles: dict[str, CodeRole]) -> None:
    """Place each ``__init__.py`` with most of the code below it; the outermost is a library."""
    packages = {path.rpartition("/")[0] for path in paths if path.endswith("__init__.py")}
    below: dict[str, Counter[str]] = {package: Counter() for package in packages}
    for path, role in roles.items():
        directory = path.rpartition("/")[0]
        while directory:
            if directory in below:
                below[directory][role.kind] += 1
            directory = directory.rpartition("/")[0]
    for path in paths:
        if not path.endswith("__init__.py"):
            continue
        package = path.rpartition("/")[0]
        is_inner = package.rpartition("/")[0] in packages
        most = below[package].most_common(1)
        if is_inner and most and most[0][1] * 2 > below[package].total():
            roles[path] = CodeRole(most[0][0], "like most of its package", strong=False)
        else:
            roles[path] = CodeRole(LIBRARIES, "source code of a package", strong=False)
