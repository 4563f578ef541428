"""Jobs of the engine: many large files, one large file, one file of tensors, small files."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from making import describe, make_large, make_small, make_tensors
from measuring import (
    B3SUM_NAME,
    CORES,
    MANIFEST,
    PEER,
    Bench,
    Contender,
    Job,
    Role,
    Target,
    b3sum,
    command,
    compiled,
    in_parallel,
    takes_turns,
)

from manifest import generate_key_pair

__all__ = ["C_LIMIT", "hashed_in_c", "large", "one", "small", "tensors"]

C_LIMIT = f"{CORES} processes in C: open, read, SHA-256"
_WEIGHTS = 'model-parameters-final: {files: ["**/*.bin"]}'
_B3SUM = f"{CORES} processes of {B3SUM_NAME}, one thread each"
_OPENSSL = f"{CORES} processes of openssl dgst -sha256"
_ONE_OPENSSL = "openssl dgst -sha256"
_PEER_SIGN, _PEER_VERIFY = "model_signing sign", "model_signing verify"


def _key(bench: Bench) -> str:
    """A key pair without a passphrase, for us and for the peer."""
    path = bench.scratch / "key"
    if not path.exists():
        generate_key_pair(path, passphrase=None)
    return str(path)


def _verify(directory: Path, digest: str) -> Contender:
    return command(
        MANIFEST, "verify", str(directory), "--integrity-only", "--digest", digest, "--quiet"
    )


def _build(directory: Path, component: str, digests: str = "[sha256, blake3]") -> Contender:
    """From nothing to a manifest."""

    def before() -> None:
        describe(directory, component, digests=digests)
        (directory / "manifest.json").unlink(missing_ok=True)

    return command(MANIFEST, "build", str(directory), "--no-cache", "--quiet", before=before)


def _peer(directory: Path, bench: Bench) -> dict[str, tuple[Role, Contender]]:
    """The peer's sign and verify of a directory; nothing where it is not installed."""
    if not PEER.exists():
        return {}
    key = _key(bench)
    place = [str(directory), "--signature", str(bench.scratch / f"{directory.name}-peer.sig")]
    ignore = ["--ignore-paths", str(directory / "model.sig")]
    sign = command(str(PEER), "sign", "key", *place, *ignore, "--private_key", key)
    sign()
    public = ["--public_key", f"{key}.pub", "--ignore_unsigned_files"]
    verify = command(str(PEER), "verify", "key", *place, *ignore, *public)
    return {_PEER_SIGN: (Role.PEER, sign), _PEER_VERIFY: (Role.PEER, verify)}


def _of_what_ran(job: Job) -> Job:
    """Leave out what would be compared with a program that is not installed."""
    kept = [t for t in job.targets if not t.other or job.has(t.other)]
    return dataclasses.replace(
        job,
        targets=tuple(
            t if job.has(t.limit) else dataclasses.replace(t, limit="") for t in kept
        ),
    )  # fmt: skip


def large(bench: Bench) -> Job:
    """Verify, build and sign some gigabytes in files of one size."""
    count, mib = 8, 64 if bench.quick else 512
    directory = bench.scratch / "large"
    files = make_large(directory, count, mib)
    key = _key(bench)
    place = str(directory)
    blake3, sha256 = (f"manifest verify --digest {name}" for name in ("blake3", "sha256"))
    only, both = "manifest build, SHA-256", "manifest build, both digests"
    sign, verify = "manifest sign", "manifest verify --key"
    _build(directory, _WEIGHTS)()
    signed = command(MANIFEST, "sign", place, "--key", key, "--quiet")
    signed()
    ours = Role.OURS
    runs = takes_turns(
        {
            _B3SUM: (Role.LIMIT, in_parallel(*b3sum(), files=files)),
            _OPENSSL: (Role.LIMIT, in_parallel("openssl", "dgst", "-sha256", files=files)),
            blake3: (ours, _verify(directory, "blake3")),
            sha256: (ours, _verify(directory, "sha256")),
            sign: (ours, signed),
            verify: (ours, command(MANIFEST, "verify", place, "--key", f"{key}.pub", "--quiet")),
            **_peer(directory, bench),
        },
        bench.rounds,
    )
    runs += takes_turns(
        {
            only: (ours, _build(directory, _WEIGHTS, "[sha256]")),
            both: (ours, _build(directory, _WEIGHTS)),
        },
        bench.rounds,
    )
    shutil.rmtree(directory)
    targets = (
        Target("verify, BLAKE3", blake3, 0.85, other=_B3SUM, limit=_B3SUM),
        Target("verify, BLAKE3, and the peer", blake3, 2.5, other=_PEER_VERIFY, limit=_B3SUM),
        Target("verify, SHA-256 only", sha256, 0.85, other=_OPENSSL, limit=_OPENSSL),
        Target("build with both digests", both, 1.35, True, other=only, limit=_OPENSSL),
        Target("sign, and the peer", sign, None, other=_PEER_SIGN, limit=_OPENSSL),
        Target("verify with a key, and the peer", verify, None, other=_PEER_VERIFY, limit=_B3SUM),
    )
    return _of_what_ran(Job("large", f"{count} files of {mib} MiB", runs, targets))


