"""Schemas: where they lie, and what a violation is called (spec/description.md, "Schemas")."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from manifest.display import printable
from manifest.errors import DocumentError
from manifest.records import record

__all__ = ["SCHEMA_NAMES", "Violation", "load_schema", "schema_text", "violations"]

SCHEMA_NAMES = (
    "description",
    "manifest",
    "commitment",
    "data-proof",
    "lint-report",
    "checkpoints-report",
    "verify-report",
    "diff-report",
    "lineage-report",
    "replay-report",
    "replay-attestation",
    "policy",
    "policy-report",
)
"""Names of the schemas that ship with the package."""

_MAX_SHOWN = 80


@record(frozen=True, slots=True)
class Violation:
    """One way in which a document breaks its schema.

    Attributes:
        pointer: The field, as ``components.datasets.files[0]``; empty for the document itself.
        message: What is wrong with it, without the pointer.
    """

    pointer: str
    message: str


def schema_text(name: str) -> str:
    """The text of the schema called ``name``, as shipped.

    Raises:
        DocumentError: No such schema.
    """
    if name not in SCHEMA_NAMES:
        raise DocumentError(
            f"there is no schema {printable(name)!r}", remedy=f"one of {', '.join(SCHEMA_NAMES)}"
        )
    packaged = files("manifest") / "schemas" / f"{name}.schema.json"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    # An editable install has no copy inside the package: the checkout's folder is the source.
    checkout = Path(__file__).resolve().parents[2] / "schemas" / f"{name}.schema.json"
    return checkout.read_text(encoding="utf-8")


@functools.cache
def load_schema(name: str) -> Mapping[str, Any]:
    """The schema called ``name``, parsed; treat it as read-only."""
    loaded: Mapping[str, Any] = json.loads(schema_text(name))
    return loaded


@functools.cache
def _validator(name: str) -> Any:
    import referencing

    registry: Any = referencing.Registry()
    for other in ("description", "manifest"):
        contents = load_schema(other)
        resource: Any = referencing.Resource.from_contents(dict(contents))
        registry = registry.with_resource(contents["$id"], resource)
    return _validator_class()(dict(load_schema(name)), registry=registry)


@functools.cache
def _validator_class() -> Any:
    import jsonschema

    # JSON Schema takes patterns from ECMA 262, whose `$` is the end; Python's admits a line break.
    extend: Any = jsonschema.validators.extend
    return extend(jsonschema.Draft202012Validator, {"pattern": _check_pattern})


def _check_pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[Any]:
    import jsonschema

    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(f"{pattern[:-1]}\\Z" if pattern.endswith("$") else pattern)


def violations(document: Any, name: str, *, limit: int = 20) -> tuple[Violation, ...]:
    """Every way, up to ``limit``, in which ``document`` breaks the schema called ``name``."""
    found: list[Violation] = []
    for error in _leaves(_validator(name).iter_errors(document)):
        found.append(Violation(_pointer(error.absolute_path), _message(error)))
        if len(found) == limit:
            break
    return tuple(sorted(set(found), key=lambda v: (v.pointer, v.message)))


def _leaves(errors: Iterable[Any]) -> Iterable[Any]:
    """The errors that say something: those inside a combinator, not the combinator itself."""
    for error in errors:
        if error.context:
            yield from _leaves(error.context)
        else:
            yield error


def _pointer(path: Iterable[str | int]) -> str:
    pointer = ""
    for part in path:
        if isinstance(part, int):
            pointer += f"[{part}]"
        else:
            pointer += f".{printable(part)}" if pointer else printable(part)
    return pointer


def _message(error: Any) -> str:
    instance, wanted = error.instance, error.validator_value
    match error.validator:
        case "required":
            missing = next((k for k in wanted if k not in instance), "")
            return f"`{missing}` is missing"
        case "additionalProperties":
            known = set(error.schema.get("properties", {}))
            unknown = sorted(k for k in instance if k not in known and not k.startswith("x-"))
            names = ", ".join(f"`{printable(k)}`" for k in unknown[:5])
            return f"unknown field {names} (fields of your own start with x-)"
        case "enum":
            return f"{_shown(instance)} is not one of {', '.join(map(str, wanted))}"
        case "const":
            return f"{_shown(instance)} must be {wanted!r}"
        case "type":
            types = [wanted] if isinstance(wanted, str) else wanted
            return f"{_shown(instance)} is not {_article(' or '.join(types))}"
        case "pattern":
            hint = error.schema.get("description", "")
            return f"{_shown(instance)} does not have the form it must have" + (
                f": {hint}" if hint else f" ({wanted})"
            )
        case "minLength" | "minItems":
            return "is empty"
        case "maxLength":
            return f"is longer than {wanted} characters"
        case "minimum" | "maximum":
            word = "below" if error.validator == "minimum" else "above"
            return f"{_shown(instance)} is {word} {wanted}"
        case _:
            return printable(str(error.message))[:200]


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeio' else 'a'} {name}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = printable(text)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
