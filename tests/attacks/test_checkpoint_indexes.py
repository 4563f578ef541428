"""What a publisher, or an adversary, can try with an index of checkpoints.

Each case changes the index, the list of branches or the chunk index of a release with three
checkpoints, and is run through the command line: built where it can be, then listed and checked.
The exit code is that of spec/exit-codes.md, and the message names the cause.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from amber import weights
from click.testing import CliRunner
from releases import Release

from manifest.cli import cli
from manifest.sign import sign
from manifest.signing.keys import PrivateKey, public_pem

STEPS = (1000, 2000, 3000)
DIGESTS = [hashlib.sha256(weights(step)).hexdigest() for step in STEPS]
INDEX = "Step,Tokens,Branch,SHA256\n" + "".join(
    f"{step},{step * 4000},step{step},{digest}\n"
    for step, digest in zip(STEPS, DIGESTS, strict=True)
)
NAMES = "".join(f"{step:040x}\trefs/heads/step{step}\n" for step in STEPS)
CHUNKS = "checkpoint,file,sha256\n" + "".join(
    f"step{step},data/{step}.bin,{hashlib.sha256(b'%d' % step).hexdigest()}\n" for step in STEPS
)
DESCRIPTION = """\
schema_version: "1.0"
name: acme/steps
version: "1"
described_by: publisher
components:
  model-parameters-intermediate: {files: [checkpoints]}
  datasets: {files: [data]}
checkpoints:
  directories: ["checkpoints/*"]
  index: index.csv
  names: names.txt
  chunks: chunks.csv
