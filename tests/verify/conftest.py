"""Fixtures: a small signed release and keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from releases import Release, make_release

from manifest.signing.keys import KeyKind, PrivateKey, generate


@pytest.fixture(scope="session")
def key() -> PrivateKey:
    return generate(KeyKind.ECDSA_P256)


@pytest.fixture(scope="session")
def other_key() -> PrivateKey:
    return generate(KeyKind.ECDSA_P256)


@pytest.fixture
def release(tmp_path: Path, key: PrivateKey) -> Release:
    path = tmp_path / "tiny model"
    path.mkdir()
    return make_release(path, key)
