"""Releases that were made from each other, each with a manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from weights import T, safetensors

from manifest.build import build, write_manifest

__all__ = ["make_model", "named", "sha256_of", "weights_of"]

HEAD = 'schema_version: "1.0"\nname: {name}\nversion: 1.0\ndescribed_by: publisher\n'


def weights_of(fill: int, *names: str) -> bytes:
    """A model of small tensors whose bytes are all one number."""
    return safetensors(*(T(name, bytes([fill]) * 4) for name in names or ("a", "b")))


def make_model(
    path: Path,
    name: str,
    *,
    license_: str = "apache-2.0",
    bases: str = "",
    fill: int = 1,
    files: Mapping[str, bytes] | None = None,
    manifest: bool = True,
) -> Path:
    """A release called ``name``; ``bases`` are the entries of its base_models, one a line."""
    path.mkdir(parents=True)
    weights = {"model.safetensors": weights_of(fill)} if files is None else files
    for file, data in weights.items():
        (path / file).write_bytes(data)
    text = HEAD.format(name=name) + (f"license: {license_}\n" if license_ else "")
    text += 'components:\n  model-parameters-final: {files: ["*.safetensors"]}\n'
    if bases:
        text += "base_models:\n" + "".join(f"  - {line}\n" for line in bases.splitlines())
    (path / "release.yaml").write_text(text, encoding="utf-8")
    if manifest:
        write_manifest(path, build(path))
    return path


def sha256_of(path: Path) -> str:
    """The SHA-256 of a release's manifest."""
    return hashlib.sha256((path / "manifest.json").read_bytes()).hexdigest()


def named(path: Path, name: str, relation: str = "finetune", **more: str) -> str:
    """The entry of base_models that names a release by its manifest."""
    extra = "".join(f", {key}: {value}" for key, value in more.items())
    return (
        f"{{name: {name}, relation: {relation}{extra}, "
        f"reference: {{type: manifest, name: {name}, sha256: {sha256_of(path)}}}}}"
    )
