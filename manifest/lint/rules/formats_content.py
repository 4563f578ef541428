"""Formats: programs where data is expected, and templates that reach beyond their text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from manifest.display import plural, printable
from manifest.errors import DocumentError, UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.lint.content.sampling import head, suffix
from manifest.lint.reading import gguf_headers
from manifest.lint.release import Release
from manifest.lint.rule import Example, Rule, rule
from manifest.readers._bounded import read_json_object, read_text
from manifest.sources import SourceFile
from manifest.sources.hub import HubSource

_MAX_NAMED = 10
_MAX_TEMPLATES = 64
_MAX_LOOKED_AT = 2_000

_PROGRAMS = frozenset(
    {".exe", ".dll", ".com", ".scr", ".msi", ".bat", ".cmd", ".ps1", ".vbs", ".jar", ".class",
     ".apk", ".deb", ".rpm", ".appimage", ".dmg", ".pkg", ".so", ".dylib", ".pyd", ".elf"}
)  # fmt: skip
_BYTECODE = frozenset({".pyc", ".pyo"})
_ARCHIVE = re.compile(r"\.(zip|tar|tgz|7z|rar|whl|egg|tar\.(gz|bz2|xz|zst))$", re.IGNORECASE)
_MAGIC = {
    b"\x7fELF": "an ELF program",
    b"MZ\x90\x00": "a Windows program",
    b"\xcf\xfa\xed\xfe": "a Mach-O program",
    b"\xce\xfa\xed\xfe": "a Mach-O program",
    b"\xfe\xed\xfa\xcf": "a Mach-O program",
}
_LIBRARIES = "supporting-libraries"
_DATA_KINDS = frozenset(
    {"datasets", "evaluation-data", "data-order", "training-logs", "sample-model-outputs",
     "evaluation-results"}
)  # fmt: skip
_WEIGHTS = "components:\n  model-parameters-final:\n    files: [model.safetensors]\n"
_TENSOR = {"model.safetensors": "<safetensors w=2x3>"}

# Attributes by which a template leaves its text, as names or in quotes: classes, globals, frames,
# importers (CPython's data model; Jinja's sandbox refuses them, and not every loader has one).
_INNER = (
    r"__(?:class|globals|subclasses|mro|bases?|builtins|import|init|dict|getattribute|reduce|code"
    r"|loader|self|module|func|closure|call)__"
)
_ESCAPE = re.compile(
    rf"\.\s*{_INNER}|['\"]{_INNER}['\"]|\\x5f|\\u005f|_TemplateReference"
    r"|\b(?:gi|cr|f|tb)_(?:frame|code|globals)\b",
    re.IGNORECASE,
)


@rule(
    code="SAF004",
    name="program-among-data",
    severity=Severity.WARNING,
    rationale="A release is data and source code. A binary in it cannot be read by anyone, and "
    "runs with the rights of whoever tries it out.",
    remedy="Take it out, or publish its source and list it under "
    "`components.supporting-libraries`.",
    bad=Example(_WEIGHTS, _TENSOR | {"setup.exe": "MZ"}),
    good=Example(
        _WEIGHTS + "  supporting-libraries:\n    files: [kernels.so, kernels.c]\n",
        _TENSOR
        | {
            "kernels.so": "\x7fELF",
            "kernels.c": "int f(int x) {\n  int y = x;\n  y += 1;\n  y *= 2;\n  return y;\n}\n",
        },
    ),
    of_files=True,
)
def programs(rule: Rule, release: Release) -> Iterator[Finding]:
    """Binaries, and compiled Python, that no list of libraries accounts for.

    Names tell; of files whose names tell nothing, the first bytes of some thousands.
    """
    named: dict[str, str] = {}
    # Over a network only names are looked at.
    looked_at = _MAX_LOOKED_AT if isinstance(release.source, HubSource) else 0
    for file in release.source.files:
        what = _by_name(file.path)
        if not what and looked_at < _MAX_LOOKED_AT and _has_no_format(file.path):
            looked_at += 1
            what = _by_bytes(release, file)
        if what:
            named[file.path] = what
    accounted = _of_kinds(release, frozenset({_LIBRARIES}), set(named))
    found = [(path, what) for path, what in named.items() if path not in accounted]
    for path, what in found[:_MAX_NAMED]:
        yield rule.finding(f"{printable(path)} is {what}", location=Location(path))
    if len(found) > _MAX_NAMED:
        yield rule.finding(f"{plural(len(found) - _MAX_NAMED, 'more program')} of this sort")


def _of_kinds(release: Release, kinds: frozenset[str], paths: set[str]) -> set[str]:
    """Those of the paths that belong to a component of one of the kinds."""
    if not paths:
        return set()
    components = [c for c in release.components if c.kind in kinds]
    return {f.path for c in components for f in c.files.here if f.path in paths}


def _by_name(path: str) -> str:
    kind = suffix(path)
    if kind in _BYTECODE:
        return "compiled Python: what it does cannot be read"
    if kind in _PROGRAMS or re.search(r"\.so\.[0-9.]+$", path):
        return "a program or a binary library"
    return ""


def _has_no_format(path: str) -> bool:
    """Whether the name says nothing of a format: there a program can hide best."""
    return suffix(path) in {"", ".bin", ".dat", ".data", ".txt", ".model", ".json", ".md"}


def _by_bytes(release: Release, file: SourceFile) -> str:
    try:
        first = head(release.source, file, 4)
    except UndecidedError:
        return ""
    return _MAGIC.get(first, "")


@rule(
    code="SAF005",
    name="archive-inside",
    severity=Severity.ADVICE,
    rationale="What lies in an archive is bound by one digest and seen by nobody: not by this "
    "linter, not by a scanner of the hub, not by a reader of the file list.",
    remedy="Publish the files as they are; where the archive is data, list it under "
    "`components.datasets`.",
    bad=Example(_WEIGHTS, _TENSOR | {"code.zip": "PK"}),
    good=Example(
        _WEIGHTS + "  training-code:\n    files: [code]\n",
        _TENSOR | {"code/train.py": "loss = 1.0\nfor step in range(3):\n    loss /= 2\n" * 2},
    ),
    of_files=True,
)
def archives(rule: Rule, release: Release) -> Iterator[Finding]:
    """Archives that are no data."""
    packed = {path for path in release.paths if _ARCHIVE.search(path)}
    found = sorted(packed - _of_kinds(release, _DATA_KINDS, packed))
    if found:
        more = f" and {plural(len(found) - 1, 'more archive')}" if len(found) > 1 else ""
        yield rule.finding(
            f"what lies in {printable(found[0])}{more} is not looked at",
            location=Location(found[0]),
        )


@rule(
    code="SAF006",
    name="template-reaches-into-python",
    severity=Severity.ERROR,
    rationale="A chat template is a program in Jinja that runs whenever a message is formatted. "
    "One that reaches for Python's own classes can leave its sandbox, or needs none.",
    remedy="Write the template with the values that it is given, and nothing else. Do not use the "
    "tokenizer before that is done.",
    bad=Example(
        "",
        {
            "tokenizer_config.json": '{"chat_template": '
            "\"{{ cycler.__init__.__globals__.os.popen('id').read() }}\"}"
        },
    ),
    good=Example(
        "",
        {
            "tokenizer_config.json": '{"chat_template": '
            '"{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}"}'
        },
    ),
    exemptable=False,
    of_files=True,
)
def templates(rule: Rule, release: Release) -> Iterator[Finding]:
    """Chat templates, in a tokenizer's files or in a GGUF header, that name Python's internals."""
    for path, template in _templates(release):
        found = _ESCAPE.search(_without_text(template))
        if found:
            yield rule.finding(
                f"the chat template in {printable(path)} reaches for {printable(found[0])}",
                location=Location(path),
            )


# A tag that nothing closes runs to the end: looked for once, not from each brace anew.
_TAG = re.compile(r"\{\{.*?(?:\}\}|\Z)|\{%.*?(?:%\}|\Z)", re.DOTALL)


def _without_text(template: str) -> str:
    """What a template computes; what it writes out as it is does nothing."""
    return "\n".join(_TAG.findall(template[: 1024 * 1024]))


def _templates(release: Release) -> Iterator[tuple[str, str]]:
    names = {"tokenizer_config.json", "chat_template.json", "processor_config.json"}
    looked_at = 0
    for path in sorted(release.paths):
        name = path.rpartition("/")[2]
        if name not in names and not name.endswith(".jinja"):
            continue
        looked_at += 1
        if looked_at > _MAX_TEMPLATES:
            break
        try:
            if name.endswith(".jinja"):
                yield path, read_text(release.source, path)
            else:
                value = read_json_object(release.source, path).get("chat_template")
                yield from ((path, text) for text in _texts(value))
        except (DocumentError, UndecidedError):
            continue
    for header in gguf_headers(release):
        for key, value in header.metadata.items():
            if key.startswith("tokenizer.chat_template") and isinstance(value, str):
                yield header.path, value


def _texts(value: object) -> Iterator[str]:
    """One template, or several with names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for text in value.values() if isinstance(text, str))
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict) and isinstance(item.get("template"), str):
                yield item["template"]
