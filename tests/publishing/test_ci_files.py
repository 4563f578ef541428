"""The action, the hooks and the examples: valid for those who read them, and run for real."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from lint_releases import OPEN_FILES, write

from manifest.document.yaml_text import parse_yaml
from manifest.lint import Verdict

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sys.executable).parent
CLAIMING = OPEN_FILES | {
    "code/train.py": "x = 1\n",
    "release.yaml": OPEN_FILES["release.yaml"].replace(
        "components:", "claim: open-source\ncomponents:"
    ),
}


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-actions", "action.yml"),
        ("vendor.github-workflows", "docs/ci/github.yml"),
        ("custom.github-workflows-require-timeout", "docs/ci/github.yml"),
        ("vendor.gitlab-ci", "docs/ci/gitlab.yml"),
    ],
)
def test_file_is_valid(schema: str, file: str) -> None:
    extra = ["--data-transform", "gitlab-ci"] if schema.endswith("gitlab-ci") else []
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *extra]
    done = subprocess.run([*command, str(ROOT / file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("validate-manifest", ".pre-commit-hooks.yaml"),
        ("validate-config", "docs/ci/pre-commit-config.yaml"),
    ],
)
def test_hooks_are_valid(command: str, file: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", command, str(ROOT / file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_checks_can_fail(tmp_path: Path) -> None:
    broken = tmp_path / "action.yml"
    broken.write_text(
        (ROOT / "action.yml").read_text("utf-8").replace("using: composite", "using: magic")
    )
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-actions",
    ]
    done = subprocess.run([*command, str(broken)], capture_output=True, check=False)
    assert done.returncode == 1


def plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(k): plain(v) for k, v in node.items()}
    if isinstance(node, list):
        return [plain(v) for v in node]
    return None if node is None else str(node)


def action() -> dict[str, Any]:
    data = (ROOT / "action.yml").read_bytes()
    loaded: dict[str, Any] = plain(parse_yaml(data, name="action.yml").root)
    return loaded


STEPS: list[dict[str, Any]] = action()["runs"]["steps"]


def test_the_action_calls_no_other_and_pastes_no_input_into_a_script() -> None:
    for step in STEPS:
        assert "uses" not in step
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"


def test_examples_pin_what_is_not_ours() -> None:
    text = (ROOT / "docs" / "ci" / "github.yml").read_text("utf-8")
    for name, at in re.findall(r"uses: ([\w./-]+)@(\S+)", text):
        assert name.startswith("model-release-manifest/") or re.fullmatch("[0-9a-f]{40}", at)


def test_the_action_knows_every_verdict() -> None:
    described = action()["inputs"]["require"]["description"]
    assert [v.value for v in Verdict if v is not Verdict.CLOSED] == re.findall(
        r"[a-z]+-[a-z]+|replayable", described
    )


class Runner:
    """Runs the shell steps of the action as GitHub's runner would, without installing."""

    def __init__(self, place: Path, **inputs: str) -> None:
        self.place = place
        self.temp = place / "temp"
        (self.temp / "manifest-lint" / "bin").mkdir(parents=True)
        for name in ("manifest", "python"):
            script = self.temp / "manifest-lint" / "bin" / name
            command = f"{shlex.quote(sys.executable)}{' -m manifest' if name == 'manifest' else ''}"
            script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            script.chmod(0o755)
        self.inputs = {k: str(v.get("default", "")) for k, v in action()["inputs"].items()} | {
            k.replace("_", "-"): v for k, v in inputs.items()
        }
        self.outputs: dict[str, str] = {}
        self.summary = place / "summary.md"

    def run(self, name: str, **env: str) -> subprocess.CompletedProcess[str]:
        step = next(s for s in STEPS if s["name"] == name)
        output = self.place / "output"
        output.write_text("")
        values = {f"inputs.{k}": v for k, v in self.inputs.items()}
        values |= {f"steps.lint.outputs.{k}": v for k, v in self.outputs.items()}
        values["github.action_path"] = str(ROOT)
        given = {
            key: re.sub(r"\$\{\{ (.*?) \}\}", lambda m: values.get(m[1], ""), value)
            for key, value in step.get("env", {}).items()
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.place,
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "CI"))},
                "RUNNER_TEMP": str(self.temp),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(self.summary),
                "GITHUB_WORKSPACE": str(self.place),
                **given,
                **env,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        lines = output.read_text().splitlines()
        self.outputs |= dict(line.split("=", 1) for line in lines)
        return done


