"""What changed between two releases: each kind of change, and nothing that did not change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from amber import write_amber
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from weights import RELEASE, T, release, safetensors

import manifest
from manifest.build import build, write_manifest
from manifest.cli import cli
from manifest.compare import Change, DiffReport, WeightsRelation, compare_sides, open_side
from manifest.document.schema import violations
from manifest.errors import ExitCode, UsageError
from manifest.render.diff_json import diff_plain
from manifest.render.diff_text import render_diff

A, B, C = T("a", b"1234", "F32", (1,)), T("b", b"56"), T("c", b"789")
ONE, TWO = "m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"
BASE = {"m.safetensors": safetensors(A, B, C), "config.json": b"{}", "README.md": b"# x\n"}
TEXT = RELEASE.replace("FILES", "'**/*.safetensors'")


def diff(
    tmp_path: Path, before: dict[str, bytes], after: dict[str, bytes], text: str = TEXT
) -> DiffReport:
    release(tmp_path / "before", before, TEXT)
    release(tmp_path / "after", after, text)
    report = manifest.diff_releases(tmp_path / "before", tmp_path / "after")
    assert not violations(diff_plain(report), "diff-report")
    assert render_diff(report).endswith("\n")
    return report


def files_of(report: DiffReport) -> list[tuple[str, str, str]]:
    return [(f.kind.value, f.path, f.new_path) for f in report.files]


def test_the_same_release_does_not_differ(tmp_path: Path) -> None:
    report = diff(tmp_path, BASE, BASE)
    assert report.is_same
    assert report.exit_code is ExitCode.OK
    assert (report.files_same, report.weights_same) == (4, 1)
    assert "SAME" in render_diff(report)


def test_each_kind_of_change_of_a_file(tmp_path: Path) -> None:
    after = {**BASE, "config.json": b"{ }", "CARD.md": BASE["README.md"], "new": b"n"}
    del after["README.md"]
    report = diff(tmp_path, {**BASE, "old": b"o"}, after)
    assert files_of(report) == [
        ("renamed", "README.md", "CARD.md"),
        ("changed", "config.json", ""),
        ("added", "new", ""),
        ("removed", "old", ""),
    ]
    assert report.weights == ()
    assert report.exit_code is ExitCode.FINDINGS


def test_empty_files_are_not_taken_for_renamed_ones(tmp_path: Path) -> None:
    report = diff(tmp_path, {**BASE, "a": b""}, {**BASE, "b": b""})
    assert files_of(report) == [("removed", "a", ""), ("added", "b", "")]


def relations(report: DiffReport) -> list[WeightsRelation]:
    return [w.relation for w in report.weights]


def with_weights(**files: bytes) -> dict[str, bytes]:
    rest = {k: v for k, v in BASE.items() if not k.endswith(".safetensors")}
    return {**rest, **files}


@pytest.mark.parametrize(
    ("weights", "relation"),
    [
        pytest.param(
            {ONE: safetensors(C), TWO: safetensors(A, B)}, WeightsRelation.RESHARDED, id="resharded"
        ),
        pytest.param(
            {"w.safetensors": BASE["m.safetensors"]}, WeightsRelation.RENAMED, id="renamed"
        ),
        pytest.param(
            {"m.safetensors": safetensors(C, B, A)}, WeightsRelation.REWRITTEN, id="reordered"
        ),
        pytest.param(
            {"m.safetensors": safetensors(A, B, C, metadata={"x": "y"})},
            WeightsRelation.REWRITTEN,
            id="another-header",
        ),
    ],
)
def test_the_same_weights_are_recognised(
    tmp_path: Path, weights: dict[str, bytes], relation: WeightsRelation
) -> None:
    report = diff(tmp_path, BASE, with_weights(**weights))
    assert relations(report) == [relation]
    (change,) = report.weights
    assert change.relation.is_same
    assert change.digest_before == change.digest_after
    assert change.tensors == ()
    assert report.weights_same == 1
    assert "the same weights" in render_diff(report)


def test_each_kind_of_change_of_a_tensor(tmp_path: Path) -> None:
    changed = safetensors(T("a", b"1239", "F32", (1,)), T("bb", b"56"), T("d", b"new"))
    report = diff(tmp_path, BASE, with_weights(**{"m.safetensors": changed}))
    (change,) = report.weights
    assert change.relation is WeightsRelation.CHANGED
    assert [(t.kind, t.name, t.new_name) for t in change.tensors] == [
        (Change.CHANGED, "a", ""),
        (Change.RENAMED, "b", "bb"),
        (Change.REMOVED, "c", ""),
        (Change.ADDED, "d", ""),
    ]
    assert change.tensors_same == 0


def test_another_dtype_or_shape_is_another_tensor(tmp_path: Path) -> None:
    changed = safetensors(T("a", b"1234", "I32", (1,)), T("b", b"56", "U8", (2, 1)), C)
    (change,) = diff(tmp_path, BASE, with_weights(**{"m.safetensors": changed})).weights
    assert [(t.name, t.dtype_before, t.dtype_after, t.shape_after) for t in change.tensors] == [
        ("a", "F32", "I32", (1,)),
        ("b", "U8", "U8", (2, 1)),
    ]
    assert change.tensors_same == 1


def test_resharded_and_changed_are_versions_of_one_model(tmp_path: Path) -> None:
    after = with_weights(**{ONE: safetensors(A, B), TWO: safetensors(T("c", b"78!"))})
    (change,) = diff(tmp_path, BASE, after).weights
    assert change.relation is WeightsRelation.CHANGED
    assert [t.name for t in change.tensors] == ["c"]
    assert change.tensors_same == 2


def test_another_model_is_not_a_version(tmp_path: Path) -> None:
    after = with_weights(**{"x.safetensors": safetensors(T("q", b"q"))})
    assert sorted(relations(diff(tmp_path, BASE, after))) == ["added", "removed"]


def test_of_two_copies_each_stays_with_its_own(tmp_path: Path) -> None:
    both = {**BASE, "copy.safetensors": BASE["m.safetensors"]}
    assert diff(tmp_path / "1", both, both).is_same
    report = diff(tmp_path / "2", both, BASE)
    assert [(w.relation, w.files_before) for w in report.weights] == [
        (WeightsRelation.REMOVED, ("copy.safetensors",))
    ]


@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_no_resharding_is_taken_for_other_weights(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    order = data.draw(st.permutations((A, B, C)))
    cut = data.draw(st.integers(1, 2))
    after = with_weights(**{ONE: safetensors(*order[:cut]), TWO: safetensors(*order[cut:])})
    report = diff(tmp_path_factory.mktemp("d"), BASE, after)
    assert relations(report) == [WeightsRelation.RESHARDED]


def test_claims_and_licenses_are_told_apart(tmp_path: Path) -> None:
    text = TEXT.replace('version: "1"', 'version: "2"').replace("apache-2.0", "mit")
    text += "claim: open-weight\nlicense: mit\n"
    report = diff(tmp_path, BASE, BASE, text)
    assert [(c.field, c.before, c.after) for c in report.licenses] == [
        ("release.license", None, "mit"),
        ("components.model-parameters-final.license", "apache-2.0", "mit"),
    ]
    assert [(c.field, c.before, c.after) for c in report.claims] == [
        ("release.claim", None, "open-weight"),
        ("release.version", "1", "2"),
    ]
    (component,) = report.components
    assert (component.kind, component.files_differ) == (Change.CHANGED, False)


def test_components_that_come_and_go(tmp_path: Path) -> None:
    text = TEXT + "  model-card:\n    files: [README.md]\n"
    report = diff(tmp_path, BASE, BASE, text)
    assert [(c.kind, c.id, c.files_before, c.files_after) for c in report.components] == [
        (Change.ADDED, "model-card", None, 1)
    ]


CHECKPOINTS = """\
  model-parameters-intermediate:
    files: ["step*/**"]
