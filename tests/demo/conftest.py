"""The demo release and the modules of its code."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

import manifest.demo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STATIC = Path(manifest.demo.__file__).parent / "release"


@pytest.fixture
def release(demo_release: Path) -> Path:
    return demo_release


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a module of the release's code, which its scripts import by bare names."""
    names = [path.stem for path in (STATIC / "code").glob("*.py")]
    monkeypatch.syspath_prepend(str(STATIC / "code"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield importlib.import_module
    for name in names:
        sys.modules.pop(name, None)