"""


@pytest.fixture
def release(tmp_path: Path, key: PrivateKey) -> Release:
    path = tmp_path / "release"
    for step in STEPS:
        directory = path / "checkpoints" / f"step{step}"
        directory.mkdir(parents=True)
        (directory / "model.safetensors").write_bytes(weights(step))
        (path / "data").mkdir(exist_ok=True)
        (path / "data" / f"{step}.bin").write_bytes(b"%d" % step)
    texts = {"index.csv": INDEX, "names.txt": NAMES, "chunks.csv": CHUNKS}
    for name, text in {**texts, "release.yaml": DESCRIPTION}.items():
        (path / name).write_text(text, encoding="utf-8")
    (tmp_path / "key.pub").write_bytes(public_pem(key.public))
    return Release(path, key)


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [str(a) for a in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        error = done.exception  # as `main` reports it
        return int(getattr(error, "exit_code", -1)), str(getattr(error, "message", error))
    return done.exit_code, done.output


def listed(release: Release) -> tuple[int, str]:
    """Build, then list; what ends first is the answer."""
    code, text = run("build", release.path)
    return run("checkpoints", release.path) if code == 0 else (code, text)


def test_a_sound_release_passes(release: Release) -> None:
    code, text = listed(release)
    assert (code, "error" in text) == (0, False), text


ATTACKS = [
    ("index.csv", INDEX[:-10], 1, "is not a SHA-256", "truncated-in-a-digest"),
    ("index.csv", INDEX[: INDEX.rindex(",step")], 1, "the row has 2 cells", "truncated-in-a-row"),
    ("index.csv", INDEX[:25], 1, "is not an index of checkpoints", "truncated-to-the-heading"),
    ("index.csv", INDEX + INDEX.splitlines()[2] + "\n", 1, "repeats line 3", "row-repeated"),
    (
        "index.csv",
        f"{INDEX}2000,8000000,step2000,{'0' * 64}\n",
        1,
        "repeats line 3",
        "row-repeated-with-another-digest",
    ),
    (
        "index.csv",
        INDEX.replace(DIGESTS[1], "0" * 64),
        1,
        f"step2000: the index lists the SHA-256 {'0' * 64}",
        "digest-that-no-file-has",
    ),
    (
        "index.csv",
        INDEX.replace("2000,8000000,step2000", "2000,8000000,step3000"),
        1,
        "the row names step 2,000, and the label leads to step 3,000",
        "row-that-leads-to-another-step",
    ),
    (
        "index.csv",
        "\n".join(INDEX.splitlines()[n] for n in (0, 1, 3, 2))
        + "".join(f"\n{n}000,{n * 4000000},step{n}000," for n in range(4, 9)),
        1,
        "step 3,000 stands after step 1,000",
        "steps-out-of-order",
    ),
    ("index.csv", INDEX.replace("3000,", f"{10**19},", 1), 1, "more than any", "huge-step"),
    ("index.csv", INDEX.replace("12000000", "9e99"), 1, "more than any training", "huge-tokens"),
    (
        "index.csv",
        INDEX.replace(",step3000", ",../../step3000"),
        1,
        'has the component ".."',
        "name-that-escapes",
    ),
    ("index.csv", INDEX.replace(",step3000", ",/etc/step3000"), 1, "is absolute", "absolute-name"),
    (
        "index.csv",
        INDEX.replace("Branch", "URL").replace(",step", ",../../step"),
        1,
        "step1000: its place ../../step1000 leads out of the release",
        "places-that-escape",
    ),
    (
        "index.csv",
        INDEX.replace(",step3000", ",\u0455tep3000"),
        1,
        "mixes letters of scripts that look alike",
        "look-alike-of-another-script",
    ),
    ("index.csv", INDEX.replace(",step3000", ",step\uff13000"), 1, "look like", "wide-digits"),
    ("index.csv", INDEX.replace(",step3000", ",step3\u200b000"), 1, "not seen", "zero-width-space"),
    (
        "index.csv",
        INDEX + f"4000,16000000,STEP3000,{'0' * 64}\n",
        1,
        "could be taken for one",
        "names-that-collide",
    ),
    (
        "names.txt",
        NAMES + f"{'a' * 40}\trefs/heads/step3000\n",
        1,
        "names.txt:4: step3000 was listed on line 3 with another commit",
        "branch-at-two-commits",
    ),
    (
        "names.txt",
        NAMES + f"{'a' * 40} \u00e9tape\n{'b' * 40} e\u0301tape\n",
        1,
        "could be taken for one",
        "two-forms",
    ),
    ("names.txt", NAMES[:-25], 1, "is listed without a commit", "list-truncated-in-a-commit"),
    ("names.txt", "x" * 2000 + "\n", 1, "has more than 1,024 characters", "endless-name"),
    ("chunks.csv", CHUNKS.replace("step2000", "step2500"), 1, "no checkpoint is called", "no-such"),
    (
        "chunks.csv",
        CHUNKS.replace("data/2000.bin", "../2000.bin"),
        1,
        "the path of the chunk ../2000.bin has the component",
        "chunk-that-escapes",
    ),
    (
        "chunks.csv",
        CHUNKS.replace("step2000,data/2000.bin,", "step2000,data/2000.bin,f"),
        1,
        "is not a SHA-256",
        "digest-too-long",
    ),
    (
        "chunks.csv",
        CHUNKS + CHUNKS.splitlines()[1] + "\n",
        1,
        "chunks.csv:5: data/1000.bin was named on line 2 already",
        "chunk-repeated",
    ),
    (
        "chunks.csv",
        CHUNKS.replace("step1000,", "stepX,")
        .replace("step3000,", "step1000,")
        .replace("stepX,", "step3000,"),
        1,
        "overlaps step1000",
        "chunks-exchanged",
    ),
    ("chunks.csv", CHUNKS[:-10], 1, "is not a SHA-256", "chunk-index-truncated"),
]


@pytest.mark.parametrize(
    ("name", "text", "expected", "message"),
    [pytest.param(*attack[:4], id=attack[4]) for attack in ATTACKS],
)
def test_an_attack_is_refused_or_found(
    release: Release, name: str, text: str, expected: int, message: str
) -> None:
    (release.path / name).write_text(text, encoding="utf-8")
    code, output = listed(release)
    assert (code, message in output) == (expected, True), output


def test_an_index_that_was_edited_after_signing_differs(release: Release) -> None:
    assert run("build", release.path)[0] == 0
    sign(release.path, release.key)
    index = release.path / "index.csv"
    index.write_text(INDEX.replace("step2000,", "step3000,"))
    key = release.path.parent / "key.pub"
    code, text = run("verify", release.path, "--key", key)
    assert code == 5
    assert "index.csv" in text
    code, text = run("checkpoints", release.path)
    assert code == 4
    assert "index.csv is not the file that the manifest lists" in text
    # A checkpoint's files stand in the manifest: the index is not asked.
    assert run("verify", release.path, "--key", key, "--checkpoint", "step2000")[0] == 0


def test_checkpoints_that_the_manifest_invents_are_no_claims(release: Release) -> None:
    assert run("build", release.path)[0] == 0
    path = release.path / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace('"step": 2000,', '"step": 2500,'))
    code, message = run("sign", release.path, "--key", release.path.parent / "none.pem")
    assert code != 0, message
    code, message = run("verify", release.path, "--integrity-only")
    assert code == 1
    assert (
        "the release gives other checkpoints than its manifest lists, first in step2000" in message
    )
