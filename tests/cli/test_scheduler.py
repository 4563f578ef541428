"""``--scheduler``: the same manifests and the same answers, by the workers of a cluster."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from clusters import local_cluster
from weights import T, safetensors

from manifest.build import build
from manifest.inventory import scheduler
from manifest.inventory.scheduler import connect

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with local_cluster(2) as cluster:
        yield cluster


@pytest.fixture
def release(small_release: Path) -> Path:
    tensors = [T(f"layer.{number}", bytes([number]) * 200) for number in range(4)]
    (small_release / "model one.safetensors").write_bytes(safetensors(*tensors))
    for number in range(40):
        (small_release / f"data/{number}.jsonl").write_bytes(os.urandom(50_000))
    return small_release


@pytest.mark.long
class TestCluster:
    def test_the_manifest_is_the_one_that_is_built_here(
        self, run: Run, release: Path, cluster: Any
    ) -> None:
        run("build", release, "--quiet")
        here = (release / "manifest.json").read_bytes()
        assert b'"tensors"' in here
        (release / "manifest.json").unlink()
        result = run("build", release, "--scheduler", cluster.scheduler_address)
        assert (result.exit_code, result.stderr) == (0, "")
        assert (release / "manifest.json").read_bytes() == here

    def test_a_worker_killed_while_it_builds_changes_nothing(
        self, release: Path, cluster: Any
    ) -> None:
        killed: list[int] = []
        with connect(cluster.scheduler_address) as machines:
            pids = list(machines.everywhere(os.getpid).values())

            def kill(_bytes: int, _files: int) -> None:
                if not killed:
                    killed.append(pids[0])
                    os.kill(pids[0], signal.SIGKILL)

            built = build(release, executor=machines, progress=kill)
        assert killed
        assert built.data == build(release).data

    def test_verify_gives_the_same_answers(self, run: Run, release: Path, cluster: Any) -> None:
        run("build", release, "--quiet")
        arguments = ("verify", release, "--integrity-only", "--digest", "both")
        here = run(*arguments)
        there = (*arguments, "--scheduler", cluster.scheduler_address)
        assert run(*there).stdout == here.stdout
        assert here.exit_code == 0
        weights = release / "model one.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
        changed = run(*there)
        assert changed.exit_code == 5
        assert "layer.3" in changed.stdout

    def test_a_signed_release_is_verified_by_workers(
        self, run: Run, release: Path, cluster: Any, tmp_path: Path
    ) -> None:
        run("build", release, "--quiet")
        key = tmp_path / "key"
        run("keygen", "--out", key, "--no-passphrase")
        result = run("sign", release, "--key", key)
        assert result.exit_code == 0, result.output
        result = run(
            "verify", release, "--key", f"{key}.pub", "--scheduler", cluster.scheduler_address
        )
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize("command", ["build", "verify"])
def test_no_scheduler_is_an_answer_that_could_not_be_had(
    command: str, run: Run, small_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(scheduler, "_CONNECT_SECONDS", 0.3)
    result = run(command, small_release, "--scheduler", "tcp://127.0.0.1:9")
    assert result.exit_code == 4
    assert "there is no scheduler at tcp://127.0.0.1:9" in result.stderr
    assert "remedy: check the address" in result.stderr
    assert not (small_release / "manifest.json").exists()


def test_without_the_extra_the_install_line_is_told(
    run: Run, small_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = run("build", small_release, "--scheduler", "tcp://127.0.0.1:9")
    assert result.exit_code == 2
    assert "pip install 'model-release-manifest[dask]'" in result.stderr
