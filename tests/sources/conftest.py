"""A hub on loopback with a small release; it serves the hub's shapes and is not the hub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hub_releases import QUICK, Open, tiny
from hub_server import HubServer

from manifest.sources.http import Limits
from manifest.sources.hub import HubSource
from manifest.sources.hub_environment import HubEnvironment
from manifest.sources.targets import HubTarget


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer({"acme/tiny": tiny()}, token="hf_good") as server:
        yield server


@pytest.fixture
def open_(hub: HubServer) -> Iterator[Open]:
    """Open a repository of the hub."""
    opened: list[HubSource] = []

    def open_source(
        name: str = "acme/tiny", revision: str = "main", *, token: str = "", limits: Limits = QUICK
    ) -> HubSource:
        environment = HubEnvironment(hub.endpoint, token)
        source = HubSource(HubTarget(name, revision), environment=environment, limits=limits)
        opened.append(source)
        return source

    yield open_source
    for source in opened:
        source.close()
