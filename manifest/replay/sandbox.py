"""The sandbox of a replay: `bwrap` and the arguments that it is given (spec/replay.md, "The sandbox").

The command sees the system's programs and libraries, the interpreter that the user chose, the
verified copies and one directory to write to. There is no network, no process of anyone else's, no
home, and neither the release nor the published checkpoint.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from manifest.display import printable
from manifest.errors import UndecidedError, UsageError
from manifest.records import record

__all__ = ["OUTPUT", "RELEASE", "ROOTS", "Sandbox", "find_bwrap", "fixed_variables"]

RELEASE = "/replay/release"
ROOTS = "/replay/roots"
OUTPUT = "/replay/output"
_OLDEST = (0, 8, 0)  # `--disable-userns`
_TEMPORARY = 1024 * 1024 * 1024
_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SETTINGS = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives")


def fixed_variables(temporary: str = "/tmp") -> dict[str, str]:  # noqa: S108 - its own, inside
    """The environment of a replay, before the variables that the recipe declares.

    Args:
        temporary: The directory for what is not kept.
    """
    return {
        "HOME": temporary,
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "TMPDIR": temporary,
        "TZ": "UTC",
    }


def find_bwrap() -> str:
    """The program ``bwrap``.

    Raises:
        UndecidedError: There is none, or it is too old.
    """
    path = shutil.which("bwrap")
    remedy = "install bubblewrap 0.8 or later; --no-sandbox runs without one, with all your rights"
    if path is None:
        raise UndecidedError("there is no sandbox here: bwrap is not installed", remedy=remedy)
    try:
        said = subprocess.run(  # noqa: S603 - bwrap itself
            [path, "--version"], capture_output=True, timeout=60, check=False, env={}
        ).stdout
    except (OSError, subprocess.SubprocessError):
        said = b""
    match = re.search(rb"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?", said)
    version = tuple(int(part or 0) for part in match.groups()) if match else ()
    if version < _OLDEST:
        shown = ".".join(map(str, version)) or "of an unknown version"
        raise UndecidedError(f"there is no sandbox here: bwrap is {shown}", remedy=remedy)
    return path


@record(frozen=True, slots=True)
class Sandbox:
    """What a sandbox shows of this machine.

    Attributes:
        bwrap: The program.
        directories: Directories that can be read, at their own paths: of the interpreter, and
            what the user added.
        devices: Devices that can be used, as ``/dev/nvidia0``.
    """

    bwrap: str
    directories: tuple[str, ...]
    devices: tuple[str, ...] = ()

    def refuse_to_show(self, hidden: Iterable[Path]) -> None:
        """Refuse to show a place that must stay hidden, through a directory that holds it.

        Raises:
            UsageError: The sandbox would show it.
        """
        shown = [os.path.realpath(d) for d in ("/usr", *self.directories)]
        shown += [os.path.realpath(f"/{name}") for name in _SYSTEM]
        for place in hidden:
            real = os.path.realpath(place)
            for directory in shown:
                if directory in {"/", real} or real.startswith(f"{directory}/"):
                    raise UsageError(
                        f"the sandbox would show {printable(str(place))}, which lies in "
                        f"{printable(directory)}",
                        remedy="move it out of there, or choose another --python",
                    )

    def arguments(
        self,
        command: Sequence[str],
        *,
        inputs: Path,
        output: Path,
        variables: Mapping[str, str],
        status: int,
        block: int,
    ) -> list[str]:
        """The call of ``bwrap`` that runs a command.

        Args:
            command: The command, as seen from inside.
            inputs: The directory with the verified copies, in ``release`` and ``roots``.
            output: The directory that it may write to.
            variables: Its environment.
            status: A descriptor to which bwrap writes the number of the process.
            block: A descriptor from which it reads before the command begins.
        """
        size = str(_TEMPORARY)
        call = [self.bwrap, "--unshare-all", "--unshare-user", "--disable-userns"]
        call += ["--uid", "1000", "--gid", "1000", "--hostname", "replay"]
        call += ["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv"]
        for name, value in variables.items():
            call += ["--setenv", name, value]
        call += ["--ro-bind", "/usr", "/usr"]
        for name in _SYSTEM:
            place = Path("/", name)
            if place.is_symlink():
                call += ["--symlink", str(place.readlink()), str(place)]
            elif place.is_dir():
                call += ["--ro-bind", str(place), str(place)]
        for place_ in _SETTINGS:
            call += ["--ro-bind-try", place_, place_]
        call += ["--proc", "/proc", "--dev", "/dev", "--size", size, "--tmpfs", "/dev/shm"]  # noqa: S108 - its own
        call += ["--size", size, "--tmpfs", "/tmp"]  # noqa: S108 - its own
        for directory in self.directories:
            call += ["--ro-bind", os.path.realpath(directory), directory]
        for device in self.devices:
            call += ["--dev-bind", device, device]
        call += ["--ro-bind", str(inputs / "release"), RELEASE]
        if (inputs / "roots").is_dir():
            call += ["--ro-bind", str(inputs / "roots"), ROOTS]
        call += ["--bind", str(output), OUTPUT, "--remount-ro", "/dev", "--remount-ro", "/"]
        call += ["--chdir", RELEASE, "--json-status-fd", str(status), "--block-fd", str(block)]
        return [*call, "--", *command]
