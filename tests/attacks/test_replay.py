"""A replayed command is a stranger's program: what it tries, and what comes of it."""

from __future__ import annotations

import os
import socket
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from replays import TRAIN, make_replayable, needs_bwrap, replayed, weights

from manifest.errors import UndecidedError
from manifest.render.replay_text import render_replay
from manifest.replay.comparison import Result

pytestmark = needs_bwrap

TRY = """
import os, socket, sys
def attempt(name, what):
    try:
        print(name, "->", what())
    except BaseException as error:
        print(name, "-> refused:", type(error).__name__)
"""


def said(tmp_path: Path, script: str, **options: Any) -> str:
    """What a script says in the sandbox, after it has trained honestly."""
    release = make_replayable(tmp_path / "r", script=TRAIN + TRY + script)
    report = replayed(release, tmp_path / "out", **options)
    assert report.result is Result.BIT_FOR_BIT, render_replay(report)
    return report.outcomes[0].ended.log.decode()


def test_it_cannot_write_outside_its_output(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    script = f"""
for place in {[str(victim), str(tmp_path / "new")]!r} + [
    "/replay/release/train.py", "/replay/release/new", "/replay/new", "/usr/new", "/new", "/dev/new",
    "/etc/new", sys.prefix + "/new", sys.base_prefix + "/new", "/replay/output/../new",
]:
    attempt(place, lambda: open(place, "w").write("yours"))
attempt("tmp", lambda: open("/tmp/new", "w").write("yours"))
"""
    lines = said(tmp_path, script).splitlines()
    assert len(lines) == 13
    assert [line for line in lines if "refused" not in line] == ["tmp -> 5"]
    assert victim.read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "r", "victim"]
    assert (tmp_path / "r/train.py").read_text() == TRAIN + TRY + script


def test_it_cannot_reach_the_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        script = f"""
attempt("loopback", lambda: socket.create_connection(("127.0.0.1", {port}), 1))
attempt("outside", lambda: socket.create_connection(("192.0.2.1", 80), 1))
attempt("name", lambda: socket.getaddrinfo("example.org", 80))
print(sorted(name for _, name in socket.if_nameindex()))
"""
        lines = said(tmp_path, script).splitlines()
        with pytest.raises(TimeoutError):
            server.accept()
    assert [line.split(":")[0] for line in lines[:3]] == [
        "loopback -> refused", "outside -> refused", "name -> refused",
    ]  # fmt: skip
    assert lines[3] == "['lo']"


def test_it_cannot_reach_a_socket_of_the_machine(tmp_path: Path) -> None:
    name = f"\0replay-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        server.settimeout(0.2)
        script = f'\nattempt("abstract", lambda: socket.socket(socket.AF_UNIX).connect({name!r}))\n'
        assert "abstract -> refused" in said(tmp_path, script)
        with pytest.raises(TimeoutError):
            server.accept()


def test_it_cannot_read_the_expected_answer(tmp_path: Path) -> None:
    """Not where the release lies, not by a search of all it can see, not through a process."""
    marker = weights(1.5, 2.5, 3.5)[-12:].hex()
    script = f"""
answer = bytes.fromhex({marker!r})
found = []
for top, dirs, files in os.walk("/"):
    dirs[:] = [d for d in dirs if os.path.join(top, d) not in ("/proc", "/dev", "/usr", "/replay/output")
               and not os.path.join(top, d).startswith((sys.base_prefix, sys.prefix))]
    for name in files:
        try:
            if answer in open(os.path.join(top, name), "rb").read(10**6):
                found.append(os.path.join(top, name))
        except OSError:
            pass
print("found", found)
attempt("release", lambda: os.listdir({str(tmp_path)!r}))
print("processes", sum(name.isdigit() for name in os.listdir("/proc")))
attempt("root", lambda: os.listdir("/proc/1/root" + {str(tmp_path)!r}))
print("checkpoints", os.listdir("/replay/release/checkpoints"))
"""
    lines = said(tmp_path, script).splitlines()
    assert lines == [
        "found []",
        "release -> refused: FileNotFoundError",
        "processes 2",
        "root -> refused: FileNotFoundError",
        "checkpoints ['one']",
    ]


def test_what_it_forks_does_not_survive_it(tmp_path: Path) -> None:
    script = """
import time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3): os.close(fd)
        time.sleep(1)
        open("/replay/output/late", "w").write("still here")
    os._exit(0)
"""
    said(tmp_path, script)
    time.sleep(1.3)
    output = tmp_path / "out/segment-1/output"
    assert [p.name for p in output.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("script", "options", "reason"),
    [
        pytest.param(
            "while True: pass", {"seconds": 0.5}, "it ran for more than", id="runs-for-ever"
        ),
        pytest.param(
            "import time\nfor n in range(40):\n"
            "    open(f'/replay/output/{n}', 'wb').write(bytes(500_000)); time.sleep(0.02)",
            {"output_bytes": 2_000_000},
            "it wrote more than 2.0 MB",
            id="fills-the-disk-with-files",
        ),
        pytest.param(
            "for n in range(200_000): open(f'/replay/output/{n}', 'w').close()",
            {},
            "it wrote more than 100,000 files",
            id="fills-the-directory",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "import time\nhere = '/replay/output'\nos.chdir(here)\nfor n in range(3000):\n    os.mkdir('d'); os.chdir('d')\n"
            "time.sleep(30)",
            {},
            "it made directories more than 100 deep",
            id="nests-directories",
        ),
        pytest.param(
            "import time\nfor n in range(30):\n    os.mkdir('n' * 250) if n else os.chdir('/replay/output')\n"
            "    os.chdir('n' * 250) if n else None\nopen('x', 'wb').write(bytes(9_000_000))\ntime.sleep(30)",
            {"output_bytes": 2_000_000},
            "names too long",
            id="hides-behind-long-names",
        ),
        pytest.param(
            "import time\nheld = bytearray(300_000_000)\nheld[::4096] = b'x' * len(held[::4096])\n"
            "time.sleep(30)",
            {"memory_bytes": 200_000_000},
            "it used more than 200.0 MB of memory",
            id="eats-memory",
        ),
    ],
)  # fmt: skip
def test_it_is_stopped_where_it_goes_too_far(
    tmp_path: Path, script: str, options: dict[str, Any], reason: str
) -> None:
    release = make_replayable(tmp_path / "r", script=TRAIN + "import os\n" + script)
    report = replayed(release, tmp_path / "out", **options)
    assert report.result is None
    assert reason in report.outcomes[0].ended.stopped
    assert "the command was stopped" in render_replay(report)
    assert list((tmp_path / "out/segment-1/output").iterdir()) == []


