"""Write `manifest/licenses/wordings.json`: the exact wordings of open licenses, from SPDX's texts.

Run it as ``python -m spec.license_wordings DIRECTORY``, where DIRECTORY is ``src`` of a checkout
of github spdx/license-list-XML. What the XML calls optional stays optional, an alternative that is
spelt out stays one of those, and a blank that anything may fill becomes a slot for a name. A fixed
run of words is kept as its length and SHA-256: the texts themselves stay with SPDX.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from manifest.licenses.catalogue import open_for
from manifest.licenses.words import words_of

TARGET = Path(__file__).resolve().parents[1] / "manifest" / "licenses" / "wordings.json"
_NS = "{http://www.spdx.org/license}"
_SLOT = "slotslotslot"
_FIRST = 8
"""Words of a wording's first run, short so that looking for it is cheap."""
_MAX_RUN = 250
"""Words of a run: how near the place where a text departs from a wording can be told."""
_MAX_CHOICES = 96
# Common ways of writing that SPDX's texts do not have, by the words they stand for.
_VARIANTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("an example is provided in the appendix below", ("",)),  # Apache-2.0 without its appendix
    ("don include the brackets", ("do not include the brackets",)),
    ("redistributions of source code must", ("redistribution of source code must",)),
)
_RESTRICTED = re.compile(r"CC-BY(?:-NC|-ND|-SA)+-[1-4]\.[05]")
"""Not open, and often recognised: their preamble must not make them a changed text."""
_PARSER: Any = re._parser  # type: ignore[attr-defined]  # noqa: SLF001 - a build-time tool

# A pattern: a word, a choice of patterns, or a slot.
Pattern = list[Any]


def _expand(nodes: Any) -> set[str]:
    """The strings that a regular expression of the XML stands for; ``_SLOT`` for what is free."""
    result = {""}
    for op, value in nodes:
        kind = str(op)
        if kind == "LITERAL":
            part = {chr(value)}
        elif kind == "BRANCH":
            part = set().union(*(_expand(choice) for choice in value[1]))
        elif kind == "SUBPATTERN":
            part = _expand(value[3])
        elif kind in ("MAX_REPEAT", "MIN_REPEAT"):
            low, high, inner = value
            one = _expand(inner)
            if high == 1:
                part = one | ({""} if low == 0 else set())
            elif one <= {" ", ""}:
                part = {" "}
            else:
                part = {f" {_SLOT} "} | ({" "} if low == 0 else set())
        elif kind == "IN":
            part = _of_set(value)
        elif kind == "ANY":
            part = {f" {_SLOT} "}
        elif kind == "AT":
            part = {""}
        else:
            part = {f" {_SLOT} "}
        result = {a + b for a, b in itertools.product(result, part)}
        if len(result) > _MAX_CHOICES:
            return {f" {_SLOT} "}
    return result


def _of_set(value: Any) -> set[str]:
    kinds = {str(op) for op, _ in value}
    if kinds == {"LITERAL"}:
        return {chr(v) for _, v in value}
    if any("SPACE" in str(v) for _, v in value):
        return {" "}
    return {f" {_SLOT} "}


def _words(text: str) -> list[str]:
    return [w.text for w in words_of(text)]


def _of_text(text: str) -> Pattern:
    found: Pattern = []
    for word in _words(text):
        if word != _SLOT:
            found.append(word)
        elif found[-1:] != [None]:
            found.append(None)
    return found


def _pattern(element: ET.Element) -> Pattern:
    """What an element and its children require, without their tail."""
    tag = element.tag.removeprefix(_NS)
    if tag == "bullet":
        return []
    if tag == "alt":
        choices = _expand(_PARSER.parse(element.get("match", "")))
        shown = "".join(element.itertext())
        patterns = [_of_text(choice) for choice in sorted(choices | {shown})]
        unique = [p for i, p in enumerate(patterns) if p not in patterns[:i]]
        return unique[0] if len(unique) == 1 else [unique]
    inner = _of_text(element.text or "")
    for child in element:
        inner += _pattern(child)
        inner += _of_text(child.tail or "")
    if tag in ("optional", "titleText", "copyrightText"):
        return [[[], inner]] if inner else []
    return inner


