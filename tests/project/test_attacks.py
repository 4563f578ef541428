"""The table of attacks: how many there are, and that none of its areas was left out."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

from attack_cases import AREAS

ATTACKS = Path(__file__).resolve().parents[1] / "attacks"
LEAST = 120
LEAST_OF_EACH = 5


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"attacks_{name}", ATTACKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_area_has_its_attacks() -> None:
    cases = [
        *load("test_verify_attacks").CASES,
        *load("test_policy").CASES,
        *load("test_trust_material").TABLE.attacks,
        *load("test_remote_answers").TABLE.attacks,
    ]
    names = [case.name for case in cases]
    assert len(set(names)) >= LEAST
    by_area = Counter(case.area for case in cases)
    assert set(by_area) == AREAS
    assert min(by_area.values()) >= LEAST_OF_EACH, by_area
    assert all(case.message for case in cases)
