"""``manifest import mot`` and what ``manifest lint --declared`` makes of a file."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from manifest.cli import cli
from manifest.document.components import MOF_KINDS
from manifest.document.description import parse_description

DATA = Path(__file__).resolve().parents[1] / "data" / "mot"


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, [*map(str, args)])


def test_a_description_is_made(tmp_path: Path) -> None:
    target = tmp_path / "release.yaml"
    result = run("import", "mot", DATA / "Pythia-12B.yml", "-o", target)
    assert result.exit_code == 0, result.output
    description = parse_description(target.read_bytes())
    assert (description.name, description.version) == ("Pythia-12B", "12B")
    assert (description.described_by, description.publisher) == ("third-party", "EleutherAI")
    assert description.license == "Apache-2.0"
    data = description.component("evaluation-code")
    assert data is not None
    assert data.license == "MIT"
    assert str(data.references[0]) == "https://github.com/EleutherAI/lm-evaluation-harness"
    assert description.fields["x-mot"]["release"]["type"] == "language"
    report = json.loads(run("lint", tmp_path, "--declared", "--format", "json").stdout)
    assert report["mof_class"] == "I"
    assert [p.name for p in tmp_path.iterdir()] == ["release.yaml"]


@pytest.mark.parametrize("path", sorted(DATA.glob("*.yml")), ids=lambda p: p.stem)
def test_nothing_is_lost(path: Path) -> None:
    """Every text of the file stands somewhere in the description."""
    made = run("import", "mot", path, "-o", "-").stdout

    def texts(value: object) -> set[str]:
        if isinstance(value, dict):
            return set().union(*map(texts, value.values()))
        if isinstance(value, list):
            return set().union(*map(texts, value))
        return {str(value)} if value not in (None, "") else set()

    before = texts(YAML(typ="safe").load(path.read_bytes()))
    after = texts(YAML(typ="safe").load(io.StringIO(made)))
    titles = {kind.title for kind in MOF_KINDS}  # they become ids
    assert before - after - titles <= {"unlicensed"}
    assert "unlicensed" not in before or "license is unlicensed" in made


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    source = tmp_path / "m.yml"
    source.write_text(
        json.dumps(
            {
                "release": {
                    "name": "a: b #c\u202e",
                    "version": "1.10",
                    "producer": "x\ny: z",
                    "license": {"distribution": {"name": "no", "path": "- [x]"}},
                    "origin": {"deep": [["a"], {"b": "1e5", "": "k"}]},
                    "components": [
                        {"name": "Datasets", "license": "x" * 600, "extra: y": ["- a"]},
                        {"name": "datasets", "license": "MIT"},
                        {"name": "Nothing known", "license": "MIT"},
                    ],
                },
                "else": {"n": "0042"},
            }
        )
    )
    made = run("import", "mot", source, "-o", "-")
    assert made.exit_code == 0, made.output
    fields = parse_description(made.stdout.encode()).fields
    assert (fields["name"], fields["version"]) == ("a: b #c\u202e", "1.10")
    assert fields["publisher"] == "x\ny: z"
    assert fields["license"] == "no"
    kept = fields["x-mot"]
    assert kept["others"] == {"else": {"n": "0042"}}
    assert [c["name"] for c in kept["components"]] == ["Datasets", "Nothing known"]
    assert kept["components"][0]["license"] == "x" * 600
    assert kept["release"]["origin"]["deep"][1]["b"] == "1e5"


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    target = tmp_path / "release.yaml"
    target.write_text("mine\n")
    result = run("import", "mot", DATA / "Amber.yml", "-o", target)
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert target.read_text() == "mine\n"
    assert run("import", "mot", DATA / "Amber.yml", "-o", target, "--force").exit_code == 0
    assert "name: Amber" in target.read_text()


def test_the_publisher_can_say_so() -> None:
    made = run("import", "mot", DATA / "Amber.yml", "-o", "-", "--publisher").stdout
    assert parse_description(made.encode()).described_by == "publisher"


@pytest.mark.parametrize(
    "text",
    ["name: x\n", "release: 1\n", "release: {}\n", "release: {name: x, components: 1}\n",
     "release: {name: x, components: [{license: MIT}]}\n", "release: &a {name: x}\n", "- 1\n",
     "release: {name: x, license: {what: {name: MIT}}}\n"],
)  # fmt: skip
def test_what_is_no_declaration_is_refused(text: str, tmp_path: Path) -> None:
    source = tmp_path / "m.yml"
    source.write_text(text)
    result = run("import", "mot", source, "-o", tmp_path / "out.yaml")
    assert result.exit_code == 1
    assert "m.yml" in result.stderr
    assert not (tmp_path / "out.yaml").exists()


def test_lint_takes_a_file_by_declarations_alone() -> None:
    path = DATA / "Polyglot-Ko.yml"
    result = run("lint", path, "--declared", "--format", "json")
    report = json.loads(result.stdout)
    assert (report["mof_class"], report["basis"]) == ("II", "declarations")
    assert report["described_by"] == "third-party"
    assert run("lint", path).exit_code == 2
    assert run("lint", DATA, "--mot-compatible").exit_code == 2
    for output in ("text", "sarif", "github", "gitlab", "junit"):
        assert run("lint", path, "--declared", "--format", output).exit_code == 0
