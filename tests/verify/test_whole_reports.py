"""Whole reports of one release in every state, field by field: nothing is told less than it was.

Golden files (``UPDATE_GOLDEN=1`` writes them), of a release that has a bit of everything: digests
of tensors, a named root, an inventory in each root, checkpoints, and statements of others.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from everything import AUDITOR, POINTER, RELEASE, STRANGER, Everything, copy_of, make_everything
from everything_damaged import (
    cut_off_elsewhere,
    damaged,
    deep_and_added,
    directories_gone,
    ends_in_x,
    inventories_changed,
    inventories_gone,
    manifest_changed,
    manifest_elsewhere,
    nothing,
    signature_broken,
    signature_elsewhere,
    signature_gone,
    signature_inside,
    signature_is_a_directory,
    unsigned_description_changed,
    unsigned_elsewhere,
    weights_are_pointers,
)
from everything_forged import (
    checkpoints_claimed,
    claims_differ,
    index_too_large,
    last_checkpoint_gone,
    sha256_alone,
    tensors_exchanged,
    undescribed,
)
from everything_signed import (
    a_range_is_longer,
    by_blake2b,
    by_blake3,
    damaged_by_blake3,
    damaged_in_ranges,
    data_claimed,
    deep_and_signed,
    described,
    empty_file_added_in_ranges,
    empty_file_not_signed,
    grown_in_ranges,
    in_order,
    in_ranges,
    last_blake3_differs,
    last_digest_differs,
    listed_otherwise,
    manifest_longer_in_ranges,
    manifest_shorter_in_ranges,
    manifest_with,
    many_statements,
    more_is_signed,
    not_covered_and_signed,
    one_not_signed,
    other_manifest,
    reaching_checkpoint,
    reaching_directories,
    sha256_and_blake3,
    spoken_for,
    two_empty_files,
    unsigned_invalid,
    without_manifest,
)
from golden import assert_golden, plain, text_of, unreadable

from manifest.errors import UsageError

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    return make_everything(tmp_path_factory.mktemp("made"))


@pytest.fixture
def everything(made: Everything, tmp_path: Path) -> Everything:
    return copy_of(made, tmp_path)


AT = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
CASES: dict[str, tuple[Callable[[Everything], None], dict[str, Any]]] = {
    "good": (nothing, {}),
    "good-at-a-time": (nothing, {"at": AT}),
    "good-sha256": (nothing, {"digest": "sha256"}),
    "good-both": (nothing, {"digest": "both"}),
    "good-integrity": (nothing, {"keys": [], "integrity_only": True}),
    "good-nobody": (nothing, {"keys": []}),
    "good-no-roots": (nothing, {"roots": {}}),
    "good-strict": (nothing, {"strict": True}),
    "good-in-ranges": (in_ranges, {}),
    "good-blake3": (by_blake3, {}),
    "good-without-manifest": (without_manifest, {"ignore": ["logs/", "data/train"], "roots": {}}),
    "hidden-without-manifest": (without_manifest, {"roots": {}}),
    "spoken-for": (spoken_for, {}),
    "spoken-for-nobody": (spoken_for, {"keys": [], "integrity_only": True}),
    "damaged": (damaged, {}),
    "damaged-strict": (damaged, {"strict": True}),
    "damaged-both": (damaged, {"digest": "both"}),
    "damaged-integrity": (damaged, {"keys": [], "integrity_only": True}),
    "damaged-ignored": (damaged, {"ignore": ["added.bin", "linked", "pipe", "nothing"]}),
    "damaged-in-ranges": (damaged_in_ranges, {}),
    "damaged-blake3": (damaged_by_blake3, {}),
    "damaged-no-roots": (damaged, {"roots": {}}),
    "inventories-changed": (inventories_changed, {}),
    "inventories-gone": (inventories_gone, {}),
    "inventories-changed-part": (inventories_changed, {"components": ["tokenizer"]}),
    "inventories-changed-owned-part": (
        inventories_changed,
        {"only": ["data/train/*", "more:test/*"]},
    ),
    "inventories-gone-owned-part": (inventories_gone, {"only": ["data/train/*", "more:test/*"]}),
    "directories-of-inventories-gone": (directories_gone, {}),
    "one-root": (nothing, {"roots": {"store": "PLACE/store"}}),
    "other-root": (nothing, {"roots": {"more": "PLACE/more"}}),
    "nothing-of-a-part": (nothing, {"only": ["store:vocab.txt"], "roots": {}}),
    "nothing-of-an-owned-part": (nothing, {"components": ["evaluation-data"], "roots": {}}),
    "no-such-root": (nothing, {"roots": {"store": "PLACE/nothing"}}),
    "manifest-elsewhere": (manifest_elsewhere, {"manifest_path": "PLACE/there.json"}),
    "manifest-elsewhere-other": (
        manifest_elsewhere,
        {"manifest_path": "PLACE/release/release.yaml"},
    ),
    "manifest-elsewhere-and-here": (nothing, {"manifest_path": "PLACE/release/manifest.json"}),
    "manifest-elsewhere-gone": (nothing, {"manifest_path": "PLACE/nothing.json"}),
    "manifest-elsewhere-a-directory": (nothing, {"manifest_path": "PLACE/store"}),
    "manifest-elsewhere-a-pipe": (damaged, {"manifest_path": "PLACE/release/pipe"}),
    "manifest-elsewhere-not-signed": (
        without_manifest,
        {"manifest_path": "PLACE/release/release.yaml"},
    ),
    "manifest-elsewhere-unsigned": (
        unsigned_elsewhere,
        {"keys": [], "integrity_only": True, "manifest_path": "PLACE/there.json"},
    ),
    "signature-elsewhere": (signature_elsewhere, {"signature_path": "PLACE/there.sig"}),
    "signature-inside": (signature_inside, {"signature_path": "PLACE/release/deep/er/there.sig"}),
    "signature-elsewhere-gone": (nothing, {"signature_path": "PLACE/nothing.sig"}),
    "signature-elsewhere-a-directory": (nothing, {"signature_path": "PLACE/store"}),
    "signature-elsewhere-a-pipe": (damaged, {"signature_path": "PLACE/release/pipe"}),
    "signature-elsewhere-of-another": (
        spoken_for,
        {"signature_path": "PLACE/release/signatures/f stranger.sig"},
    ),
    "statements-of-others": (many_statements, {}),
    "weights-are-pointers": (weights_are_pointers, {"tensors": ["a", "c", "e"]}),
    "weights-are-pointers-and-unreadable": (
        weights_are_pointers,
        {"tensors": ["a", "c", "g"], "unreadable": ["m-2.safetensors"]},
    ),
    "manifest-shorter-in-ranges": (manifest_shorter_in_ranges, {}),
    "manifest-longer-in-ranges": (manifest_longer_in_ranges, {}),
    "empty-file-not-signed": (empty_file_not_signed, {}),
    "good-blake2b": (by_blake2b, {}),
    "empty-file-added-in-ranges": (empty_file_added_in_ranges, {}),
    "in-ranges-without-manifest-strict": (
        two_empty_files,
        {"roots": {}, "ignore": ["data/train", "a full file"], "strict": True},
    ),
    "sha256-alone": (sha256_alone, {}),
    "sha256-alone-tensors": (sha256_alone, {"tensors": ["a"]}),
    "sha256-alone-both": (sha256_alone, {"digest": "both"}),
    "ignores-what-ends-in-x": (ends_in_x, {"ignore": ["boX"]}),
    "sample-of-nothing": (without_manifest, {"roots": {}, "sample": 1}),
    "not-covered-and-signed": (
        not_covered_and_signed,
        {"roots": {}, "ignore": ["logs", "data/train"]},
    ),
    "grown-in-ranges": (grown_in_ranges, {}),
    "ignores-a-signed-file": (nothing, {"ignore": ["tokenizer/tokenizer.json"]}),
    "ignores-a-signed-directory": (deep_and_signed, {"ignore": ["a/b"]}),
    "ignores-a-directory": (deep_and_added, {"ignore": ["a/b", "x/y"]}),
    "ignores-another-directory": (deep_and_added, {"ignore": ["a/b/c", "x/y/z"]}),
    "good-blake3-both": (by_blake3, {"digest": "both"}),
    "checkpoint-reaches-into-an-inventory": (reaching_checkpoint, {"checkpoints": ["step2"]}),
    "checkpoint-beside-it": (reaching_checkpoint, {"checkpoints": ["step1"]}),
    "directory-reaches-into-an-inventory": (reaching_directories, {"checkpoints": ["data"]}),
    "checkpoint-beside-directories": (reaching_directories, {"checkpoints": ["step1"]}),
    "tensors-exchanged": (tensors_exchanged, {}),
    "tensors-exchanged-tensor": (tensors_exchanged, {"tensors": ["a"]}),
    "index-too-large": (index_too_large, {}),
    "checkpoints-claimed-no-root": (checkpoints_claimed, {"roots": {}}),
    "sha256-and-blake3": (sha256_and_blake3, {}),
    "undescribed": (undescribed, {}),
    "part-of-an-inventory-elsewhere": (nothing, {"only": ["more:test/0.txt"], "roots": {}}),
    "tensors-cut-off-elsewhere": (cut_off_elsewhere, {"tensors": ["e"]}),
    "data-claimed": (data_claimed, {}),
    "data-claimed-no-root": (data_claimed, {"roots": {}}),
    "data-of-chunks": (
        described(
            ('index: "store:index.csv"', 'chunks: "store:chunks.csv"'),
            **{"store:chunks.csv": "file,checkpoint\nd0,step1\nd1,step2\n"},
        ),
        {"roots": {}},
    ),
    "directories-beside-inventories": (
        described(('index: "store:index.csv"', "directories: [run*/]"), **{"run1/w.bin": "x"}),
        {"checkpoints": ["run1"]},
    ),
    "directories-and-inventories": (
        described(
            ('index: "store:index.csv"', "directories: [da*/, run*/]"),
            **{"data/w.bin": "x", "run1/w.bin": "x"},
        ),
        {"checkpoints": ["data"]},
    ),
    "directories-two-deep": (
        described(
            ('index: "store:index.csv"', "directories: [data/tr*/]"), **{"data/tr-x/w.bin": "x"}
        ),
        {"checkpoints": ["tr-x"]},
    ),
    "directories-in-a-root": (
        described(
            ('index: "store:index.csv"', 'directories: ["more:te*/"]'),
            ("tokenizer/, ", 'tokenizer/, "more:tex/", '),
            **{"more:tex/w.bin": "x"},
        ),
        {"checkpoints": ["tex"]},
    ),
    "manifest-changed": (manifest_changed, {}),
    "manifest-changed-part": (manifest_changed, {"only": ["*.gguf"]}),
    "manifest-changed-component": (manifest_changed, {"components": ["tokenizer"]}),
    "manifest-gone": (lambda one: (one.path / "manifest.json").unlink(), {}),
    "description-changed": (lambda one: one.put("release.yaml", RELEASE.encode() + b"#"), {}),
    "description-changed-part": (
        lambda one: one.put("release.yaml", RELEASE.encode() + b"#"),
        {"only": ["*.gguf"]},
    ),
    "description-is-a-pointer-part": (
        lambda one: one.put("release.yaml", POINTER % (b"0" * 64, 2)),
        {"only": ["*.gguf"]},
    ),
    "claims-differ": (claims_differ, {}),
    "listed-otherwise": (listed_otherwise, {}),
    "part-only": (nothing, {"only": ["*.gguf", "store:vocab.txt"]}),
    "part-component": (damaged, {"components": ["tokenizer", "datasets"]}),
    "part-checkpoints": (damaged, {"checkpoints": ["step1", "step2"]}),
    "part-checkpoint-no-root": (nothing, {"checkpoints": ["step1"], "roots": {}}),
    "part-two-without-root": (nothing, {"components": ["tokenizer"], "roots": {}}),
    "part-in-an-inventory": (damaged, {"only": ["data/train/00?.txt"]}),
    "part-in-another-root": (damaged, {"only": ["more:test/*"]}),
    "part-mixed": (
        damaged,
        {"only": ["notes.txt"], "components": ["evaluation-data"], "checkpoints": ["step2"]},
    ),
    "part-misses": (nothing, {"only": ["*.onnx"]}),
    "tensors": (nothing, {"tensors": ["a", "e", "g"]}),
    "tensors-damaged": (damaged, {"tensors": ["a", "c", "d", "e", "g"]}),
    "tensors-of-a-part": (damaged, {"tensors": ["c", "d"], "only": ["m-2*"]}),
    "tensors-none": (nothing, {"tensors": ["zz"], "only": ["m-2*"]}),
    "tensors-nowhere": (nothing, {"tensors": ["zz"]}),
    "tensors-no-root": (nothing, {"tensors": ["a", "e"], "roots": {}}),
    "sample": (nothing, {"sample": 100}),
    "other-key": (nothing, {"keys": [STRANGER.public]}),
    "other-keys": (nothing, {"keys": [STRANGER.public, AUDITOR.public]}),
    "other-version": (nothing, {"expect_version": "1.3"}),
    "unknown-root": (nothing, {"roots": {"shop": "."}}),
    "signature-gone": (signature_gone, {}),
    "signature-broken": (signature_broken, {}),
    "signature-is-a-directory": (signature_is_a_directory, {"keys": [], "integrity_only": True}),
    "unreadable": (nothing, {"unreadable": ["m-1.safetensors", "vocab.txt", "005.txt"]}),
    "unreadable-strict-part": (
        damaged,
        {"unreadable": ["m-1.safetensors", "005.txt"], "components": ["tokenizer", "datasets"]},
    ),
    "unreadable-damaged": (damaged, {"unreadable": ["m-2.safetensors", "moved.txt", "added.txt"]}),
    "unreadable-in-ranges": (in_ranges, {"unreadable": ["m-1.safetensors"]}),
    "unreadable-second-time": (
        in_ranges,
        {"unreadable": ["m-1.safetensors"], "after": 1, "digest": "blake3"},
    ),
    "unreadable-directory": (nothing, {"unreadable": ["tokenizer", "step1"]}),
    "unreadable-directory-part": (
        nothing,
        {"unreadable": ["tokenizer", "step1"], "components": ["datasets"]},
    ),
    "unreadable-directory-ignored": (
        lambda one: one.put("logs/1.txt", b"x"),
        {"unreadable": ["logs"], "ignore": ["logs"]},
    ),
    "unreadable-directory-of-an-inventory": (nothing, {"unreadable": ["train"]}),
    "unreadable-tensors": (
        nothing,
        {"unreadable": ["m-1.safetensors", "m.gguf"], "tensors": ["a", "c", "g"]},
    ),
    "unreadable-description": (nothing, {"unreadable": ["release.yaml"]}),
    "unreadable-manifest": (nothing, {"unreadable": ["manifest.json"]}),
    "unreadable-signature": (nothing, {"unreadable": ["model.sig"]}),
    "good-in-small-ranges": (lambda one: in_ranges(one, 1), {}),
    "good-in-large-ranges": (lambda one: in_ranges(one, 10**6), {"digest": "both"}),
    "in-ranges-without-manifest": (two_empty_files, {"roots": {}, "ignore": ["data/train"]}),
    "one-not-signed": (one_not_signed, {}),
    "one-more-signed": (lambda one: more_is_signed(one, "x"), {}),
    "three-more-signed": (lambda one: more_is_signed(one, "x", "y", "z"), {}),
    "last-digest-differs": (last_digest_differs, {}),
    "last-blake3-differs": (last_blake3_differs, {}),
    "a-range-is-longer": (a_range_is_longer, {}),
    "manifest-of-a-web-application": (
        lambda one: other_manifest(one, b'{"name": "x"}'),
        {"roots": {}, "ignore": ["data/train"]},
    ),
    "manifest-is-no-json": (lambda one: other_manifest(one, b"{"), {}),
    "manifest-is-not-valid": (lambda one: manifest_with(one, "name", 7), {}),
    "manifest-is-not-valid-unsigned": (unsigned_invalid, {"keys": [], "integrity_only": True}),
    "manifest-of-another-major": (lambda one: manifest_with(one, "schema_version", "7.0"), {}),
    "checkpoints-claimed": (checkpoints_claimed, {}),
    "checkpoints-claimed-fewer": (lambda one: checkpoints_claimed(one, drop=True), {}),
    "checkpoint-left-out": (last_checkpoint_gone, {}),
    "in-order": (in_order, {}),
    "in-order-strict": (in_order, {"strict": True}),
    "unsigned-description-changed": (
        unsigned_description_changed,
        {"keys": [], "integrity_only": True},
    ),
    "ignores-below-an-inventory": (nothing, {"ignore": ["data/train/x"]}),
    "ignores-above-an-inventory": (
        lambda one: (one.path / "data/train.jsonl").unlink(),
        {"ignore": ["data"]},
    ),
    "sample-of-none": (nothing, {"sample": 0}),
    "sample-of-one": (nothing, {"sample": 1, "ignore": []}),
    "sample-and-part": (nothing, {"sample": 1, "only": ["*.gguf"]}),
    "sample-and-tensors": (nothing, {"sample": 1, "tensors": ["a"]}),
    "sample-without-root": (nothing, {"sample": 100, "roots": {}}),
    "strict-tensors": (nothing, {"strict": True, "tensors": ["a"]}),
    "sha256-tensors": (nothing, {"digest": "sha256", "tensors": ["a"]}),
    "integrity-and-key": (nothing, {"integrity_only": True}),
    "no-such-component": (nothing, {"components": ["weights of another"]}),
    "no-such-checkpoint": (nothing, {"checkpoints": ["step7"]}),
    "checkpoint-elsewhere": (nothing, {"checkpoints": ["step10"]}),
    "unknown-digest": (nothing, {"digest": "md5"}),
    "blake3-without-manifest": (
        without_manifest,
        {"digest": "blake3", "ignore": ["logs"], "roots": {}},
    ),
    "ignores-what-is-signed": (nothing, {"ignore": ["tokenizer"]}),
    "ignores-what-an-inventory-owns": (nothing, {"ignore": ["data"]}),
}


def placed(value: Any, place: Path) -> Any:
    if isinstance(value, dict):
        return {name: placed(each, place) for name, each in value.items()}
    return value.replace("PLACE", str(place)) if isinstance(value, str) else value


def report_of(one: Everything, name: str, place: Path) -> dict[str, Any]:
    prepare, options = CASES[name]
    prepare(one)
    options = {key: placed(value, place) for key, value in options.items()}
    asked = {k: v for k, v in options.items() if k not in {"unreadable", "after"}}
    try:
        with unreadable(options.get("unreadable", ()), options.get("after", 0)):
            report = one.check(**asked)
    except UsageError as error:
        return {"usage": error.message, "remedy": error.remedy}
    return {"exit_code": report.exit_code.name, "ok": report.ok, **plain(report)}


@pytest.mark.parametrize("name", CASES)
def test_a_whole_report(everything: Everything, name: str, tmp_path: Path) -> None:
    assert_golden(report_of(everything, name, tmp_path), GOLDEN / f"{name}.json", tmp_path)


@pytest.mark.parametrize(
    "name",
    ["good", "damaged", "damaged-both", "part-in-an-inventory", "unreadable-damaged", "sample"],
)
def test_an_inventory_is_compared_in_any_number_of_stretches(
    everything: Everything, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest.inventory.in_step.BATCH", 2)
    golden = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    found = json.loads(text_of(report_of(everything, name, tmp_path), tmp_path))
    for one in (golden, found):
        for field in ("problems", "undecided"):
            one.get(field, []).sort(key=lambda each: (each["path"], each.get("kind", "")))
        for problem in one.get("problems", []):
            if problem["kind"] == "added":  # a stretch that lists nothing has no digest of its own
                problem.pop("found_digest", None)
                problem.pop("algorithm")
    assert found == golden


def test_what_is_not_named_is_counted(
    everything: Everything, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest.verify.inventories.MAX_NAMED", 3)
    assert_golden(report_of(everything, "damaged", tmp_path), GOLDEN / FEW, tmp_path)


def test_every_golden_file_is_of_a_case() -> None:
    assert {file.name for file in GOLDEN.iterdir()} == {FEW, *(f"{name}.json" for name in CASES)}


FEW = "few-are-named.json"
