"""Statements of replays by hand, for releases as `replays.make_replayable` makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from manifest.build.segments import compared_files, segment_between
from manifest.document.manifest_file import parse_manifest
from manifest.document.replay import replay_recipe
from manifest.document.replay_statement import (
    RepeatedSegment,
    ReplayStatement,
    dump_replay_statement,
)
from manifest.signing.keys import PrivateKey
from manifest.signing.signer import sign_payload

__all__ = ["put_replay", "replay_statement"]


def replay_statement(
    release: Path,
    segments: Sequence[tuple[str, str]] = (("one", "two"),),
    *,
    result: str = "bit-for-bit",
    nonce: str = "",
) -> ReplayStatement:
    """What somebody who repeated these segments would say."""
    data = (release / "manifest.json").read_bytes()
    manifest = parse_manifest(data)
    recipe = replay_recipe(manifest.description())
    tolerances = {} if recipe is None else recipe.tolerances
    repeated = []
    for start, end in segments:
        compared = ["x"]
        if recipe is not None:
            compared = list(compared_files(segment_between(manifest, start, end), recipe)[0])
        files = dict.fromkeys(compared, "2" * 64)
        repeated.append(RepeatedSegment(start, end, result, tolerances, files))
    return ReplayStatement(
        manifest.name,
        hashlib.sha256(data).hexdigest(),
        tuple(repeated),
        nonce,
        "CPython 3.11",
        "Linux",
        "bwrap",
    )


def put_replay(
    release: Path, statement: ReplayStatement, key: PrivateKey, name: str = "replay.sig"
) -> None:
    """Sign a statement, and let the release carry it."""
    (release / "signatures").mkdir(exist_ok=True)
    payload = dump_replay_statement(statement)
    (release / "signatures" / name).write_bytes(sign_payload(payload, key))