@pytest.fixture
def bash() -> None:
    if shutil.which("bash") is None:
        pytest.skip("needs bash")


@pytest.mark.usefixtures("bash")
@pytest.mark.parametrize(
    ("files", "inputs", "status", "verdict"),
    [
        pytest.param(OPEN_FILES, {}, "0", "replayable", id="open"),
        pytest.param(OPEN_FILES, {"require": "open-science"}, "0", "replayable", id="required"),
        pytest.param(CLAIMING, {}, "1", "open-weight", id="claims-too-much"),
        pytest.param({"release.yaml": "name: [\n"}, {}, "1", "", id="not-valid"),
        pytest.param(OPEN_FILES, {"require": "$(touch forged)"}, "2", "", id="command-in-require"),
        pytest.param(
            OPEN_FILES, {"fail_on": "error; touch forged"}, "2", "", id="command-in-fail-on"
        ),
        pytest.param(OPEN_FILES, {"path": "--help"}, "2", "", id="option-in-path"),
    ],
)
def test_the_action_lints(
    tmp_path: Path, files: dict[str, str], inputs: dict[str, str], status: str, verdict: str
) -> None:
    write(tmp_path / "models" / "a b", dict(files))
    runner = Runner(tmp_path, **{"path": "models/a b", **inputs})
    done = runner.run("Lint")
    assert done.returncode == 0, done.stderr
    assert runner.outputs["exit-code"] == status
    assert runner.outputs["verdict"] == verdict
    assert runner.run("Result").returncode == int(status)
    assert not list(tmp_path.rglob("forged"))
    assert runner.summary.exists() == bool(verdict)
    if status == "1" and verdict:
        assert "::error file=models/a b/release.yaml,line=" in done.stdout


@pytest.mark.usefixtures("bash")
def test_the_action_uploads_what_it_wrote(tmp_path: Path) -> None:
    write(tmp_path / "r", dict(CLAIMING))
    runner = Runner(tmp_path, path="r", upload_sarif="true")
    runner.run("Lint")
    called = tmp_path / "bin"
    called.mkdir()
    (called / "gh").write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$CALLS"\n')
    (called / "gh").chmod(0o755)
    done = runner.run(
        "Upload",
        PATH=f"{called}{os.pathsep}{os.environ['PATH']}",
        CALLS=str(tmp_path / "calls"),
        GITHUB_REPOSITORY="acme/sparrow",
        GITHUB_SHA="0" * 40,
        GITHUB_REF="refs/pull/1/merge",
    )
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert "repos/acme/sparrow/code-scanning/sarifs" in calls
    assert f"commit_sha={'0' * 40}" in calls
    file = next(c for c in calls if c.startswith("sarif=@")).removeprefix("sarif=@")
    log = json.loads(gzip.decompress(base64.b64decode(Path(file).read_bytes())))
    assert log["version"] == "2.1.0"
    assert {r["ruleId"] for r in log["runs"][0]["results"]} >= {"CLM001", "EVI001"}


@pytest.mark.long
@pytest.mark.usefixtures("bash")
def test_the_action_installs_itself(tmp_path: Path) -> None:
    runner = Runner(tmp_path, path=".")
    shutil.rmtree(runner.temp / "manifest-lint")
    done = runner.run("Install", PATH=f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    write(tmp_path, {"config.json": OPEN_FILES["config.json"]})
    assert runner.run("Lint", PYTHONPATH="").returncode == 0
    assert runner.outputs["verdict"] == "closed"


HOOKS: list[dict[str, Any]] = plain(
    parse_yaml(b"hooks:\n" + (ROOT / ".pre-commit-hooks.yaml").read_bytes(), name="hooks").root
)["hooks"]


@pytest.mark.parametrize(
    ("hook", "args", "files", "status"),
    [
        pytest.param("manifest-lint", [], OPEN_FILES, 0, id="lint-passes"),
        pytest.param("manifest-lint", [], CLAIMING, 1, id="lint-fails"),
        pytest.param(
            "manifest-lint", ["--require", "open-science", "."], CLAIMING, 1, id="lint-args"
        ),
        pytest.param("manifest-build-check", [], OPEN_FILES, 5, id="never-built"),
    ],
)
def test_hooks_run(
    tmp_path: Path, hook: str, args: list[str], files: dict[str, str], status: int
) -> None:
    write(tmp_path, dict(files))
    entry = next(h["entry"] for h in HOOKS if h["id"] == hook)
    assert entry.split()[0] == "manifest"
    command = [sys.executable, "-m", *shlex.split(entry), *args]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
