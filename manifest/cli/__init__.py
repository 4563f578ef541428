"""The command line: one module per command, imported when that command runs.

`main` is the entry point. This module imports click and the error root and nothing else, so that
``manifest --help`` answers at once.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from manifest._version import __version__
from manifest.errors import ExitCode, ManifestError

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS = {
    "init": "Draft release.yaml from the files that are there.",
    "build": "Hash every file and write manifest.json.",
    "keygen": "Make a key pair for signing.",
    "sign": "Sign a release and its manifest: writes model.sig.",
    "verify": "Check that these are the files that were signed.",
    "policy": "Draft a trust policy, and explain what follows from one.",
    "diff": "Say what changed between two releases or checkpoints.",
    "lineage": "Say what a release was made from, and what proves it.",
    "lint": "Say what a release really gives, and what is wrong with it.",
    "keys": "Show what a public key is, to compare it.",
    "rules": "List the linter's rules, or explain one.",
    "recipe": "Fill training settings from the files of a framework.",
    "import": "Make a description of what other tools declared.",
    "checkpoints": "List a release's checkpoints; look for mistakes in an index.",
    "replay": "Repeat a segment of the training and compare.",
    "data": "Commit to data, and prove what is in it.",
    "show": "Show a release at a glance, on one screen.",
    "demo": "Make, sign, verify, lint and break a miniature release.",
    "schema": "Print the JSON Schema of a document.",
}
"""Every command and its line of help, in the order of the job; module ``manifest.cli.NAME``."""


class _ReaderLeftError(Exception):
    """Whoever read our output closed the pipe (``manifest lint | head``)."""


class _LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only to run it.

    It also turns every way in which a command can end into a message and an exit code
    (spec/exit-codes.md), so that a test that invokes `cli` sees what a shell sees.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        module = f"{cmd_name}_" if cmd_name == "import" else cmd_name  # a word of the language
        command: click.Command = import_module(f"manifest.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Exit codes"):
            formatter.write_dl(
                [
                    ("0", "what was asked holds"),
                    ("1", "findings: something is false, broken or unsafe"),
                    ("2", "the command was called wrongly"),
                    ("3", "not trusted: signature, key or policy"),
                    ("4", "could not tell: unreadable, unreachable, not fetched"),
                    ("5", "bytes differ: changed, missing or added files"),
                ]
            )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches

        close = get_close_matches(name, COMMANDS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise click.UsageError(f"No such command {name!r}.{hint}", ctx)

    def invoke(self, ctx: click.Context) -> Any:
        ctx.color = _color()
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderLeftError from error

    def main(  # type: ignore[override]  # this one always ends the process, in one way
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,
    ) -> NoReturn:
        extra["standalone_mode"] = False
        try:
            code = super().main(args, prog_name, **extra)
            sys.stdout.flush()
        except ManifestError as error:
            _tell(error.message, error.remedy)
            code = error.exit_code
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = ExitCode.USAGE
        except click.ClickException as error:
            where = error.ctx if isinstance(error, click.UsageError) else None
            path = where.command_path if where else "manifest"
            _tell(error.format_message(), f"`{path} --help` shows how to call it")
            code = ExitCode.USAGE
        except click.Abort:
            _tell("interrupted: the command did not finish")
            code = ExitCode.INTERRUPTED
        except (BrokenPipeError, _ReaderLeftError):
            _silence()
            code = ExitCode.UNDECIDED
        except OSError as error:
            _debug()
            name = f"{error.filename}: " if error.filename is not None else ""
            _tell(f"{name}{error.strerror or error}", "nothing more can be said before that works")
            code = ExitCode.UNDECIDED
        except Exception as error:  # noqa: BLE001 - the last line: whatever happened, no traceback and no 0
            _debug()
            _tell(
                f"unexpected {type(error).__name__}: {error}",
                "this is a defect of the program: report it, with the traceback that "
                "MANIFEST_DEBUG=1 shows",
            )
            code = ExitCode.UNDECIDED
        sys.exit(int(code or 0))


def _tell(message: str, remedy: str = "") -> None:
    """Print an error; its lines are made safe once more, whoever wrote them."""
    from manifest.display import printable

    text = "\n".join(printable(line) for line in message.split("\n"))
    click.echo(click.style("error: ", fg="red", bold=True) + text, err=True, color=_color())
    if remedy:
        text = click.style("  remedy: ", bold=True) + printable(remedy)
        click.echo(text, err=True, color=_color())


def _color() -> bool | None:
    """False where nobody wants colour; None to let click see whether there is a terminal."""
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return False if unwanted else None


def _debug() -> None:
    if os.environ.get("MANIFEST_DEBUG"):
        import traceback

        traceback.print_exc()


def _keep_standard_numbers() -> None:
    """Let no file that is opened later be taken for a standard stream that was closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - until the end


def _silence() -> None:
    """Let the interpreter's last flush go nowhere instead of complaining about the pipe."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - pathlib is not worth its import here
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                os.dup2(nowhere.fileno(), stream.fileno())


@click.group(
    "manifest",
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Manifests of AI model releases: are these the published bytes, and how open is the release?

    A publisher describes a release (init), resolves it to every file's digest (build) and signs
    it (sign), in the OpenSSF Model Signing 1.0 format. Anyone can check the bytes (verify) and
    what the release really gives (lint, show).
    """


def main() -> NoReturn:
    """Run the command line and exit."""
    _keep_standard_numbers()
    if sys.stdout is None:  # not None, a type checker says; it is, where it was closed
        _tell("standard output is closed, so no answer can be given", "open it, as with >/dev/null")
        sys.exit(int(ExitCode.UNDECIDED))
    for stream in (sys.stdout, sys.stderr):
        # A file name that the terminal's encoding lacks must not end a verification.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    # A command makes many small values that live until it ends: looking for cycles among them
    # again and again takes a third of the time of signing 20,000 files.
    gc.set_threshold(200_000, 50, 50)
    try:
        cli.main(prog_name="manifest")
    finally:
        # Nor is there anything to look for at the end: the process gives all of it back.
        gc.freeze()
