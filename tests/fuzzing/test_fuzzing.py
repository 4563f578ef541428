"""Every parser of untrusted bytes is a target, former findings stay mended, and a short run finds none."""

from __future__ import annotations

import ast
import multiprocessing
import random
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from driving import Outcome, fuzz, run_case, summary
from mutating import mutate
from targets import TARGETS, Target

from manifest.errors import DocumentError

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "manifest"
CORPUS = Path(__file__).resolve().parent / "corpus"

# Public functions that take bytes or a release and are no target of their own, each with its reason.
ELSEWHERE = {
    "commitments.keys": "secrets of one's own",
    "commitments.rules": "no structure: the target records cuts, these normalise and hash",
    "commitments.store": "files of fixed records, by place; their size is checked",
    "commitments.vrf": "secrets of one's own; `verify` is a target",
    "draft": "goes through all readers: the target lint does",
    "inventory.digests": "a digest: nothing is parsed",
    "inventory.merkle": "hashes of a fixed length; proofs are the target commitments",
    "lint": "the target lint goes through all of it",
    "readers._bounded": "what the readers are made of",
    "readers.archives.member_head": "the target lint unpacks",
    "readers.checkpoint_index.read_index_bytes": "the bytes that the target checkpoint-index is given",
    "readers.classify": "the target lint classifies",
    "readers.containers.container_problem": "what `check_container` raises, in words",
    "readers.documents": "the target lint places documents",
    "readers.event_log.crc32c": "a checksum",
    "readers.protobuf": "the targets onnx and event-log read messages",
    "readers.structured": "the target lint places files",
    "replay": "reads what the command wrote, by the readers of weights",
    "sign": "reads by the parsers above",
    "signing.bundle": "see the target bundle; the rest writes",
    "signing.detached.bytes_to_sign": "writes",
    "signing.dsse": "see the target bundle; the rest writes",
    "signing.signer": "signs what is one's own",
    "signing.timestamps.make_query": "writes",
    "verify": "reads by the parsers above",
    "build": "reads by the parsers above",
}
UNTRUSTED = {"bytes", "Source"}


def parsers() -> list[str]:
    """Public functions whose first argument is bytes or the files of a release."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if "release" in path.relative_to(PACKAGE).parts[:-1]:
            continue
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            first = next(iter(node.args.args), None)
            if first is not None and ast.unparse(first.annotation or ast.Pass()) in UNTRUSTED:
                found.append(f"{module.removesuffix('.__init__')}.{node.name}")
    return found


def test_every_parser_of_untrusted_bytes_is_fuzzed() -> None:
    covered = {name for one in TARGETS.values() for name in one.covers}
    uncovered = [name for name in parsers() if name not in covered]
    reasons = {
        name: [o for o in ELSEWHERE if name == o or name.startswith(f"{o}.")] for name in uncovered
    }
    assert [name for name, found in reasons.items() if not found] == []
    assert set(ELSEWHERE) == {o for found in reasons.values() for o in found}
    there = {
        f"{'.'.join(p.relative_to(PACKAGE).with_suffix('').parts)}.{node.name}"
        for p in PACKAGE.rglob("*.py")
        for node in ast.parse(p.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    assert covered <= there, "a target names what is not there"


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_samples_and_former_findings_are_read_or_refused(name: str) -> None:
    one = TARGETS[name]
    cases = [*one.seeds(), *(p.read_bytes() for p in sorted((CORPUS / name).glob("*")))]
    assert cases
    findings = [finding for data in cases if (finding := run_case(one, data)[1]) is not None]
    assert findings == []


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_some_sample_is_read(name: str) -> None:
    """Else only the front door is fuzzed."""
    one = TARGETS[name]
    answers = [run_case(one, data)[0] for data in one.seeds()]
    if name == "timestamps" and shutil.which("openssl") is None:
        pytest.skip("no OpenSSL to make one with")
    assert "a value" in answers


def test_the_corpus_is_of_targets() -> None:
    assert {p.name for p in CORPUS.iterdir()} <= set(TARGETS)


def test_one_seed_makes_one_case() -> None:
    samples = [b'{"a": [1, 2]}', b"abc"]
    made = [mutate(samples[0], samples, [b"x"], random.Random(7)) for _ in range(2)]
    assert made[0] == made[1]


def _raise(error: BaseException) -> None:
    raise error


def _wait(_: bytes) -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (lambda _: _raise(KeyError("x")), "KeyError"),
        (lambda _: _raise(RecursionError()), "RecursionError"),
        (lambda _: _raise(MemoryError()), "MemoryError"),
        (_wait, "SlowError"),
        (lambda _: _raise(DocumentError("no")), None),
    ],
    ids=["error", "recursion", "memory", "hang", "refusal"],
)
def test_what_goes_wrong_is_noticed(
    monkeypatch: pytest.MonkeyPatch, run: object, kind: str | None
) -> None:
    monkeypatch.setattr("driving.SECONDS", 0.2)
    one = Target("made", run, lambda: [b"x"], ())  # type: ignore[arg-type]  # any function
    _, finding = run_case(one, b"data")
    assert (finding.kind if finding else None) == kind
    assert finding is None or finding.data == b"data"


def _short(name: str) -> Outcome:
    return fuzz(TARGETS[name], 1.0, 1)


@pytest.mark.long
def test_a_short_run_finds_nothing() -> None:
    """With one seed, so that it finds tomorrow what it finds today; `fuzz.py` draws its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["targets"])
    with ProcessPoolExecutor(2, mp_context=context, max_tasks_per_child=1) as pool:
        outcomes = list(pool.map(_short, sorted(TARGETS)))
    found = [
        (f.target, f.kind, f.where, f.detail, f.data[:200]) for o in outcomes for f in o.findings
    ]
    assert found == [], summary(outcomes)
    assert all(one.executions for one in outcomes)


@pytest.mark.long
def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    arguments = [
        "--minutes",
        "0.02",
        "--target",
        "strict-json",
        "--seed",
        "3",
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "fuzzing" / "fuzz.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("seed 3\nstrict-json ")
    assert "executions of 1 targets, 0 findings" in done.stdout
