"""What a start costs: which modules are loaded before anything is done."""

from __future__ import annotations

import subprocess
import sys

# The names of all loaded modules, on the last line of the output.
_REPORT = "\nimport sys; print(); print(*sorted({name.split('.')[0] for name in sys.modules}))"


def loaded(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", code + _REPORT], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def foreign(code: str, beside: str) -> set[str]:
    """Packages from outside the standard library that ``code`` loads and ``beside`` does not."""
    return {
        name
        for name in loaded(code) - loaded(beside)
        if name not in sys.stdlib_module_names and name != "manifest"
    }


def test_help_loads_click_and_nothing_else() -> None:
    code = """
import sys
sys.argv = ["manifest", "--help"]
from manifest.cli import main
try:
    main()
except SystemExit as exit:
    assert not exit.code, exit.code
"""
    assert foreign(code, beside="import click") == set()


def test_import_of_the_package_loads_nothing_foreign() -> None:
    assert foreign("import manifest; manifest.__version__", beside="pass") == set()


def test_the_probe_sees_what_is_loaded() -> None:
    assert "jsonschema" in foreign("import jsonschema", beside="pass")
