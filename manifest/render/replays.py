"""Signed replays as JSON, the same in every report that shows them."""

from __future__ import annotations

from typing import Any

from manifest.display import printable
from manifest.document.replay_statement import SignedReplay

__all__ = ["signed_replay_plain"]


def signed_replay_plain(replay: SignedReplay) -> dict[str, Any]:
    """A replay that counts as plain JSON values."""
    statement = replay.statement
    return {
        "signer": replay.signer,
        "file": printable(replay.where),
        "drawn": bool(statement.nonce),
        "sandbox": statement.sandbox,
        "segments": [
            {"from": printable(s.start), "to": printable(s.end), "result": s.result}
            for s in statement.segments
        ],
    }
