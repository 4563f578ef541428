"""A decision by a policy as JSON for machines (``policy-report.schema.json``)."""

from __future__ import annotations

import json
from typing import Any

from manifest.policy.decision import Decision
from manifest.render.verify_json import verify_plain

__all__ = ["policy_plain", "render_policy_json"]


def policy_plain(decision: Decision) -> dict[str, Any]:
    """The decision as plain JSON values, valid under ``policy-report.schema.json``."""
    pin = decision.pin
    return {
        "schema_version": "1.0",
        "policy": _text(decision.policy),
        "policy_sha256": decision.policy_sha256,
        "at": decision.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "accepted": decision.accepted,
        "exit_code": int(decision.exit_code),
        "demands": [
            {
                "name": d.name,
                "asked": _text(d.asked),
                "found": _text(d.found),
                "held": d.held,
                "where": _text(d.where),
            }
            for d in decision.demands
        ],
        "notes": [_text(note) for note in decision.notes],
        "pin": pin.fingerprint if pin is not None else None,
        "verification": verify_plain(decision.report),
    }


def render_policy_json(decision: Decision) -> str:
    """The decision as JSON text that ends in a newline."""
    return json.dumps(policy_plain(decision), indent=2, ensure_ascii=False) + "\n"


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
