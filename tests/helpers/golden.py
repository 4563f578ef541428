"""Values as golden files hold them, and files that cannot be opened."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import errno
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from everything import KEYS

from manifest.document.manifest_file import Manifest


def plain(value: Any) -> Any:
    """A report as JSON has it, without the fields that say nothing and the manifest's content."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Manifest):
        return f"{value.name} {value.version}"
    if dataclasses.is_dataclass(value):
        fields = [f.name for f in dataclasses.fields(value)]
        return plain({name: getattr(value, name) for name in fields})
    if isinstance(value, Mapping):
        said = {k: v for k, v in value.items() if v is not None and v is not False}
        return {k: plain(v) for k, v in said.items() if v not in ("", (), [], {})}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


def text_of(found: Any, place: Path) -> str:
    """Plain values as a golden file has them.

    Args:
        found: The values.
        place: The directory of the test, which stands in texts as ``PLACE``.
    """
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    for name, key in KEYS.items():
        text = text.replace(key.fingerprint, name.upper())
    return text.replace(str(place), "PLACE")


def assert_golden(found: Any, golden: Path, place: Path) -> None:
    """What was found is what the file says, or is written there with ``UPDATE_GOLDEN=1``."""
    text = text_of(found, place)
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@contextlib.contextmanager
def unreadable(names: Sequence[str], after: int = 0) -> Iterator[None]:
    """Files of these names cannot be opened, from a time on: root may read whatever it likes."""
    really, opened = os.open, Counter[str]()

    def refuse(path: Any, *arguments: Any, **options: Any) -> int:
        name = Path(os.fsdecode(path)).name if not isinstance(path, int) else ""
        opened[name] += 1
        if name in names and opened[name] > after:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return really(path, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        if names:
            patch.setattr(os, "open", refuse)
        yield
