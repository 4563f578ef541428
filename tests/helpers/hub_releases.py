"""A small release for a hub on loopback, and patience for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from hub_server import ServedFile, ServedRepository
from lint_releases import safetensors

from manifest.sources.http import Limits
from manifest.sources.hub import HubSource

__all__ = ["FILES", "QUICK", "Open", "tiny"]

QUICK = Limits(connect=2, idle=0.5, whole=2, tries=3, backoff=0.01, patience=1.5)

FILES = {
    "README.md": b"---\nlicense: apache-2.0\n---\n# Tiny\n",
    "config.json": b'{"architectures": ["TinyForCausalLM"], "model_type": "tiny"}\n',
    "model.safetensors": safetensors(w=(200, 200)),
    "sub/t\xc3\xb6k en.json".encode("latin-1").decode(): b"{}",
    "empty.txt": b"",
    ".gitattributes": b"*.safetensors filter=lfs\n",
    "manifest.json": b"{}",
    "signatures/a.sig": b"{}",
}

Open: TypeAlias = Callable[..., HubSource]


def tiny() -> ServedRepository:
    return ServedRepository({path: ServedFile.of(path, data) for path, data in FILES.items()})
