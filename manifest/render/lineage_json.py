"""A lineage as JSON for machines (``lineage-report.schema.json``)."""

from __future__ import annotations

from typing import Any

from manifest.lineage import Ancestor, Carried, Lineage, Link

__all__ = ["lineage_plain"]


def lineage_plain(lineage: Lineage) -> dict[str, Any]:
    """The lineage as plain JSON values, valid under ``lineage-report.schema.json``."""
    return {
        "schema_version": "1.0",
        "exit_code": int(lineage.exit_code),
        "release": _release(lineage.release),
        "carried": [_carried(c) for c in lineage.carried],
        "problems": [
            {"kind": p.kind.value, "message": p.message, "remedy": p.remedy or None}
            for p in lineage.problems
        ],
        "unused": [_text(place) for place in lineage.unused],
    }


def _release(release: Ancestor) -> dict[str, Any]:
    return {
        "name": release.name,
        "version": release.version or None,
        "place": _text(release.place),
        "origin": release.origin,
        "license": release.license or None,
        "license_status": release.assessment.status.value,
        "manifest_sha256": release.manifest_sha256 or None,
        "weights_digests": list(release.weights_digests),
        "revision": release.revision or None,
        "signer": release.signer or None,
        "links": [_link(link) for link in release.links],
    }


def _link(link: Link) -> dict[str, Any]:
    tensors = link.tensors
    return {
        "name": link.name,
        "relation": link.relation or None,
        "field": link.pointer,
        "pins": [{"by": pin.value, "value": value} for pin, value in link.pins],
        "status": link.status.value,
        "proven_by": [pin.value for pin in link.proven_by],
        "detail": link.detail,
        "license": link.license or None,
        "tensors": None
        if tensors is None
        else {"total": tensors.total, "same": tensors.same, "shaped": tensors.shaped},
        "parent": None if link.parent is None else _release(link.parent),
    }


def _carried(carried: Carried) -> dict[str, Any]:
    return {
        "name": carried.name,
        "license": carried.license,
        "terms": list(carried.terms),
        "through": list(carried.through),
        "said_by": carried.whence,
        "by_outputs": carried.by_outputs,
        "field": carried.pointer,
    }


def _text(path: str) -> str:
    """A path as text that is valid UTF-8, whatever the file system holds."""
    return path.encode("utf-8", "backslashreplace").decode()
