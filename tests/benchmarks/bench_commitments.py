"""How long it takes to commit to records of 1 KiB, and to prove and check; and in how much memory.

    python tests/benchmarks/bench_commitments.py [MILLIONS ...] [--absence RECORDS] [--dir DIR]

Run by hand: it makes the data under a temporary directory (1 GiB for each million of records),
prints wall time, records a second, processor time and peak memory of each run, and asserts
nothing. Without arguments: one million and two, and 100,000 for absence. Each run is a process of
its own; where other programs are busy, the processor time says more than the wall time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from manifest.commitments import (
    CommitOptions,
    Format,
    Prover,
    Secrets,
    check_proof,
    commit,
    dump_proof,
    record_digest,
)

SIZE = 1024  # bytes of a line, its end included
BLOCK = 4096
SECRETS = Secrets(bytes(range(32)))


def make(path: Path, count: int) -> None:
    """Lines of JSON of exactly `SIZE` bytes, each another."""
    filler = os.urandom(SIZE).hex()
    with path.open("wb") as file:
        for start in range(0, count, BLOCK):
            lines = []
            for number in range(start, min(start + BLOCK, count)):
                head = f'{{"id": {number:012}, "text": "'
                lines.append(f'{head}{filler[: SIZE - len(head) - 3]}"}}\n')
            file.write("".join(lines).encode())


def run(path: Path, *, absence: bool, index: Path | None, processes: int) -> None:
    """One commitment, measured from inside."""
    options = CommitOptions(Format.JSONL, absence=absence, index=index, processes=processes)
    start = time.perf_counter()
    commitment = commit([path], SECRETS, options)
    seconds = time.perf_counter() - start
    own = resource.getrusage(resource.RUSAGE_SELF)
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {
        "seconds": seconds,
        "rate": commitment.presence.count / seconds,
        "cpu": own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime,
        # Of one process and of the largest of the others: there are as many as `processes`.
        "memory": (own.ru_maxrss + processes * others.ru_maxrss) / 1024,
    }
    if index is not None:
        result |= proofs(Prover(commitment, SECRETS, index), path, absence=absence)
    sys.stdout.write(json.dumps(result) + "\n")


def proofs(prover: Prover, path: Path, *, absence: bool) -> dict[str, float]:
    """The slowest of some proofs, made and checked, and the largest."""
    commitment = prover._commitment
    count = path.stat().st_size // SIZE
    records = []
    with path.open("rb") as file:
        for place in range(0, count, max(count // 20, 1)):
            file.seek(place * SIZE)
            records.append(file.read(SIZE)[:-1])
    if absence:
        records += [b"absent %d" % i for i in range(20)]
    made, checked, size = [], [], []
    for record in records:
        digest = record_digest(record, commitment.rules)
        start = time.perf_counter()
        proof = prover.prove(digest)
        made.append(time.perf_counter() - start)
        start = time.perf_counter()
        check_proof(proof, commitment)
        checked.append(time.perf_counter() - start)
        size.append(len(dump_proof(proof)))
    return {"made": max(made), "checked": max(checked), "size": max(size)}


def measured(path: Path, *more: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--run", str(path), *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def tell(what: str, found: dict[str, float]) -> None:
    text = (
        f"{what}: {found['seconds']:.1f} s, {found['rate']:,.0f} a second, "
        f"{found['cpu']:.1f} s of processor, {found['memory']:.0f} MiB"
    )
    if "made" in found:
        text += (
            f"; a proof of {found['size']:,.0f} bytes, made in {found['made'] * 1000:.1f} ms, "
            f"checked in {found['checked'] * 1000:.1f} ms"
        )
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("millions", nargs="*", type=float, default=[1, 2])
    parser.add_argument("--absence", type=int, default=100_000, help="records for absence")
    parser.add_argument("--dir", help="where the data goes for the time being")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--with-absence", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        run(args.run, absence=args.with_absence, index=args.index, processes=args.processes)
        return
    processes = ("--processes", str(args.processes))
    with tempfile.TemporaryDirectory(dir=args.dir) as name:
        path = Path(name) / "data.jsonl"
        for count in (int(m * 1_000_000) for m in args.millions):
            make(path, count)
            tell(f"presence, {count:,} records", measured(path, *processes))
            index = ("--index", str(Path(name) / f"index{count}"))
            tell("  with an index", measured(path, *processes, *index))
        if args.absence:
            make(path, args.absence)
            more = ("--with-absence", "--index", str(Path(name) / "absence"))
            tell(f"absence, {args.absence:,} records", measured(path, *processes, *more))


if __name__ == "__main__":
    main()
