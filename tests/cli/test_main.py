from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import click
import pytest
from click.testing import CliRunner, Result

from manifest._version import __version__
from manifest.cli import COMMANDS, cli
from manifest.cli._common import undone
from manifest.errors import (
    BytesDifferError,
    DocumentError,
    ManifestError,
    NotTrustedError,
    TreeError,
    UndecidedError,
    UsageError,
)

PYTHON = [sys.executable, "-m", "manifest"]


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], Result]:
    """Run a command that ends by raising."""

    def end(error: BaseException) -> Result:
        @click.command("fake")
        def command() -> None:
            click.echo("half a resu", nl=False)
            raise error

        module = ModuleType("manifest.cli.fake")
        module.command = command  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "manifest.cli.fake", module)
        monkeypatch.setitem(COMMANDS, "fake", "Fail.")
        return CliRunner().invoke(cli, ["fake"], catch_exceptions=False)

    return end


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_the_group_says_what_the_help_of_the_command_says(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.get_short_help_str(limit=200) == COMMANDS[name]


def test_help_lists_commands_in_the_order_of_the_job() -> None:
    output = CliRunner().invoke(cli, ["--help"]).output
    places = [output.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)
    assert list(COMMANDS)[:5] == ["init", "build", "keygen", "sign", "verify"]


def test_help_imports_click_and_nothing_of_weight() -> None:
    code = (
        "import sys, manifest.cli\n"
        "try:\n    sys.argv[1:] = ['--help']; manifest.cli.main()\n"
        "except SystemExit: pass\n"
        "print(*sorted(sys.modules), sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert {m for m in loaded if m.startswith("manifest")} == {
        "manifest",
        "manifest._version",
        "manifest.cli",
        "manifest.errors",
    }
    heavy = {"cryptography", "jsonschema", "ruamel", "rich", "requests", "hashlib", "pathlib"}
    bare = subprocess.run(
        [sys.executable, "-c", "import click, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded & (heavy - set(bare.stdout.split())) == set()


def test_version() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output == f"manifest {__version__}\n"


def test_an_unknown_command_is_a_usage_error_with_a_suggestion() -> None:
    result = CliRunner().invoke(cli, ["biuld"])
    assert result.exit_code == 2
    assert "'build'" in result.stderr


def test_no_command_shows_the_help() -> None:
    result = CliRunner().invoke(cli, [])
    assert result.exit_code == 2
    assert "Commands:" in result.output


def test_usage_errors_name_the_help() -> None:
    result = CliRunner().invoke(cli, ["schema", "nonsense"])
    assert result.exit_code == 2
    assert "`manifest schema --help`" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DocumentError("cause", remedy="cure"), 1),
        (TreeError("cause", remedy="cure"), 1),
        (UsageError("cause", remedy="cure"), 2),
        (NotTrustedError("cause", remedy="cure"), 3),
        (UndecidedError("cause", remedy="cure"), 4),
        (BytesDifferError("cause", remedy="cure"), 5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_become_a_message_a_remedy_and_a_code(
    ending: Callable[[BaseException], Result], error: BaseException, code: int
) -> None:
    result = ending(error)
    assert result.exit_code == code
    assert result.stderr == "error: cause\n  remedy: cure\n"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (EOFError(), 130, "interrupted"),
        (PermissionError(13, "Permission denied", "x\x1b[2J"), 4, "x\\x1b[2J: Permission denied"),
        (OSError(28, "No space left on device"), 4, "No space left on device"),
        (RuntimeError("a\nb"), 4, "unexpected RuntimeError"),
        (RecursionError(), 4, "unexpected RecursionError"),
        (MemoryError(), 4, "unexpected MemoryError"),
        (KeyError("x"), 4, "report it"),
        (BrokenPipeError(32, "Broken pipe"), 4, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_no_ending_shows_a_traceback_or_exits_zero(
    ending: Callable[[BaseException], Result], error: BaseException, code: int, words: str
) -> None:
    result = ending(error)
    assert result.exit_code == code
    assert words in result.stderr
    assert bool(result.stderr) == bool(words)
    assert "Traceback" not in result.output


def test_debug_shows_the_traceback(
    ending: Callable[[BaseException], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MANIFEST_DEBUG", "1")
    result = ending(RuntimeError("boom"))
    assert result.exit_code == 4
    assert "Traceback" in result.stderr


def test_an_error_message_cannot_drive_the_terminal(
    ending: Callable[[BaseException], Result],
) -> None:
    result = ending(TreeError("a\x1b[31m\n  b\u202e", remedy="c\x07"))
    assert result.stderr == "error: a\\x1b[31m\n  b\\u202e\n  remedy: c\\x07\n"


def test_ctrl_c_says_what_was_not_done(ending: Callable[[BaseException], Result]) -> None:
    with pytest.raises(ManifestError) as caught, undone("nothing was written"):
        raise KeyboardInterrupt
    result = ending(caught.value)
    assert result.exit_code == 130
    assert result.stderr == "error: interrupted: nothing was written\n"


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=["terminal", "no-color", "dumb-terminal"],
)
def test_colour_is_for_those_who_want_it(
    environment: dict[str, str], *, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner(env=environment).invoke(cli, ["sign", "--key"], color=True)
    assert result.exit_code != 0
    assert ("\x1b[" in result.stderr) is coloured


def test_a_closed_pipe_is_left_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [*PYTHON, "schema", "description"], stdout=write, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(write)
    assert done.stderr == b""
    assert done.returncode == 4


def test_a_module_run_is_the_same_command() -> None:
    done = subprocess.run([*PYTHON, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"manifest {__version__}\n"


@pytest.mark.parametrize(
    "name", ["description", "manifest", "lint-report", "verify-report", "checkpoints-report"]
)
def test_schemas_are_printed_as_they_are(name: str) -> None:
    import json

    from manifest.document.schema import schema_text

    result = CliRunner().invoke(cli, ["schema", name])
    assert result.exit_code == 0
    assert result.output == schema_text(name)
    assert json.loads(result.output)["$schema"].endswith("2020-12/schema")


class TestProgress:
    def test_is_silent_when_piped(self, capfd: pytest.CaptureFixture[str]) -> None:
        from manifest.cli._progress import progress_bar

        with progress_bar("Hashing", quiet=False) as bar:
            bar.expect(10, 1)
            bar.advance(10, 1)
        assert capfd.readouterr() == ("", "")
        assert "rich" not in vars(sys.modules["manifest.cli._progress"])

    def test_shows_bytes_rate_and_time_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import io
        import threading

        from manifest.cli._progress import progress_bar

        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        terminal = Terminal()
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress_bar("Hashing", quiet=False) as bar:
            bar.expect(4_000_000, 4)
            threads = [threading.Thread(target=bar.advance, args=(1_000_000, 1)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        shown = terminal.getvalue()
        assert "4.0/4.0 MB" in shown
        assert "4 of 4 files" in shown

    def test_quiet_shows_nothing_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from manifest.cli._progress import progress_bar

        terminal = SimpleNamespace(isatty=lambda: True)  # writing to it would fail
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress_bar("Hashing", quiet=True) as bar:
            bar.expect(1, 1)
            bar.advance(1, 1)


@pytest.mark.parametrize(
    ("redirection", "code"),
    [(">&-", 4), (">&- 2>&-", 4), (">/dev/null 2>&-", 0), (">/dev/null <&-", 0), (">/dev/full", 4)],
)
def test_streams_that_are_closed(redirection: str, code: int) -> None:
    command = f"{shlex.quote(sys.executable)} -m manifest rules PRV001 {redirection}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert "unexpected" not in done.stderr