checkpoints:
  entries:
    - {name: early, step: 1, files: ["step1/**"]}
    - {name: late, step: 2, files: ["step2/**"]}
"""


def test_two_checkpoints_of_one_release(tmp_path: Path) -> None:
    files = {
        "m.safetensors": safetensors(A),
        "step1/m.safetensors": safetensors(A, B),
        "step1/config.json": b"{}",
        "step2/m.safetensors": safetensors(A, T("b", b"57")),
        "step2/config.json": b"{}",
    }
    release(tmp_path / "r", files, RELEASE.replace("FILES", "m.safetensors") + CHECKPOINTS)
    early, late = (open_side(f"{tmp_path / 'r'}#{name}") for name in ("early", "late"))
    report = compare_sides(early, late)
    assert files_of(report) == [("changed", "m.safetensors", "")]
    (change,) = report.weights
    assert [t.name for t in change.tensors] == ["b"]
    assert report.files_same == 1
    assert report.components == ()


def test_a_component_by_its_short_name(tmp_path: Path) -> None:
    release(tmp_path / "a", BASE, TEXT)
    release(tmp_path / "b", {**BASE, "config.json": b"[]"}, TEXT)
    sides = [tmp_path / "a", tmp_path / "b"]
    assert not manifest.diff_releases(*sides).is_same
    assert manifest.diff_releases(*sides, component="weights").is_same
    with pytest.raises(UsageError, match="no component or checkpoint"):
        manifest.diff_releases(*sides, component="nope")


def test_a_directory_without_a_manifest_is_hashed(tmp_path: Path) -> None:
    release(tmp_path / "a", BASE, TEXT)
    release(tmp_path / "b", BASE, TEXT)
    (tmp_path / "b" / "manifest.json").unlink()
    report = manifest.diff_releases(tmp_path / "a" / "manifest.json", tmp_path / "b")
    assert report.is_same
    assert (report.before.built, report.after.built) == (False, True)


def test_the_command(tmp_path: Path) -> None:
    release(tmp_path / "a", BASE, TEXT)
    after = with_weights(**{ONE: safetensors(A), TWO: safetensors(B, C)})
    release(tmp_path / "b#1", after, TEXT)
    a, b = str(tmp_path / "a"), str(tmp_path / "b#1")
    runner = CliRunner()
    same = runner.invoke(cli, ["diff", a, a, "--quiet"])
    assert (same.exit_code, same.output) == (0, "")
    text = runner.invoke(cli, ["diff", a, b])
    assert text.exit_code == 1
    assert "the same weights, split over other files" in text.output
    plain = runner.invoke(cli, ["diff", a, b, "--format", "json"])
    assert plain.exit_code == 1
    assert json.loads(plain.stdout)["weights"][0]["relation"] == "resharded"
    missing = runner.invoke(cli, ["diff", a, str(tmp_path / "nope")])
    assert missing.exit_code == 2


def test_names_are_shown_without_their_control_characters(tmp_path: Path) -> None:
    text = TEXT.replace("acme/tensors", '"acme/\\u202Etensors"')
    report = diff(tmp_path, BASE, BASE, text)
    assert "\u202e" not in render_diff(report)


def test_checkpoints_that_directories_name_can_be_compared(tmp_path: Path) -> None:
    write_amber(tmp_path, count=3)
    write_manifest(tmp_path, build(tmp_path))
    sides = [open_side(f"{tmp_path}#{name}") for name in ("ckpt_000", "ckpt_001")]
    assert files_of(compare_sides(*sides)) == [("changed", "model.safetensors", "")]
    with pytest.raises(UsageError, match="no component or checkpoint"):
        open_side(f"{tmp_path}#ckpt_999")
