"""How long `manifest sign` and `manifest verify` take, beside `openssl` and the peer tool.

Run as ``python tests/benchmarks/bench_main_job.py [--size-mib 256 --files 8 --small 20000]``. Whole
commands are measured, process start included, on data in the cache, the contenders taking turns;
`bench_files.py` measures the hashing alone. Ratios are to two parallel ``openssl dgst -sha256``
processes, which is the machine's limit.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench_files import Contender, command, make_large, make_small, measure, openssl_pair

DESCRIPTION = """\
schema_version: "1.0"
name: bench
version: "1"
described_by: publisher
components:
  model-parameters-final: {files: ["**/*.bin"]}
"""
SCRIPTS = Path(sysconfig.get_path("scripts"))
MANIFEST = str(SCRIPTS / "manifest")
PEER = SCRIPTS / "model_signing"


def quietly(*arguments: str) -> Callable[[], None]:
    return command(MANIFEST, *arguments, "--quiet")


def prepare(directory: Path, key: Path) -> None:
    (directory / "release.yaml").write_text(DESCRIPTION)
    quietly("build", str(directory))()
    quietly("sign", str(directory), "--key", str(key))()


def contenders(directory: Path, key: Path, scratch: Path) -> list[Contender]:
    where, public = str(directory), f"{key}.pub"
    files = openssl_pair(directory)
    prepare(directory, key)
    signature = str(directory / "model.sig")
    found = [
        Contender("two openssl processes", files),
        Contender("manifest build", quietly("build", where)),
        Contender("manifest sign", quietly("sign", where, "--key", str(key))),
        Contender("manifest verify", quietly("verify", where, "--key", public)),
    ]
    if PEER.exists():
        theirs = str(scratch / f"{directory.name}-peer.sig")
        sign = [str(PEER), "sign", "key", where, "--private_key", str(key), "--signature", theirs]
        verify = [str(PEER), "verify", "key", where, "--public_key", public]
        ignore = ["--ignore-paths", signature]
        found += [
            Contender("model_signing sign", command(*sign, *ignore)),
            Contender("model_signing verify", command(*verify, "--signature", theirs, *ignore)),
        ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size-mib", type=int, default=256, help="size of each large file")
    parser.add_argument("--files", type=int, default=8, help="number of large files")
    parser.add_argument("--small", type=int, default=20000, help="number of files of 2 KB")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each contender")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="bench-main-job-"))
    try:
        key = scratch / "key"
        command(MANIFEST, "keygen", "--out", str(key), "--no-passphrase")()
        if options.files:
            large = scratch / "large"
            large.mkdir()
            make_large(large, options.files, options.size_mib)
            title = f"{options.files} files of {options.size_mib} MiB"
            measure(title, contenders(large, key, scratch), options.rounds)
        if options.small:
            small = scratch / "small"
            small.mkdir()
            make_small(small, options.small)
            measure(
                f"{options.small} files of 2 KB", contenders(small, key, scratch), options.rounds
            )
        helps = [
            Contender("python -c 'import click'", command(sys.executable, "-c", "import click")),
            Contender("manifest --help", command(MANIFEST, "--help")),
        ]
        measure("start", helps, max(options.rounds, 11))
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
