"""What commands share: options, the directory argument, and how they speak.

Results go to stdout, everything else to stderr. Text that comes from files, names or signatures
passes through `printable` before it gets here; `paint` and the echo helpers add colour, which
click takes away again where nobody sees it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import click

from manifest.display import printable
from manifest.errors import ExitCode, ManifestError

if TYPE_CHECKING:
    from manifest.inventory.machines import Machines
    from manifest.sources.hub import HubSource
    from manifest.sources.targets import HubTarget

__all__ = [
    "Interrupted",
    "ask_passphrase",
    "echo_json",
    "format_option",
    "is_terminal",
    "note",
    "offline_option",
    "open_target",
    "paint",
    "parents_option",
    "passphrase_options",
    "quiet_option",
    "read_key_file",
    "read_passphrase",
    "release_argument",
    "root_dir_option",
    "say",
    "scheduler_option",
    "shell_word",
    "target_argument",
    "undone",
    "warn",
    "workers",
]

F = TypeVar("F", bound=Callable[..., Any])

_ROLES: dict[str, dict[str, Any]] = {
    "good": {"fg": "green", "bold": True},
    "bad": {"fg": "red", "bold": True},
    "warn": {"fg": "yellow", "bold": True},
    "dim": {"dim": True},
    "bold": {"bold": True},
    "name": {"fg": "cyan"},
}


class Interrupted(ManifestError):  # noqa: N818 - not an error of anyone's
    """Ctrl-C, with the words that say what was not done."""

    exit_code: ClassVar[ExitCode] = ExitCode.INTERRUPTED


@contextlib.contextmanager
def undone(words: str) -> Iterator[None]:
    """Within this block, Ctrl-C ends the command with ``words``: what was not done.

    Raises:
        Interrupted: On Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {words}") from None


_DIRECTORY: Any = click.Path(exists=True, file_okay=False, path_type=Path)


def _named_roots(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> dict[str, str | Path]:
    from manifest.inventory.walk import is_object_store  # not for `--help`

    roots: dict[str, str | Path] = {}
    for text in value:
        name, equals, directory = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not of the form NAME=DIR", ctx, param)
        if name in roots:
            raise click.BadParameter(f"the root {name!r} is given twice", ctx, param)
        at_store = is_object_store(directory)
        roots[name] = directory if at_store else _DIRECTORY.convert(directory, param, ctx)
    return roots


def release_argument(*, or_file: bool = False) -> Callable[[F], F]:
    """The argument DIR: the release directory, the current one when left out.

    Args:
        or_file: Whether a model that is one file is taken too.
    """
    return click.argument(
        "directory",
        metavar="[DIR | FILE]" if or_file else "[DIR]",
        type=click.Path(exists=True, path_type=Path) if or_file else _DIRECTORY,
        default=".",
        required=False,
    )


def _target_or_file(ctx: click.Context, param: click.Parameter, value: str) -> Path | HubTarget:
    return Path(value) if Path(value).is_file() else _target(ctx, param, value)


def _target(ctx: click.Context, param: click.Parameter, value: str) -> Path | HubTarget:
    from manifest.sources.targets import HubTarget, parse_target

    try:
        target = parse_target(value)
    except ManifestError as error:
        raise click.BadParameter(f"{error.message}; {error.remedy}", ctx, param) from None
    if isinstance(target, HubTarget):
        return target
    directory: Path = _DIRECTORY.convert(value, param, ctx)
    return directory


def target_argument(*, or_file: bool = False) -> Callable[[F], F]:
    """The argument TARGET: a directory, the current one when left out, or ``hf:OWNER/NAME``.

    Args:
        or_file: Whether a file is taken too: a description without what it describes.
    """
    return click.argument(
        "target",
        metavar=f"[DIR | hf:OWNER/NAME{' | FILE' if or_file else ''}]",
        default=".",
        required=False,
        callback=_target_or_file if or_file else _target,
    )


def parents_option(words: str) -> Callable[[F], F]:
    """``--parent TARGET``, repeatable: where releases lie that this one was made from."""
    return click.option(
        "--parent",
        "parents",
        multiple=True,
        metavar="TARGET",
        callback=lambda ctx, param, values: tuple(_target(ctx, param, v) for v in values),
        help=words,
    )


def offline_option() -> Callable[[F], F]:
    """``--offline``, for commands that can be pointed at a hub."""
    return click.option("--offline", is_flag=True, help="Refuse whatever needs the network.")


def open_target(
    target: Path | HubTarget, *, offline: bool, quiet: bool = False
) -> Path | HubSource:
    """A directory as it is; a repository of a hub opened, and the commit told.

    Raises:
        UndecidedError: The hub cannot be asked, or is not to be.
    """
    if isinstance(target, Path):
        return target
    from manifest.sources.hub import HubSource

    source = HubSource(target, offline=offline)
    if not quiet:
        renamed = "" if source.name == target.repository else f"{source.name}, "
        note(f"{target} resolved to {renamed}commit {source.revision}")
    return source


def root_dir_option() -> Callable[[F], F]:
    """``--root-dir NAME=DIR``, repeatable: where named roots lie; a mapping called ``roots``."""
    return click.option(
        "--root-dir",
        "roots",
        multiple=True,
        callback=_named_roots,
        metavar="NAME=DIR",
        help="Where a named root of release.yaml lies, as a directory or s3://BUCKET/PREFIX; repeatable.",
    )


def scheduler_option() -> Callable[[F], F]:
    """``--scheduler``: the machines that hash, for `workers`."""
    return click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Let the workers of this Dask scheduler read and hash the files.",
    )


