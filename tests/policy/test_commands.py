"""``manifest policy init`` and ``check``: a draft that works, and a decision explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from releases import make_release

from manifest.cli import cli
from manifest.document.schema import violations
from manifest.signing.keys import generate, public_pem


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    key = generate()
    (tmp_path / "release").mkdir()
    make_release(tmp_path / "release", key)
    (tmp_path / "key.pub").write_bytes(public_pem(key.public))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "states"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, args)


@pytest.mark.parametrize("target", [["release"], []], ids=["of-a-release", "of-a-key"])
def test_draft_is_a_policy(scene: Path, target: list[str]) -> None:
    assert run("policy", "init", *target, "--key", "key.pub").exit_code == 0
    result = run("policy", "check", "policy.yaml", "release")
    assert result.exit_code == (0 if target else 3), result.output


def test_draft_overwrites_nothing(scene: Path) -> None:
    (scene / "policy.yaml").write_text("mine")
    assert run("policy", "init", "--key", "key.pub").exit_code == 2
    assert (scene / "policy.yaml").read_text() == "mine"


def test_check_explains_and_remembers_nothing(scene: Path) -> None:
    run("policy", "init", "release", "--key", "key.pub")
    result = run("policy", "check", "policy.yaml", "release", "--format", "json")
    report = json.loads(result.stdout)
    assert violations(report, "policy-report") == ()
    assert violations(report["verification"], "verify-report") == ()
    assert report["accepted"]
    assert [d["name"] for d in report["demands"]][:3] == ["policy", "files", "publisher"]
    assert not (scene / "states").exists()


def test_check_says_what_was_asked_and_found(scene: Path) -> None:
    run("policy", "init", "release", "--key", "key.pub")
    policy = scene / "policy.yaml"
    policy.write_text(policy.read_text() + "lowest_versions: [{release: acme/*, version: '2'}]\n")
    result = run("policy", "check", "policy.yaml", "release")
    assert result.exit_code == 3
    assert result.output.startswith("NOT ACCEPTED  acme/tiny 1.10: 6 of 7 demands hold\n")
    line = len(policy.read_text().splitlines())
    assert f"asked   2 or later (policy.yaml:{line})" in result.output
    assert "found   1.10" in result.output


def test_verify_uses_the_state_of_the_user(scene: Path) -> None:
    run("policy", "init", "release", "--key", "key.pub")
    result = run("verify", "release", "--policy", "policy.yaml")
    assert result.exit_code == 0
    assert "accepted by policy.yaml" in result.output
    assert (scene / "states/model-release-manifest/policy-state.json").is_file()


@pytest.mark.parametrize(
    "options", [["--state", "s.json"], ["--no-state-update"]], ids=["state", "no-update"]
)
def test_options_of_a_policy_need_one(scene: Path, options: list[str]) -> None:
    result = run("verify", "release", "--key", "key.pub", *options)
    assert result.exit_code == 2
    assert "needs --policy" in result.output


def test_example_of_the_specification_is_valid() -> None:
    from manifest.document.schema import load_schema
    from manifest.document.yaml_text import parse_yaml, to_plain

    page = Path(__file__).resolve().parents[2] / "spec" / "policy.md"
    text = page.read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    plain = to_plain(parse_yaml(text.encode(), name="example"), load_schema("policy"))
    assert violations(plain, "policy") == ()
