"""The table of the EU AI Act: what the files show, and what they cannot show."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from lint_releases import OPEN_FILES, write

from manifest.cli import cli
from manifest.document.schema import schema_text
from manifest.lint import load_release
from manifest.lint.frameworks.eu import EuRow, EuStatus, EuTable, eu_table

SUMMARY = "# Training content\n\n" + "The data comes from garden notes of three authors. " * 10
FREE = "monetized: false\n"


def table(root: Path, extra: str = "", /, **files: str) -> EuTable:
    """The table of the open release, with more in its description or other files."""
    head, middle, tail = OPEN_FILES["release.yaml"].partition("training:\n")
    for line in filter(None, extra.split("\n")):
        if line.startswith("  data."):
            head = head.replace("data:\n", f"data:\n  {line.removeprefix('  data.')}\n", 1)
        elif line.startswith("  training."):
            middle += f"  {line.removeprefix('  training.')}\n"
        else:
            head = head.replace("components:", f"{line}\ncomponents:", 1)
    described = {"release.yaml": head + middle + tail}
    renamed = {name.replace("__", "."): text for name, text in files.items()}
    return eu_table(load_release(write(root, {**OPEN_FILES, **described, **renamed})))


def row(rows: tuple[EuRow, ...], words: str) -> EuRow:
    (found,) = (r for r in rows if words in f"{r.subject} {r.basis}")
    return found


def duties(found: EuTable) -> dict[str, EuStatus]:
    return {r.basis: r.status for r in found.duties}


A, B, C, D, REPRESENTATIVE = (
    *(f"Art. 53(1)({letter})" for letter in "abcd"),
    "Art. 54",
)


def test_exempt_and_below_every_threshold(tmp_path: Path) -> None:
    found = table(tmp_path, FREE + "  training.compute_flops: 1e21")
    assert {r.status for r in found.conditions} == {EuStatus.MET}
    assert duties(found) == {
        A: EuStatus.WAIVED,
        B: EuStatus.WAIVED,
        C: EuStatus.UNDECIDED,
        D: EuStatus.MISSING,
        REPRESENTATIVE: EuStatus.WAIVED,
    }


@pytest.mark.parametrize(
    ("extra", "waived"),
    [
        pytest.param(
            "  training.compute_flops: 1e21", EuStatus.UNDECIDED, id="monetisation-unsaid"
        ),
        pytest.param(FREE, EuStatus.UNDECIDED, id="compute-unsaid"),
        pytest.param(
            "monetized: true\n  training.compute_flops: 1e21", EuStatus.DUE, id="monetized"
        ),
        pytest.param(FREE + "  training.compute_flops: 1.1e25", EuStatus.DUE, id="systemic-risk"),
        pytest.param(
            FREE + "  training.compute_flops: 1e25", EuStatus.WAIVED, id="at-the-threshold"
        ),
    ],
)
def test_exemption_needs_every_condition(tmp_path: Path, extra: str, waived: EuStatus) -> None:
    found = duties(table(tmp_path, extra))
    assert found[A] is found[B] is waived
    # Where a provider is established stands in no file.
    wanted = EuStatus.WAIVED if waived is EuStatus.WAIVED else EuStatus.UNDECIDED
    assert found[REPRESENTATIVE] is wanted


@pytest.mark.parametrize(
    ("license_", "lost", "kept"),
    [
        ("cc-by-nc-4.0", "use", "modification"),
        ("cc-by-nd-4.0", "modification", "use"),
        ("llama3.1", "use", "access"),
    ],
)
def test_the_clause_that_takes_a_freedom_is_named(
    tmp_path: Path, license_: str, lost: str, kept: str
) -> None:
    text = OPEN_FILES["release.yaml"].replace(
        "{files: [model.safetensors]}", f"{{files: [model.safetensors], license: {license_}}}"
    )
    found = table(tmp_path, release__yaml=text)
    assert row(found.conditions, f"free {lost}").status is EuStatus.NOT_MET
    assert license_ in row(found.conditions, f"free {lost}").detail
    # No clause is known that takes it: that is less than a grant.
    assert row(found.conditions, f"free {kept}").status is EuStatus.UNDECIDED
    assert EuStatus.WAIVED not in duties(found).values()


def test_estimate_is_labelled_and_counts_active_parameters(tmp_path: Path) -> None:
    text = OPEN_FILES["release.yaml"].replace(
        "{tasks: [text-generation]}", "{parameters: 9000000000, active_parameters: 1000000000}"
    )
    text = text.replace("data:\n  sources", "data:\n  total_tokens: 2000000000\n  sources")
    compute = table(tmp_path, release__yaml=text).compute
    assert compute is not None
    assert compute.flop == 6 * 1e9 * 2e9
    assert "estimated as 6 x 1,000,000,000 parameters (model.active_parameters)" in compute.detail
    assert "2,000,000,000 tokens" in compute.detail


def test_parameters_are_counted_in_the_weights(tmp_path: Path) -> None:
    found = table(tmp_path, "  data.total_tokens: 1000")
    assert found.compute is not None
    assert found.compute.flop == 6 * 6 * 1000
    assert "counted in the weights" in found.compute.detail


@pytest.mark.parametrize(
    ("tokens", "general", "systemic"),
    [
        (10**15, EuStatus.BELOW, EuStatus.BELOW),
        (10**16, EuStatus.UNDECIDED, EuStatus.BELOW),
        (10**17, EuStatus.ABOVE, EuStatus.BELOW),
        (999_999_999_999_999_999, EuStatus.ABOVE, EuStatus.UNDECIDED),
    ],
)
def test_an_estimate_near_a_threshold_does_not_tell(
    tmp_path: Path, tokens: int, general: EuStatus, systemic: EuStatus
) -> None:
    text = (
        OPEN_FILES["release.yaml"]
        .replace("{tasks: [text-generation]}", "{parameters: 1500000}")
        .replace("data:\n  sources", f"data:\n  total_tokens: {tokens}\n  sources")
    )
    found = table(tmp_path, release__yaml=text)
    assert row(found.thresholds, "1e23").status is general
    assert row(found.thresholds, "1e25").status is systemic


@pytest.mark.parametrize(
    ("bases", "compute", "modifier", "systemic"),
    [
        pytest.param("[]", "3e22", EuStatus.NOT_APPLICABLE, EuStatus.BELOW, id="none"),
        pytest.param("[{name: a/b}]", "3e22", EuStatus.UNDECIDED, EuStatus.UNDECIDED, id="unsaid"),
        pytest.param("[{name: a/b}]", "3e25", EuStatus.UNDECIDED, EuStatus.ABOVE, id="alone-above"),
        pytest.param(
            "[{name: a/b, compute_flops: 9e22}]",
            "3e22",
            EuStatus.BELOW,
            EuStatus.BELOW,
            id="a-third",
        ),
        pytest.param(
            "[{name: a/b, compute_flops: 8e22}]", "3e22", EuStatus.ABOVE, EuStatus.BELOW, id="more"
        ),
        pytest.param(
            "[{name: a/b, compute_flops: 9.99e24}]",
            "2e22",
            EuStatus.BELOW,
            EuStatus.ABOVE,
            id="sum",
        ),
    ],
)
def test_modifiers(
    tmp_path: Path, bases: str, compute: str, modifier: EuStatus, systemic: EuStatus
) -> None:
    found = table(tmp_path, f"base_models: {bases}\n  training.compute_flops: {compute}")
    assert row(found.thresholds, "third").status is modifier
    assert row(found.thresholds, "1e25").status is systemic


@pytest.mark.parametrize(
    ("field", "files", "status"),
    [
        pytest.param("{file: SUMMARY.md}", {"SUMMARY__md": SUMMARY}, EuStatus.DUE, id="there"),
        pytest.param("{file: SUMMARY.md}", {}, EuStatus.MISSING, id="named-and-not-there"),
        pytest.param("{file: SUMMARY.md}", {"SUMMARY__md": ""}, EuStatus.MISSING, id="empty"),
        pytest.param(
            "{file: SUMMARY.md}", {"SUMMARY__md": "# Later\n"}, EuStatus.MISSING, id="a-title"
        ),
        pytest.param(
            "{file: SUMMARY.pdf}", {"SUMMARY__pdf": "%PDF-"}, EuStatus.MISSING, id="pdf-of-nothing"
        ),
        pytest.param(
            "{reference: {type: url, url: 'https://a.example/s'}}",
            {},
            EuStatus.UNDECIDED,
            id="link",
        ),
    ],
)
def test_summary_of_training_content(
    tmp_path: Path, field: str, files: dict[str, str], status: EuStatus
) -> None:
    found = duties(table(tmp_path, f"  data.content_summary: {field}", **files))
    assert found[D] is status
    assert duties(table(tmp_path, f"  data.copyright_policy: {field}", **files))[C] is status


def test_a_pinned_summary_counts_when_asked(tmp_path: Path) -> None:
    field = f"{{reference: {{type: url, url: 'https://a.example/s', sha256: {'0' * 64}}}}}"
    extra = f"  data.content_summary: {field}"
    assert duties(table(tmp_path, extra))[D] is EuStatus.UNDECIDED
    trusting = eu_table(load_release(tmp_path, accept_pinned=True))
    assert duties(trusting)[D] is EuStatus.DUE


@pytest.mark.parametrize("arguments", [(), ("--declared",), ("--quiet",)])
def test_command_shows_the_table_and_never_says_compliant(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    root = write(tmp_path / "r", dict(OPEN_FILES))
    run = CliRunner().invoke
    text = run(
        cli, ["lint", str(root), "--framework", "eu", *arguments], env={"COLUMNS": "80"}
    ).output
    assert "of 2025-07-18" in text
    assert "MOF 1.0" not in text
    assert "complian" not in text.casefold()
    assert max(map(len, text.splitlines())) <= 84
    report = json.loads(
        run(cli, ["lint", str(root), "--framework", "eu", "--format", "json", *arguments]).stdout
    )
    jsonschema.Draft202012Validator(json.loads(schema_text("lint-report"))).validate(report)
    assert report["eu_ai_act"]["guidelines"]["date"] == "2025-07-18"
    assert "complian" not in json.dumps(report).casefold()
    assert len(report["eu_ai_act"]["duties"]) == 5


def test_only_text_and_json_show_it(tmp_path: Path) -> None:
    write(tmp_path, dict(OPEN_FILES))
    arguments = ["lint", str(tmp_path), "--framework", "eu", "--format", "sarif"]
    assert CliRunner().invoke(cli, arguments).exit_code == 2
