"""How long it takes to commit to records of 1 KiB, and to prove and check; and in how much memory.

Each run is a process of its own: ``python job_commitments.py DATA [--absence] [--index DIR]``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from measuring import CORES, Bench, HelpersMemory, Job, Role, Run, Target, peak_memory

from manifest.commitments import (
    CommitOptions,
    Format,
    Prover,
    Secrets,
    check_proof,
    commit,
    record_digest,
)

__all__ = ["commitments"]

_SIZE = 1024  # bytes of a line, its end included
_BLOCK = 4096
_SECRETS = Secrets(bytes(range(32)))


def commitments(bench: Bench) -> Job:
    """Commit to records, with and without the tree that proves absence."""
    few, many, for_absence = (
        (20_000, 100_000, 2_000) if bench.quick else (1_000_000, 10_000_000, 100_000)
    )
    data, some = bench.scratch / "data.jsonl", bench.scratch / "some.jsonl"
    absence = ("--absence", "--index", str(bench.scratch / "absence"))
    runs: list[Run] = []
    for count in (few, many):
        _make(data, count)
        found = _figures(data)
        each = found["all"][0] / count * 1e6
        runs += (
            Run(f"presence, {count:,} records", Role.OURS, (found["all"][0],)),
            Run(f"presence, each of {count:,}", Role.OURS, (each,), "µs"),
            Run(f"presence, {count:,}: memory", Role.OURS, (found["memory"][0],), "MB"),
        )
        if count == few:
            index = ("--index", str(bench.scratch / "index"))
            runs += _measured("presence, with an index", data, *index)
    data.unlink()
    _make(some, for_absence)
    runs += _measured(f"absence, {for_absence:,} records", some, *absence)
    proof = "a proof made", "a proof checked"
    return Job(
        "commitments",
        f"{few:,} and {many:,} records of 1 KiB; {for_absence:,} for absence",
        tuple(runs),
        (
            Target("microseconds for a record", f"presence, each of {many:,}", 5, True),
            Target("memory in MB", f"presence, {many:,}: memory", 300, True),
            Target(
                "growth of the time of a record",
                f"presence, each of {many:,}",
                1.1,
                True,
                other=f"presence, each of {few:,}",
            ),
            *(
                Target(f"{what}, in seconds", f"{where}: {what}", 0.05, True)
                for what in proof
                for where in ("presence, with an index", f"absence, {for_absence:,} records")
            ),
        ),
    )


def _figures(path: Path, *more: str) -> dict[str, tuple[float, str]]:
    arguments = [sys.executable, __file__, str(path), *more]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, check=True)
    found: dict[str, tuple[float, str]] = json.loads(done.stdout)
    return found


def _measured(what: str, path: Path, *more: str) -> tuple[Run, ...]:
    return tuple(
        Run(f"{what}: {name}", Role.OURS, (value,), unit)
        for name, (value, unit) in _figures(path, *more).items()
    )


def _make(path: Path, count: int) -> None:
    """Lines of JSON of exactly `_SIZE` bytes, each another."""
    filler = os.urandom(_SIZE).hex()
    with path.open("wb") as file:
        for start in range(0, count, _BLOCK):
            lines = []
            for number in range(start, min(start + _BLOCK, count)):
                head = f'{{"id": {number:012}, "text": "'
                lines.append(f'{head}{filler[: _SIZE - len(head) - 3]}"}}\n')
            file.write("".join(lines).encode())


def _commit(path: Path, *, absence: bool, index: Path | None) -> dict[str, tuple[float, str]]:
    """One commitment, measured from inside."""
    options = CommitOptions(Format.JSONL, absence=absence, index=index, processes=CORES)
    start = time.perf_counter()
    with HelpersMemory() as helpers:
        commitment = commit([path], _SECRETS, options)
    seconds = time.perf_counter() - start
    own, others = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    memory = peak_memory() + helpers.most
    found = {"all": (seconds, "s"), "processor": (cpu, "s"), "memory": (memory, "MB")}
    if index is not None:
        found |= _prove(Prover(commitment, _SECRETS, index), path, absence=absence)
    return found


def _prove(prover: Prover, path: Path, *, absence: bool) -> dict[str, tuple[float, str]]:
    """The slowest of some proofs, made and checked."""
    commitment = prover._commitment
    count = path.stat().st_size // _SIZE
    records = []
    with path.open("rb") as file:
        for place in range(0, count, max(count // 20, 1)):
            file.seek(place * _SIZE)
            records.append(file.read(_SIZE)[:-1])
    if absence:
        records += [b"absent %d" % i for i in range(20)]
    made, checked = [], []
    for record in records:
        digest = record_digest(record, commitment.rules)
        start = time.perf_counter()
        proof = prover.prove(digest)
        made.append(time.perf_counter() - start)
        start = time.perf_counter()
        check_proof(proof, commitment)
        checked.append(time.perf_counter() - start)
    return {"a proof made": (max(made), "s"), "a proof checked": (max(checked), "s")}


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--absence", action="store_true")
    parser.add_argument("--index", type=Path)
    options = parser.parse_args()
    found = _commit(options.data, absence=options.absence, index=options.index)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    _main()