def one(bench: Bench) -> Job:
    """Verify one large file: all cores at one digest."""
    mib = 512 if bench.quick else 4096
    directory = bench.scratch / "one"
    files = make_large(directory, 1, mib)
    _build(directory, _WEIGHTS)()
    limit = f"{B3SUM_NAME}, one thread"
    blake3, both = (f"manifest verify --digest {name}" for name in ("blake3", "both"))
    runs = takes_turns(
        {
            limit: (Role.LIMIT, in_parallel(*b3sum(), files=files)),
            _ONE_OPENSSL: (Role.LIMIT, in_parallel("openssl", "dgst", "-sha256", files=files)),
            blake3: (Role.OURS, _verify(directory, "blake3")),
            both: (Role.OURS, _verify(directory, "both")),
        },
        bench.rounds,
    )
    shutil.rmtree(directory)
    cores = f"verify, BLAKE3, of {CORES} cores at once"
    targets = (
        Target(cores, blake3, 0.8, other=limit, share=1 / CORES, limit=limit),
        Target("verify, both digests", both, None, other=_ONE_OPENSSL, limit=_ONE_OPENSSL),
    )
    return Job("one", f"one file of {mib} MiB", runs, targets)


def tensors(bench: Bench) -> Job:
    """Digests of a file and of each tensor in it."""
    count, size = 300, 250_000_000 if bench.quick else 2_000_000_000
    directory = bench.scratch / "tensors"
    directory.mkdir()
    path = directory / "model.safetensors"
    make_tensors(path, count, size)
    kind = "model-parameters-final: {files: [model.safetensors], tensors: %s}"
    limit = _ONE_OPENSSL
    both, alone = "manifest build, tensors and both digests", "manifest build, SHA-256"
    runs = takes_turns(
        {
            limit: (Role.LIMIT, in_parallel("openssl", "dgst", "-sha256", files=[str(path)])),
            alone: (Role.OURS, _build(directory, kind % "false", "[sha256]")),
            both: (Role.OURS, _build(directory, kind % "true")),
        },
        bench.rounds,
    )
    shutil.rmtree(directory)
    title = f"one safetensors file of {size / 1e9:g} GB, {count} tensors"
    targets = (
        Target("tensors and files together", both, 1.15, True, other=limit, limit=limit),
        Target("the same, and our SHA-256 alone", both, None, True, other=alone, limit=limit),
    )
    return Job("tensors", title, runs, targets)


def small(bench: Bench) -> Job:
    """From nothing to a manifest of many small files."""
    count = 5_000 if bench.quick else 50_000
    directory = bench.scratch / "small"
    files = make_small(directory, count)
    built = "manifest build"
    contenders: dict[str, tuple[Role, Contender]] = {}
    if (in_c := hashed_in_c(bench, files)) is not None:
        contenders[C_LIMIT] = (Role.LIMIT, in_c)
    contenders[built] = (Role.OURS, _build(directory, _WEIGHTS))
    peer = _peer(directory, bench)
    contenders |= {name: value for name, value in peer.items() if name == _PEER_SIGN}
    runs = takes_turns(contenders, bench.rounds)
    shutil.rmtree(directory)
    targets = (
        Target("build", built, 0.25, other=C_LIMIT, limit=C_LIMIT),
        Target("build, and the peer's sign", built, 8.0, other=_PEER_SIGN, limit=C_LIMIT),
    )
    return _of_what_ran(Job("small", f"{count:,} files of 2 KB", runs, targets))


def hashed_in_c(bench: Bench, files: list[str]) -> Contender | None:
    """The program in C over these files; None where it cannot be compiled."""
    if (program := compiled(bench.scratch)) is None:
        return None
    return command(program, str(CORES), data="\n".join(files).encode())
