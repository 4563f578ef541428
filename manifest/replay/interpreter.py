"""The Python that a replay runs with: the user's choice, and asked what it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from manifest.display import printable
from manifest.errors import UsageError
from manifest.records import record

__all__ = ["Interpreter", "inspect_interpreter"]

_QUESTION = (
    "import json, platform, sys; print(json.dumps([sys.executable, sys.prefix, sys.base_prefix, "
    "platform.python_implementation() + ' ' + platform.python_version(), platform.platform()]))"
)
_SECONDS = 60


@record(frozen=True, slots=True)
class Interpreter:
    """A Python.

    Attributes:
        path: The program, absolute.
        directories: Where its libraries lie: of its environment, and of what that was made from.
        version: As ``CPython 3.11.7``.
        platform: What it runs on, in its own words.
    """

    path: str
    directories: tuple[str, ...]
    version: str
    platform: str


def inspect_interpreter(path: str) -> Interpreter:
    """Ask a Python where its libraries lie. It runs with the user's rights: it is the user's own.

    Args:
        path: The program, or its name on the search path.

    Raises:
        UsageError: It is no Python that answers.
    """
    found = shutil.which(path)
    shown = printable(path)
    if found is None:
        raise UsageError(f"--python {shown}: there is no such program", remedy="check the name")
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the user named
            [found, "-I", "-c", _QUESTION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
        program, prefix, base, version, platform = map(str, json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):
        raise UsageError(
            f"--python {shown} does not answer as a Python does",
            remedy="name the python of an environment that has what the training needs",
        ) from None
    own = os.path.realpath(prefix)
    directories = tuple(dict.fromkeys((own, os.path.realpath(base), str(Path(prefix)))))
    return Interpreter(program or found, directories, version, platform)
