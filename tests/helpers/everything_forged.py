"""Manifests that say something else than their release, as only its publisher can make them."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from everything import RELEASE, Everything
from everything_signed import rebind

from manifest.document.manifest_entries import files_digest
from manifest.document.manifest_file import Manifest
from manifest.document.manifest_weights import make_set
from manifest.inventory import Algorithm, digest_of


def claims_differ(one: Everything) -> None:
    text = RELEASE.replace("step: 2", "step: 3").replace("  tokenizer:", "  tokeniser: ")
    text = text.replace("tokeniser: ", "tokenizer:\n    license: mit")
    one.forge({"release.yaml": text.encode()})


def checkpoints_claimed(one: Everything, *, drop: bool = False) -> None:
    """The manifest lists other checkpoints than its indexes give."""

    def change(manifest: Manifest) -> Manifest:
        first, second, *rest = manifest.checkpoints
        altered = dataclasses.replace(second, step=77)
        kept = (first, altered) if drop else (first, altered, *rest)
        return dataclasses.replace(manifest, checkpoints=kept)

    one.forge({}, change)


def last_checkpoint_gone(one: Everything) -> None:
    one.forge({}, lambda m: dataclasses.replace(m, checkpoints=m.checkpoints[:-1]))


def sha256_alone(one: Everything) -> None:
    """A manifest that names one digest, and gives two of each file."""
    one.forge({}, lambda manifest: dataclasses.replace(manifest, digests=("sha256",)))


def tensors_exchanged(one: Everything) -> None:
    """Two tensors of a file under each other's names."""

    def change(manifest: Manifest) -> Manifest:
        (one_set, *others) = manifest.weights
        first, *rest = one_set.files
        a, b, *more = first.tensors
        swapped = (a._replace(name=b.name), b._replace(name=a.name), *more)
        files = (first._replace(tensors=swapped), *rest)
        return dataclasses.replace(manifest, weights=(make_set(one_set.format, files), *others))

    one.forge({}, change)


def index_too_large(one: Everything) -> None:
    """An index that nobody reads, beside a checkpoint that says something else."""
    data = (one.store / "index.csv").read_bytes() + b"\n" * (17 << 20)
    one.put("index.csv", data, root="store")

    def change(manifest: Manifest) -> Manifest:
        sums = hashlib.sha256(data).hexdigest(), digest_of(data, Algorithm.BLAKE3)
        files = tuple(
            f._replace(size=len(data), sha256=sums[0], blake3=sums[1])
            if f.full_path == "store:index.csv"
            else f
            for f in manifest.files
        )
        first, second, *rest = manifest.checkpoints
        return dataclasses.replace(
            manifest,
            files=files,
            root_digest=files_digest(files),
            total_size=sum(f.size for f in files),
            checkpoints=(first, dataclasses.replace(second, step=77), *rest),
        )

    one.forge({}, change)


def undescribed(one: Everything) -> None:
    """A manifest and a statement without the description."""

    def without(manifest: Manifest) -> Manifest:
        files = tuple(f for f in manifest.files if f.path != "release.yaml")
        return dataclasses.replace(
            manifest,
            files=files,
            root_digest=files_digest(files),
            total_size=sum(f.size for f in files),
        )

    def change(statement: dict[str, Any]) -> None:
        predicate = statement["predicate"]
        predicate["resources"] = [r for r in predicate["resources"] if r["name"] != "release.yaml"]
        rebind(statement)

    one.resign(change)
    one.forge({}, without)
    (one.path / "release.yaml").unlink()
