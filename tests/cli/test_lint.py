"""``manifest lint`` and ``manifest rules`` as people and programs see them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result
from lint_releases import OPEN_DESCRIPTION, OPEN_FILES, safetensors, write

from manifest._version import __version__
from manifest.cli import cli
from manifest.cli.lint import _VERDICTS
from manifest.display import printable
from manifest.document.schema import schema_text
from manifest.lint import Verdict, all_rules, lint, load_release
from manifest.render.headline import headline
from manifest.render.lint_text import render_lint, render_lint_summary

GOLDEN = Path(__file__).parent / "golden"

CARD = "---\nlicense: llama3.1\n---\n# Robin\n\n" + "It answers questions about birds. " * 20
ANNOUNCED = {
    k: v
    for k, v in OPEN_FILES.items()
    if k in ("config.json", "model.safetensors", "tokenizer.json", "LICENSE", "requirements.lock")
} | {
    "code/train.py": "x = 1\n",
    "README.md": OPEN_FILES["README.md"] + "\nSparrow is a fully open-source language model.\n",
    "release.yaml": OPEN_DESCRIPTION.split("components:")[0]
    + """claim: open-source
components:
  model-architecture: {files: [config.json]}
  model-parameters-final: {files: [model.safetensors]}
  tokenizer: {files: [tokenizer.json]}
  model-card: {files: [README.md]}
  license-texts: {files: [LICENSE]}
  training-code:
    files: [code/train.py]
  datasets:
    withheld: {reason: Some of it is under contracts that forbid passing it on.}
  research-paper:
    references: [{type: doi, doi: 10.48550/arXiv.2312.06550}]
  evaluation-code:
    references: [{type: git, url: https://git.example/eval, commit: 0123456789012345678901234567890123456789}]
  data-preprocessing-code:
    description: It will follow.
exceptions:
  - {rule: PRV001, reason: Signing comes with the next release., expires: 2999-12-31}
""",
}
RELEASES: dict[str, dict[str, str]] = {
    "open": OPEN_FILES,
    "announced": ANNOUNCED,
    "bare": {
        "config.json": OPEN_FILES["config.json"],
        "model.safetensors": OPEN_FILES["model.safetensors"],
        "tokenizer.json": OPEN_FILES["tokenizer.json"],
        "README.md": CARD,
    },
    "closed": {
        "release.yaml": 'schema_version: "1.0"\nname: oracle/delphi\nversion: "5"\n'
        "described_by: third-party\ncomponents:\n  model-parameters-final:\n"
        "    withheld: {reason: The publisher sells access.}\n"
    },
}


DAY = ("--date", "2026-01-31")


def run(*arguments: str) -> Result:
    arguments = (*arguments, *DAY) if arguments[0] == "lint" else arguments
    return CliRunner().invoke(cli, list(arguments), terminal_width=90, env={"COLUMNS": "90"})


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, files in RELEASES.items():
        write(tmp_path / name, dict(files))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("releases")
@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("open", (), 0),
        ("announced", (), 1),
        ("announced-quiet", ("--quiet",), 1),
        ("announced-declared", ("--declared",), 1),
        ("announced-pinned", ("--accept-pinned", "--ignore", "CLM"), 0),
        ("bare", (), 0),
        ("bare-required", ("--require", "open-weight", "--quiet"), 1),
        ("closed", (), 0),
    ],
)
def test_golden_text(name: str, arguments: tuple[str, ...], code: int) -> None:
    result = run("lint", name.partition("-")[0], *arguments)
    assert result.exit_code == code, result.output
    golden = GOLDEN / f"lint-{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(result.output, encoding="utf-8")
    assert result.output == golden.read_text(encoding="utf-8")
    assert all(len(line) <= 90 for line in result.output.splitlines())


@pytest.mark.usefixtures("releases")
@pytest.mark.parametrize("name", RELEASES)
@pytest.mark.parametrize("arguments", [(), ("--declared",), ("--accept-pinned",)])
def test_json_is_valid_and_alone_on_stdout(name: str, arguments: tuple[str, ...]) -> None:
    result = run("lint", name, "--format", "json", *arguments)
    report = json.loads(result.stdout)
    jsonschema.Draft202012Validator(json.loads(schema_text("lint-report"))).validate(report)
    assert report["exit_code"] == result.exit_code


@pytest.mark.usefixtures("releases")
def test_json_says_what_text_says() -> None:
    report = json.loads(run("lint", "announced", "--format", "json").stdout)
    assert report["verdict"] == "open-weight"
    assert report["claim"] == "open-source"
    assert report["mof_class"] is None
    assert report["osaid"]["status"] == "not-met"
    assert report["eu"] == {"status": "met", "missing": [], "pinned_accepted": 0}
    assert "COD001" in {m["code"] for m in report["next"]["missing"]}
    assert {c["id"]: c["state"] for c in report["components"]}["training-code"] == "absent"


@pytest.mark.usefixtures("releases")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("open", "--require", "replayable"), 0),
        (("announced", "--ignore", "CLM"), 0),
        (("announced", "--ignore", "CLM", "--fail-on", "warning"), 1),
        (("announced", "--ignore", "CLM,EVI", "--fail-on", "warning"), 0),
        (("announced", "--select", "WGT"), 0),
        (("announced", "--select", "clm"), 1),
        (("announced", "--require", "open-source", "--select", "WGT"), 1),
        (("open", "--select", "XYZ"), 2),
        (("open", "--require", "perfect"), 2),
        (("nothing",), 2),
    ],
)
def test_exit_codes(arguments: tuple[str, ...], code: int) -> None:
    assert run("lint", *arguments).exit_code == code


def test_description_that_is_not_valid(tmp_path: Path) -> None:
    root = write(tmp_path / "r", {"release.yaml": "name: [\n"})
    result = run("lint", str(root))
    assert result.exit_code == 1
    assert "release.yaml:" in result.stderr


def test_names_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    evil = "e\x1b[2Jvil\u202e.py"
    described = OPEN_DESCRIPTION.replace("code/train.py]", "'code/*vil*.py']")
    files: dict[str, str | bytes] = {**OPEN_FILES, f"code/{evil}": b"", "release.yaml": described}
    files["README.md"] = OPEN_FILES["README.md"] + "\nThis is an open-source \x1b[2J\u202e model\n"
    root = write(tmp_path / "r", files)
    result = run("lint", str(root))
    assert "vil" in result.output
    assert all(printable(line) == line for line in result.output.splitlines())
    report = run("lint", str(root), "--format", "json").stdout
    assert "\\u001b" not in report
    assert "\u202e" not in report


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_text_keeps_to_the_width(tmp_path: Path, width: int) -> None:
    report = lint(load_release(write(tmp_path / "r", dict(ANNOUNCED))))
    for text in (render_lint(report, width=width), render_lint_summary(report, width=width)):
        assert max(map(len, text.splitlines())) <= max(width, 72)


def test_colour_changes_no_word(tmp_path: Path) -> None:
    report = lint(load_release(write(tmp_path / "r", dict(ANNOUNCED))))
    roles = set()

    def paint(text: str, role: str) -> str:
        roles.add(role)
        return f"\x01{text}\x02"

    painted = render_lint(report, paint=paint)
    assert painted.replace("\x01", "").replace("\x02", "") == render_lint(report)
    assert roles <= {"good", "bad", "warn", "dim", "bold", "name"}


def test_headline_is_one_sentence_and_never_certifies(tmp_path: Path) -> None:
    for name, files in RELEASES.items():
        text = headline(lint(load_release(write(tmp_path / name, dict(files)))))
        assert re.fullmatch(rf"As of \d{{4}}-\d\d-\d\d, .* \(manifest {__version__}\)\.", text)
        assert "\n" not in text
        assert "on this evidence" in text
        assert "certified" not in text
        assert "compliant" not in text


def test_unread_weights_exit_four(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    root = write(tmp_path / "r", {**OPEN_FILES, "model.safetensors": pointer})
    result = run("lint", str(root), "--require", "open-weight", "--quiet")
    assert result.exit_code == 4
    assert "could not be told" in result.output


def test_a_release_of_one_file(tmp_path: Path) -> None:
    result = run("lint", str(write(tmp_path / "r", {"model.safetensors": safetensors(w=(2,))})))
    assert result.exit_code == 0
    assert "weights-available" in result.output


def test_options_name_every_verdict() -> None:
    assert tuple(Verdict) == _VERDICTS


def test_rules_are_listed() -> None:
    output = run("rules").output
    assert re.findall(r"^  ([A-Z]{3}[0-9]{3})  ", output, re.MULTILINE) == [
        r.code for r in all_rules()
    ]
    headings = re.findall(r"^(\S.*)$", output, re.MULTILINE)
    # Each family is listed once, and by its name.
    assert len(set(headings)) == len(headings) == len({r.code[:3] for r in all_rules()})
    assert not [h for h in headings if re.fullmatch("[A-Z]{3}", h)]
    listed = json.loads(run("rules", "--format", "json").output)
    assert [rule["family"] for rule in listed if rule["code"] == "LIC002"] == ["Licenses"]


@pytest.mark.parametrize("rule", all_rules(), ids=lambda r: r.code)
def test_rule_is_explained(rule: object) -> None:
    code, name = getattr(rule, "code", ""), getattr(rule, "name", "")
    result = run("rules", code)
    assert result.exit_code == 0
    for words in (name, "Why", "What to do", "Bad", "Good"):
        assert words in result.output
    assert run("rules", name).output == result.output
    assert json.loads(run("rules", code, "--format", "json").output)["code"] == code


def test_unknown_rule() -> None:
    assert run("rules", "ABC999").exit_code == 2


def test_page_of_rules_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "spec" / "rules.md"
    assert run("rules", "--format", "markdown").output == page.read_text(encoding="utf-8"), (
        "run `make spec`"
    )
