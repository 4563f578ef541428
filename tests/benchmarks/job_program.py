"""What the program costs before it hashes anything: its start, and the validation of a manifest."""

from __future__ import annotations

import sys

from making import describe
from measuring import MANIFEST, Bench, Job, Role, Target, command, from_inside, takes_turns

from manifest import generate_key_pair
from manifest.build import build
from manifest.document.description import parse_description
from manifest.document.manifest_file import ManifestFile, dump_manifest, resolve

__all__ = ["start", "validation"]

_READ = """\
import json, sys, time
from manifest.document.manifest_entries import parse_files
from manifest.document.manifest_file import parse_manifest
what, many, few = sys.argv[1:]
parse_manifest(open(few, "rb").read())
data = open(many, "rb").read()
entries = json.loads(data)["files"] if what == "entries" else []
start = time.perf_counter()
if what == "json":
    json.loads(data)
elif what == "entries":
    parse_files(entries, "manifest.json")
else:
    parse_manifest(data)
print(time.perf_counter() - start)
"""


def validation(bench: Bench) -> Job:
    """A manifest of 100,000 entries, the libraries loaded already: its entries, and all of it."""
    count = 100_000
    directory = bench.scratch / "few"
    (directory / "data").mkdir(parents=True)
    describe(directory, "datasets: {files: [data]}")
    (directory / "data" / "one.txt").write_bytes(b"1")
    few = bench.scratch / "few.json"
    few.write_bytes(build(directory).data)
    description = parse_description((directory / "release.yaml").read_bytes())
    digest = "0123456789abcdef" * 4
    files = [
        ManifestFile(f"data/{n // 1000:03}/{n:06}.txt", n, digest, digest, components=("datasets",))
        for n in range(count)
    ]
    many = bench.scratch / "many.json"
    many.write_bytes(dump_manifest(resolve(description, files, digests=("sha256", "blake3"))))
    limit, ours, whole = "json.loads of the same bytes", "entries validated", "manifest parsed"
    arguments = str(many), str(few)
    runs = takes_turns(
        {
            limit: (Role.LIMIT, from_inside(sys.executable, "-c", _READ, "json", *arguments)),
            ours: (Role.OURS, from_inside(sys.executable, "-c", _READ, "entries", *arguments)),
            whole: (Role.OURS, from_inside(sys.executable, "-c", _READ, "all", *arguments)),
        },
        bench.rounds,
    )
    targets = (
        Target("validate the entries, in seconds", ours, 0.3, True, limit=limit),
        Target("parse all, root digest checked", whole, None, True, other=limit, limit=limit),
    )
    return Job("validation", f"a manifest of {count:,} entries", runs, targets)


def start(bench: Bench) -> Job:
    """The least that a command costs."""
    directory = bench.scratch / "tiny"
    directory.mkdir()
    describe(directory, "model-parameters-final: {files: [model.bin]}")
    (directory / "model.bin").write_bytes(b"weights")
    place, key = str(directory), str(bench.scratch / "tiny-key")
    generate_key_pair(key, passphrase=None)
    command(MANIFEST, "build", place, "--quiet")()
    command(MANIFEST, "sign", place, "--key", key, "--quiet")()
    limit, shown, verify = "python -c 'import click'", "manifest --help", "manifest verify"
    runs = takes_turns(
        {
            limit: (Role.LIMIT, command(sys.executable, "-c", "import click")),
            shown: (Role.OURS, command(MANIFEST, "--help")),
            verify: (Role.OURS, command(MANIFEST, "verify", place, "--key", f"{key}.pub", "-q")),
        },
        max(bench.rounds, 15),
    )
    targets = (
        Target("--help", shown, 1.3, True, other=limit, limit=limit),
        Target("verify of a tiny release", verify, 4.0, True, other=limit, limit=limit),
    )
    return Job("start", "a release of one file of 7 bytes", runs, targets)
