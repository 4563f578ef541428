"""The built wheel, installed where nothing else is: what a user of the package index gets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import manifest

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    source = directory / "source"
    # A copy: the build backend leaves nothing behind in the checkout. What git ignores is kept
    # out by the copied .gitignore, which the backend reads.
    source.mkdir()
    for part in ("manifest", "schemas"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, source / part, ignore=ignored)
    for name in (".gitignore", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps"]
    subprocess.run([*pip, "--quiet", "--wheel-dir", str(directory), str(source)], check=True)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def command(wheel: Path) -> Path:
    """The ``manifest`` command of an environment that holds the wheel and what it depends on."""
    directory = wheel.parent / "venv"
    venv.create(directory, with_pip=True)
    python = directory / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, str(wheel)], check=True)
    return python.with_name("manifest")


def run(command: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        [str(command), *arguments], cwd=cwd, env=kept, capture_output=True, text=True, check=False
    )


def test_wheel_holds_package_schemas_and_license(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"manifest", f"model_release_manifest-{manifest.__version__}.dist-info"}
    for schema in (ROOT / "schemas").glob("*.json"):
        assert f"manifest/schemas/{schema.name}" in names
    assert "manifest/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    for path in (ROOT / "manifest").rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            assert path.relative_to(ROOT).as_posix() in names


def test_version_is_the_package_s(command: Path, tmp_path: Path) -> None:
    done = run(command, "--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert manifest.__version__ in done.stdout


def test_schema_is_found_inside_the_package(command: Path, tmp_path: Path) -> None:
    done = run(command, "schema", "description", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    shipped = ROOT / "schemas" / "description.schema.json"
    assert json.loads(done.stdout) == json.loads(shipped.read_text(encoding="utf-8"))


def test_demo_runs(command: Path, tmp_path: Path) -> None:
    done = run(command, "demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "replayable" in done.stdout
    assert "Traceback" not in done.stderr
