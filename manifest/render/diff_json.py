"""A comparison as JSON for machines (``diff-report.schema.json``)."""

from __future__ import annotations

from typing import Any

from manifest.compare import (
    ComponentChange,
    DiffReport,
    FieldChange,
    FileChange,
    SideInfo,
    TensorChange,
    WeightsChange,
)

__all__ = ["diff_plain"]


def diff_plain(report: DiffReport) -> dict[str, Any]:
    """The report as plain JSON values, valid under ``diff-report.schema.json``."""
    return {
        "schema_version": "1.0",
        "result": "same" if report.is_same else "different",
        "exit_code": int(report.exit_code),
        "before": _side(report.before),
        "after": _side(report.after),
        "files_same": report.files_same,
        "weights_same": report.weights_same,
        "licenses": [_field(c) for c in report.licenses],
        "claims": [_field(c) for c in report.claims],
        "components": [_component(c) for c in report.components],
        "files": [_file(c) for c in report.files],
        "weights": [_weights(c) for c in report.weights],
    }


def _side(side: SideInfo) -> dict[str, Any]:
    return {
        "target": side.target.encode("utf-8", "backslashreplace").decode(),
        "name": side.name,
        "version": side.version,
        "root_digest": side.root_digest,
        "selection": side.selection or None,
        "built": side.built,
    }


def _field(change: FieldChange) -> dict[str, Any]:
    return {"field": change.field, "before": change.before, "after": change.after}


def _component(change: ComponentChange) -> dict[str, Any]:
    return {
        "change": change.kind.value,
        "id": change.id,
        "files_before": change.files_before,
        "files_after": change.files_after,
        "files_differ": change.files_differ,
        "fields": [_field(f) for f in change.fields],
    }


def _file(change: FileChange) -> dict[str, Any]:
    return {
        "change": change.kind.value,
        "path": change.path,
        "new_path": change.new_path or None,
        "before": _content(change.sha256_before, change.size_before),
        "after": _content(change.sha256_after, change.size_after),
    }


def _content(sha256: str, size: int | None) -> dict[str, Any] | None:
    return None if size is None else {"sha256": sha256, "size": size}


def _weights(change: WeightsChange) -> dict[str, Any]:
    return {
        "relation": change.relation.value,
        "same_weights": change.relation.is_same,
        "before": _model(change.files_before, change.digest_before),
        "after": _model(change.files_after, change.digest_after),
        "tensors_same": change.tensors_same,
        "tensors": [_tensor(t) for t in change.tensors],
    }


def _model(files: tuple[str, ...], digest: str) -> dict[str, Any] | None:
    return {"weights_digest": digest, "files": list(files)} if files else None


def _tensor(change: TensorChange) -> dict[str, Any]:
    return {
        "change": change.kind.value,
        "name": change.name,
        "new_name": change.new_name or None,
        "before": _type(change.dtype_before, change.shape_before),
        "after": _type(change.dtype_after, change.shape_after),
    }


def _type(dtype: str, shape: tuple[int, ...] | None) -> dict[str, Any] | None:
    return None if shape is None else {"dtype": dtype, "shape": list(shape)}