@contextlib.contextmanager
def workers(scheduler: str | None) -> Iterator[Machines | None]:
    """The workers of the scheduler that ``--scheduler`` names; None without one.

    Raises:
        MissingExtraError, UndecidedError: As `manifest.inventory.scheduler.connect`.
    """
    if scheduler is None:
        yield None
        return
    from manifest.inventory.scheduler import connect

    with connect(scheduler) as machines:
        yield machines


def format_option(*formats: str) -> Callable[[F], F]:
    """``--format``: ``text`` by default; called ``output_format``."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(formats or ("text", "json")),
        default="text",
        show_default=True,
        help="For people, or for programs.",
    )


def quiet_option() -> Callable[[F], F]:
    """``--quiet``: no progress and no summary; errors and warnings stay."""
    return click.option(
        "--quiet", "-q", is_flag=True, help="No progress and no summary; warnings stay."
    )


def passphrase_options(what: str) -> Callable[[F], F]:
    """``--passphrase-fd`` and ``--passphrase-env``, for `read_passphrase`."""

    def decorate(function: F) -> F:
        env = click.option(
            "--passphrase-env",
            metavar="VAR",
            help=f"Take {what} from this environment variable.",
        )
        fd = click.option(
            "--passphrase-fd",
            type=click.IntRange(min=0),
            metavar="N",
            help=f"Read {what} from this open file descriptor.",
        )
        return fd(env(function))

    return decorate


_MAX_PASSPHRASE = 1023  # what OpenSSL takes


def read_passphrase(fd: int | None, env: str | None) -> bytes | None:
    """The passphrase that the options name; None when they name none.

    One line ending is taken off what a descriptor gives, as ``echo`` and editors add one.

    Raises:
        click.UsageError: Both are given, or what is named cannot be read, is empty or too long.
    """
    if fd is not None and env is not None:
        raise click.UsageError("--passphrase-fd and --passphrase-env exclude each other")
    if env is not None:
        secret = os.environb.get(os.fsencode(env), b"")
        if not secret:
            raise click.UsageError(f"the environment variable {printable(env)} is empty or not set")
        if len(secret) > _MAX_PASSPHRASE:
            raise click.UsageError(
                f"the environment variable {printable(env)}: more than {_MAX_PASSPHRASE} bytes"
            )
        return secret
    if fd is None:
        return None
    data = b""
    try:
        while len(data) <= _MAX_PASSPHRASE + 2 and (chunk := os.read(fd, _MAX_PASSPHRASE + 3)):
            data += chunk
    except OSError as error:
        raise click.UsageError(f"file descriptor {fd}: {error.strerror}") from None
    secret = data.removesuffix(b"\n").removesuffix(b"\r")
    if len(secret) > _MAX_PASSPHRASE:
        raise click.UsageError(f"file descriptor {fd}: more than {_MAX_PASSPHRASE} bytes")
    if not secret:
        raise click.UsageError(f"file descriptor {fd}: holds no passphrase")
    return secret


def paint(text: str, role: str) -> str:
    """``text`` in the colours of a role; the `Paint` of `manifest.render` for a terminal."""
    return click.style(text, **_ROLES[role])


def read_key_file(path: str, *, max_bytes: int) -> bytes:
    """Read a key file; unlike other files it may be a pipe, as ``<(pass show signing-key)``.

    Raises:
        click.UsageError: It cannot be read, or is too large to be a key.
    """
    shown = printable(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise click.UsageError(f"the key {shown} cannot be read: {error.strerror}") from None
    if len(data) > max_bytes:
        raise click.UsageError(f"{shown} is too large to be a key")
    return data


def ask_passphrase(prompt: str, *, again: bool = False) -> bytes:
    """Ask for a passphrase on the terminal without showing it; ``again`` asks twice."""
    text: str = click.prompt(
        prompt, hide_input=True, confirmation_prompt="Once more" if again else False, err=True
    )
    return text.encode("utf-8", "surrogateescape")


def is_terminal() -> bool:
    """Whether there is someone to ask."""
    return sys.stdin.isatty()


def shell_word(path: str | Path) -> str:
    """A path as it is written in a command to be copied."""
    import shlex

    return printable(shlex.quote(str(path)))


def say(text: str = "") -> None:
    """Print a line of the result to stdout."""
    click.echo(text)


def note(text: str) -> None:
    """Print a remark to stderr."""
    click.echo(paint("note: ", "bold") + text, err=True)


def warn(text: str, remedy: str = "") -> None:
    """Print a warning, and what to do about it, to stderr."""
    click.echo(paint("warning: ", "warn") + text, err=True)
    if remedy:
        click.echo(paint("  remedy: ", "bold") + remedy, err=True)


def echo_json(value: Any) -> None:
    """Print a report for programs to stdout: JSON, fields in the order given."""
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
