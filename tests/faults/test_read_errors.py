"""A disk that cannot read: no answer where one would be a guess, and nothing written.

The error is the system's own, EIO from the calls that read, made by a library that is loaded before
the program (`read_errors.c`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from releases import make_release

from manifest.signing.keys import generate, private_pem, public_pem

pytestmark = pytest.mark.long

HERE = Path(__file__).resolve().parent
KEY = generate()
POLICY = """\
schema_version: "1.0"
signers:
  acme: {keys: [key.pub], roles: [publisher], releases: ["acme/*"]}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs Linux and a C compiler")
    made = tmp_path_factory.mktemp("library") / "read_errors.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", made, HERE / "read_errors.c", "-ldl"]
    subprocess.run([*map(str, command)], check=True)
    return made


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A signed release beside its keys and a policy."""
    (tmp_path / "release").mkdir()
    make_release(tmp_path / "release", KEY)
    (tmp_path / "key.pem").write_bytes(private_pem(KEY, None))
    (tmp_path / "key.pub").write_bytes(public_pem(KEY.public))
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path


def run(
    library: Path, place: Path, unreadable: str, *arguments: str, start: int = 0
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "LD_PRELOAD": str(library),
        "READ_ERROR": str((place / unreadable).resolve()),
        "READ_ERROR_FROM": str(start),
        "XDG_CACHE_HOME": str(place / "cache"),
    }
    return subprocess.run(
        [sys.executable, "-m", "manifest", *arguments],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def content(place: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(place)): p.read_bytes()
        for p in (place / "release").rglob("*")
        if p.is_file()
    }


VERIFY = ("verify", "release", "--key", "key.pub")


def test_the_release_is_good_while_everything_can_be_read(library: Path, place: Path) -> None:
    assert run(library, place, "nothing", *VERIFY).returncode == 0


@pytest.mark.parametrize(
    "file",
    [
        "model.safetensors",
        "notes.txt",
        "tokenizer/vocab naïve.txt",
        "release.yaml",
        "manifest.json",
        "model.sig",
    ],
)
@pytest.mark.parametrize("digest", ["sha256", "both"])
def test_verify_cannot_tell(library: Path, place: Path, file: str, digest: str) -> None:
    done = run(library, place, f"release/{file}", *VERIFY, "--digest", digest)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Input/output error" in done.stdout + done.stderr
    assert Path(file).name in done.stdout + done.stderr
    assert "VERIFIED" not in done.stdout.replace("NOT VERIFIED", "")


def test_a_file_that_cannot_be_read_to_its_end(library: Path, place: Path) -> None:
    done = run(library, place, "release/model.safetensors", *VERIFY, start=8000)
    assert done.returncode == 4
    assert "model.safetensors" in done.stdout


def test_what_differs_weighs_more_than_what_cannot_be_read(library: Path, place: Path) -> None:
    (place / "release" / "notes.txt").write_bytes(b"changed")
    done = run(library, place, "release/model.safetensors", *VERIFY)
    assert done.returncode == 5
    assert "Input/output error" in done.stdout


@pytest.mark.parametrize("file", ["model.safetensors", "release.yaml"])
def test_nothing_is_built(library: Path, place: Path, file: str) -> None:
    (place / "release" / "notes.txt").write_bytes(b"so that there is something to write")
    before = content(place)
    done = run(library, place, f"release/{file}", "build", "release")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Input/output error" in done.stderr
    assert content(place) == before


@pytest.mark.parametrize("file", ["model.safetensors", "release.yaml", "manifest.json"])
def test_nothing_is_signed(library: Path, place: Path, file: str) -> None:
    (place / "release" / "model.sig").unlink()
    before = content(place)
    done = run(library, place, f"release/{file}", "sign", "release", "--key", "key.pem")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Input/output error" in done.stderr
    assert content(place) == before


@pytest.mark.parametrize("file", ["key.pub", "policy.yaml", "state.json"])
def test_a_policy_that_cannot_be_read_admits_nothing(library: Path, place: Path, file: str) -> None:
    ask = ("verify", "release", "--policy", "policy.yaml", "--state", "state.json")
    assert run(library, place, "nothing", *ask).returncode == 0
    before = (place / "state.json").read_bytes()
    done = run(library, place, file, *ask)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Input/output error" in done.stderr
    assert (place / "state.json").read_bytes() == before


def test_a_memory_of_digests_that_cannot_be_read_is_done_without(
    library: Path, place: Path
) -> None:
    """What is remembered saves time, and is never needed."""
    (place / "release" / "model.safetensors").write_bytes(bytes(3_000_000))
    for number in range(2):
        (place / "release" / "notes.txt").write_text(str(number))
        assert run(library, place, "nothing", "build", "release").returncode == 0
    (memory,) = (
        p for p in (place / "cache").rglob("*") if p.suffix in {".db", ".sqlite", ".sqlite3"}
    )
    (place / "release" / "notes.txt").write_text("again")
    done = run(library, place, str(memory.relative_to(place)), "build", "release")
    assert done.returncode == 0, done.stderr
    assert run(library, place, "nothing", "build", "release", "--check").returncode == 0