def _compact(pattern: Pattern, *, first: bool = False) -> list[Any]:
    """Runs of words as ``[length, digest]``, the first with its first word, choices as lists of patterns, slots as null."""
    found: list[Any] = []
    for is_word, group in itertools.groupby(pattern, key=lambda p: isinstance(p, str)):
        items = list(group)
        if not is_word:
            found += [None if i is None else {"any": [_compact(p) for p in i]} for i in items]
            continue
        cuts = [items]
        if first and not found:
            cuts = [items[:_FIRST], items[_FIRST:]]
        last = cuts.pop()
        cuts += [last[i : i + _MAX_RUN] for i in range(0, len(last), _MAX_RUN)]
        for cut in [c for c in cuts if c]:
            digest = hashlib.sha256(" ".join(cut).encode()).hexdigest()[:32]
            begins = [cut[0]] if first and not found else []  # where to look, without digests
            found.append([len(cut), digest, *begins])
    return found


def _varied(pattern: Pattern) -> Pattern:
    """A pattern with the common variants as choices."""
    result: Pattern = []
    rest = [
        [_varied(choice) for choice in item] if isinstance(item, list) else item for item in pattern
    ]
    while rest:
        for words, others in _VARIANTS:
            run = _words(words)
            if rest[: len(run)] == run:
                result.append([run, *(_words(other) for other in others)])
                del rest[: len(run)]
                break
        else:
            result.append(rest.pop(0))
    return result


def _split(pattern: Pattern) -> tuple[Pattern, list[Pattern]]:
    """A wording from its first fixed word on, and the optional parts that may stand before it."""
    before: list[Pattern] = []
    rest = list(pattern)
    while rest and not isinstance(rest[0], str):
        if isinstance(rest[0], list):
            for choice in rest[0]:
                inner, earlier = _split(choice)
                before += [*earlier, inner] if inner else earlier
        rest.pop(0)
    return rest, before


def generate(directory: Path) -> dict[str, Any]:
    """The wordings of every open license in a directory of SPDX's XML files."""
    wordings: list[dict[str, Any]] = []
    additions: dict[str, list[Any]] = {}
    titles: set[str] = set()
    for path in sorted(directory.glob("*.xml")):
        root = ET.parse(path).getroot()  # noqa: S314 - SPDX's own files, at build time
        entry = root.find(f"{_NS}license")
        id_ = entry.get("licenseId", "") if entry is not None else ""
        if entry is None or not (open_for(id_) or _RESTRICTED.fullmatch(id_)):
            continue
        text = entry.find(f"{_NS}text")
        if text is None:
            continue
        titles.add(" ".join(_words(entry.get("name", ""))))
        titles.add(" ".join(_words(id_)))
        body, before = _split(_varied(_pattern(text)))
        for header in text.iter(f"{_NS}standardLicenseHeader"):
            notice = _split(_varied(_pattern(header)))[0]
            if notice[:1] == ["copyright"]:  # that line is read as a notice, where it stands
                notice = list(itertools.dropwhile(lambda p: isinstance(p, str), notice))[1:]
            before.append(_split(notice)[0])
        for extra in before:
            if len(extra) <= 2:
                titles.add(" ".join(e for e in extra if isinstance(e, str)))
                continue
            compact = _compact(extra, first=True)
            additions[json.dumps(compact)] = compact
        compact = _compact(body, first=True)
        same = next((w for w in wordings if w["wording"] == compact), None)
        if same is not None:
            same["ids"].append(id_)
        else:
            wordings.append({"ids": [id_], "wording": compact})
    return {
        "wordings": wordings,
        "additions": [additions[key] for key in sorted(additions)],
        "titles": sorted(titles - {""}),
    }


if __name__ == "__main__":
    data = generate(Path(sys.argv[1]))
    lines = [
        f'"{key}": [\n' + ",\n".join(json.dumps(v, separators=(",", ":")) for v in values) + "\n]"
        for key, values in data.items()
    ]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