def test_one_huge_file_is_cut_off_by_the_system(tmp_path: Path) -> None:
    script = TRAIN + "\nopen('/replay/output/huge', 'wb').truncate(10**12)\n"
    report = replayed(
        make_replayable(tmp_path / "r", script=script), tmp_path / "out", output_bytes=1_000_000
    )
    assert report.result is None
    assert "SIGXFSZ" in render_replay(report) or report.outcomes[0].ended.status


def test_links_in_its_output_are_taken_away_and_not_followed(tmp_path: Path) -> None:
    """A link to the published checkpoint would otherwise be "bit for bit"."""
    release = make_replayable(tmp_path / "r")
    answer = release / "checkpoints/two"
    secret = tmp_path / "secret"
    secret.write_text("private")
    secret.chmod(0o640)
    script = (
        TRAIN.replace("(output /", "(Path('/tmp') /")
        + f"""
import os
os.symlink({str(answer / "model.safetensors")!r}, output / "model.safetensors")
os.symlink({str(tmp_path)!r}, output / "all")
os.symlink({str(secret)!r}, output / "se\\x1b[31mcret")
os.mkfifo(output / "pipe")
"""
    )
    other = make_replayable(tmp_path / "r2", script=script)
    report = replayed(other, tmp_path / "out")
    assert report.result is Result.DIFFERS
    assert list((tmp_path / "out/segment-1/output").iterdir()) == []
    assert len(report.outcomes[0].removed) == 4
    text = render_replay(report)
    assert "removed from the output: pipe, a special file" in text
    assert "\x1b" not in text
    assert secret.read_text() == "private"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o640
    assert (answer / "model.safetensors").is_file()


def test_permissions_in_its_output_become_plain(tmp_path: Path) -> None:
    script = """
open("/replay/output/tool", "w").write("#!/bin/sh")
os.chmod("/replay/output/tool", 0o6777)
os.mkdir("/replay/output/shut")
os.chmod("/replay/output/shut", 0)
"""
    said(tmp_path, script)
    output = tmp_path / "out/segment-1/output"
    assert stat.S_IMODE((output / "tool").stat().st_mode) == 0o600
    assert stat.S_IMODE((output / "shut").stat().st_mode) == 0o700


def test_terminal_escapes_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    script = "print('\\x1b]0;owned\\x07\\x1b[2J')\nraise SystemExit('\\x1b[31mred\\u202e')\n"
    report = replayed(make_replayable(tmp_path / "r", script=script), tmp_path / "out")
    assert report.result is None
    for text in (render_replay(report), (tmp_path / "out/segment-1/log.txt").read_text()):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert r"\x1b[31mred" in text


def test_a_flood_of_words_is_cut(tmp_path: Path) -> None:
    said(tmp_path, "for _ in range(50_000): print('x' * 100)\n")
    assert (tmp_path / "out/segment-1/log.txt").stat().st_size < 1_100_000


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("b'\\xff' * 8 + b'{}'", id="a-header-of-any-length"),
        pytest.param("b''", id="empty"),
        pytest.param(
            '(46).to_bytes(8, \'little\') + b\'{"w":{"dtype":"F32","shape":[3],"data_offsets":[0\'',
            id="cut-off",
        ),
    ],
)
def test_output_that_is_no_checkpoint_differs(tmp_path: Path, content: str) -> None:
    script = f"import sys\nopen(sys.argv[2] + '/model.safetensors', 'wb').write({content})\n"
    wide = {"F32": {"absolute": 0.4}}
    report = replayed(
        make_replayable(tmp_path / "r", script=script, tolerance=wide), tmp_path / "out"
    )
    assert report.result is Result.DIFFERS


def test_a_name_that_no_manifest_could_hold_is_no_answer(tmp_path: Path) -> None:
    script = TRAIN + "\nopen(output / 'bad\\x1b[2Jname', 'w').close()\n"
    with pytest.raises(UndecidedError) as caught:
        replayed(make_replayable(tmp_path / "r", script=script), tmp_path / "out")
    assert "\x1b" not in caught.value.message


def test_a_variable_cannot_touch_the_sandbox_itself(tmp_path: Path) -> None:
    """LD_PRELOAD is for the command alone: bwrap starts with no environment at all."""
    release = make_replayable(
        tmp_path / "r", variables={"LD_PRELOAD": "/replay/release/data.txt", "BWRAP": "1"}
    )
    report = replayed(release, tmp_path / "out")
    assert report.result is Result.BIT_FOR_BIT
