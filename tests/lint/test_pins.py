"""What references count for when they were looked up."""

from __future__ import annotations

from pathlib import Path

import pytest
from lint_releases import HEAD, write

from manifest.document.references import Reference
from manifest.lint import LintReport, Release, State, lint, load_release
from manifest.render.lint_text import render_lint
from manifest.sources.pins import Resolution, ResolutionStatus

A, B = "a" * 40, "b" * 40
CODE = f"""license: Apache-2.0
base_models:
  - name: acme/robin
    reference: {{type: huggingface, repo: acme/robin, revision: {B}}}
components:
  training-code:
    references:
      - {{type: git, url: https://code.example/x.git, commit: {A}}}
      - {{type: doi, doi: 10.1000/182}}
  model-architecture:
    references:
      - {{type: git, url: https://code.example/x.git, commit: {A}, path: model.py}}
"""


def judged(
    root: Path, statuses: dict[str, str], *, accept_pinned: bool = False
) -> tuple[Release, LintReport]:
    """A release whose references at a target are found so; others cannot be told."""
    asked: list[Reference] = []

    def resolve(reference: Reference) -> Resolution:
        assert reference not in asked
        asked.append(reference)
        return Resolution(ResolutionStatus(statuses.get(reference.target, "could-not-tell")), "so")

    directory = write(root, {"release.yaml": HEAD + CODE})
    release = load_release(directory, resolve=resolve, accept_pinned=accept_pinned)
    assert len(asked) == 3
    return release, lint(release)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("resolved", State.EVIDENCED),
        ("could-not-tell", State.PINNED),
        ("gone", State.DECLARED),
        ("moved", State.DECLARED),
    ],
)
def test_state_follows_the_resolution(tmp_path: Path, status: str, state: State) -> None:
    release, report = judged(tmp_path, {"https://code.example/x.git": status})
    assert {c.state for c in release.components} == {state}
    found = [f for f in report.findings if f.code == "PRV003"]
    assert len(found) == (2 if state is State.DECLARED else 0)
    assert {f.component for f in found} <= {"training-code", "model-architecture"}
    missing = {"COD001", "COD005"} & {f.code for f in report.findings}
    assert bool(missing) == (state is not State.EVIDENCED)


def test_gone_reference_is_not_accepted_on_trust(tmp_path: Path) -> None:
    release, report = judged(tmp_path, {"https://code.example/x.git": "gone"}, accept_pinned=True)
    assert not release.holds("training-code")
    assert report.pinned_accepted == 0


def test_finding_points_at_the_reference(tmp_path: Path) -> None:
    _, report = judged(tmp_path, {"acme/robin": "moved"})
    (finding,) = [f for f in report.findings if f.code == "PRV003"]
    assert finding.location is not None
    assert finding.location.pointer == "base_models[0].reference"
    assert finding.location.line == 8
    assert report.exit_code == 1


def test_text_says_where_the_evidence_lies(tmp_path: Path) -> None:
    _, report = judged(tmp_path, {"https://code.example/x.git": "resolved"})
    text = render_lint(report, width=200)
    assert "Apache-2.0, git:https://code.example/x.git@aaaa" in text
    assert "0 files" not in text


def test_nothing_is_looked_up_unasked(tmp_path: Path) -> None:
    directory = write(tmp_path, {"release.yaml": HEAD + CODE})
    assert {c.state for c in load_release(directory).components} == {State.PINNED}
