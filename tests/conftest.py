"""A small release, the demo's release and the command line, for the tests of commands."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import CliRunner, Result
from hypothesis import settings

Run: TypeAlias = Callable[..., Result]

# A job in the background is started with interruptions ignored, and hands that on to its children:
# the programs that tests interrupt would never notice.
if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    and threading.current_thread() is threading.main_thread()
):
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test fails for the time it takes: a busy machine is no defect.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

DESCRIPTION = """\
# A release for tests.
schema_version: "1.0"
name: acme/tiny
version: 1.10
described_by: publisher
license: apache-2.0
components:
  model-parameters-final:
    files: ["*.safetensors"]
  tokenizer:
    files: [tokenizer.json]
  data:
    kind: datasets
    files: [data/]
    exclude: ["**/*.tmp"]
  research-paper:
    references:
      - {type: doi, doi: 10.1000/182}
  training-logs:
    withheld: {reason: They name people.}
data:
  order: data/order.jsonl
"""

FILES = {
    "release.yaml": DESCRIPTION,
    "model one.safetensors": "weights",
    "tokenizer.json": "{}",
    "README.md": "# Tiny\n",
    "data/order.jsonl": "[0]\n",
    "data/größe.jsonl": "[1]\n",
    "data/deep/er/日本.txt": "x",
    "data/scratch.tmp": "t",
}


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test knows what another run of the tests has hashed, nor leaves anything at home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def small_release(tmp_path: Path) -> Path:
    """A valid release directory, without a manifest; spaces and letters beyond ASCII in names."""
    root = tmp_path / "tiny réleas e"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def demo_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's release, trained once for all the processes that test: to be read, not changed."""
    from manifest.demo import make_release

    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    release = shared / "demo" / "quill"
    with (shared / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not release.exists():
            make_release(release)
    return release


@pytest.fixture
def run() -> Run:
    """Run the command line in this process: ``run("build", directory)``."""

    def invoke(*args: object, **options: object) -> Result:
        from manifest.cli import cli

        runner = CliRunner()
        return runner.invoke(cli, [str(a) for a in args], catch_exceptions=False, **options)  # type: ignore[arg-type]

    return invoke
