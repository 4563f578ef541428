"""A segment repeated: what is run, what it is given, and how the result is compared."""

from __future__ import annotations

import json
import math
import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from replays import TRAIN, make_replayable, needs_bwrap, replayed, weights
from weights import T, safetensors

from manifest.build import build, write_manifest
from manifest.document.schema import violations
from manifest.errors import (
    BytesDifferError,
    DocumentError,
    ExitCode,
    NotTrustedError,
    UndecidedError,
    UsageError,
)
from manifest.render.replay_json import replay_plain
from manifest.render.replay_svg import render_replay_svg
from manifest.render.replay_text import render_replay
from manifest.replay.comparison import FileResult, Result
from manifest.signing.keys import generate, public_pem

if TYPE_CHECKING:
    from click.testing import Result as Ran

pytestmark = needs_bwrap


def off_by(amount: str) -> str:
    """The same training on a machine that adds a little more."""
    return TRAIN.replace("value + add", f"value + add + {amount}")


def result_of(tmp_path: Path, **release: Any) -> Result | None:
    report = replayed(make_replayable(tmp_path / "r", **release), tmp_path / "out")
    assert not violations(replay_plain(report), "replay-report")
    return report.result


def test_a_segment_comes_out_bit_for_bit(tmp_path: Path) -> None:
    assert result_of(tmp_path) is Result.BIT_FOR_BIT
    assert (tmp_path / "out/segment-1/output/model.safetensors").read_bytes() == weights(
        1.5, 2.5, 3.5
    )
    left = sorted(p.name for p in (tmp_path / "out/segment-1").iterdir())
    assert left == ["log.txt", "output"]


def test_placeholders_are_filled_and_the_environment_is_bare(tmp_path: Path) -> None:
    script = (
        TRAIN
        + "import os, json\nprint(json.dumps([sys.argv[3:], sorted(os.environ), os.getcwd()]))\n"
    )
    words = ["{from_step}", "{from_name}>{to_name}", "{data}", "{seed.order}", '{"a": 1}']
    command = ["{python}", "-I", "-S", "train.py", "{checkpoint}", "{output}", "{to_step}", *words]
    release = make_replayable(
        tmp_path / "r", script=script, command=command, variables={"DETERMINISTIC": "1"}
    )
    report = replayed(release, tmp_path / "out")
    arguments, variables, place = json.loads(report.outcomes[0].ended.log)
    assert arguments == ["2", "1", "one>two", "2-2", "7", '{"a": 1}']
    assert variables == [
        "DETERMINISTIC", "HOME", "LANG", "PATH", "PWD", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED",
        "PYTHONNOUSERSITE", "TMPDIR", "TZ",
    ]  # fmt: skip
    assert place == "/replay/release"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["{python}", "{checkpoint}"], "lacks {output}"),
        (["{python}", "{output}"], "lacks {checkpoint}"),
        (["{python}", "{checkpoint}", "{output}", "{seeds}"], "{seeds} is not known"),
        (["{python}", "{checkpoint}", "{output}", "{seed.x}"], "training.seeds has no x"),
    ],
)
def test_a_command_that_cannot_be_filled_is_no_description(
    tmp_path: Path, command: list[str], message: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        make_replayable(tmp_path / "r", command=command)
    assert message in caught.value.message


def test_without_the_users_word_nothing_is_run_or_written(tmp_path: Path) -> None:
    release = make_replayable(tmp_path / "r")
    report = replayed(release, tmp_path / "out", really=False)
    assert report.exit_code is ExitCode.UNDECIDED
    assert not (tmp_path / "out").exists()
    assert not violations(replay_plain(report), "replay-report")


def test_the_answer_is_not_among_what_is_given(tmp_path: Path) -> None:
    answer = weights(1.5, 2.5, 3.5)
    release = make_replayable(
        tmp_path / "r", inputs=["**"], files={"hidden/copy.bin": answer, "notes.md": b"x"}
    )
    parts = replayed(release, tmp_path / "out", really=False).plans[0].parts
    assert sorted(f.path for f in parts.kept_out) == [
        "checkpoints/two/model.safetensors",
        "hidden/copy.bin",
        "model.safetensors",
    ]
    assert sorted(f.path for f in parts.inputs) == [
        "data.txt", "notes.md", "release.yaml", "train.py",
    ]  # fmt: skip


def test_a_file_that_both_checkpoints_share_is_no_answer(tmp_path: Path) -> None:
    config = b'{"layers": 1}'
    release = make_replayable(
        tmp_path / "r",
        inputs=["train.py", "data.txt", "config.json"],
        files={
            "config.json": config,
            "checkpoints/one/config.json": config,
            "checkpoints/two/config.json": config,
        },
    )
    parts = replayed(release, tmp_path / "out", really=False).plans[0].parts
    assert [f.path for f in parts.kept_out] == []


def test_a_chunk_index_narrows_the_data_to_the_segment(tmp_path: Path) -> None:
    chunks = b"file,checkpoint\ndata/1.txt,one\ndata/2.txt,two\n"
    files = {"data/1.txt": b"1", "data/2.txt": b"2", "chunks.csv": chunks}
    release = make_replayable(tmp_path / "r", inputs=["train.py", "data.txt", "data"], files=files)
    text = (release / "release.yaml").read_text()
    (release / "release.yaml").write_text(
        text.replace(
            '"checkpoints": {"entries"', '"checkpoints": {"chunks": "chunks.csv", "entries"'
        )
    )
    write_manifest(release, build(release))
    parts = replayed(release, tmp_path / "out", really=False).plans[0].parts
    assert sorted(f.path for f in parts.inputs) == ["data.txt", "data/2.txt", "train.py"]


def test_an_input_that_is_not_as_listed_stops_everything(tmp_path: Path) -> None:
    release = make_replayable(tmp_path / "r")
    (release / "data.txt").write_bytes(b"0.7")
    with pytest.raises(BytesDifferError, match=r"data\.txt has another sha256 and blake3"):
        replayed(release, tmp_path / "out")
    assert list((tmp_path / "out/segment-1/output").iterdir()) == []


@pytest.mark.parametrize("name", ["data.txt", "checkpoints/two/model.safetensors"])
def test_digests_that_bind_two_contents_are_refused(tmp_path: Path, name: str) -> None:
    release = make_replayable(tmp_path / "r")
    path = release / "manifest.json"
    plain = json.loads(path.read_text())
    assert plain["digests"] == ["sha256", "blake3"]
    next(f for f in plain["files"] if f["path"] == name)["blake3"] = "0" * 64
    path.write_text(json.dumps(plain))
    with pytest.raises((BytesDifferError, NotTrustedError), match="blake3"):
        replayed(release, tmp_path / "out")


def test_the_published_checkpoint_need_not_be_here_to_be_met_bit_for_bit(tmp_path: Path) -> None:
    release = make_replayable(tmp_path / "r")
    (release / "checkpoints/two/model.safetensors").unlink()
    assert replayed(release, tmp_path / "out").result is Result.BIT_FOR_BIT


def test_a_published_checkpoint_that_is_not_as_listed_is_never_compared(tmp_path: Path) -> None:
    release = make_replayable(tmp_path / "r", script=off_by("1e-6"))
    (release / "checkpoints/two/model.safetensors").write_bytes(weights(0.0, 0.0, 0.0))
    with pytest.raises(BytesDifferError):
        replayed(release, tmp_path / "out")


@pytest.mark.parametrize(
    ("script", "tolerance", "expected"),
    [
        pytest.param(off_by("1e-3"), None, Result.DIFFERS, id="none-declared"),
        pytest.param(
            off_by("1e-3"), {"F32": {"absolute": 0.01}}, Result.WITHIN_TOLERANCE, id="absolute"
        ),
        pytest.param(off_by("1e-3"), {"F32": {"absolute": 1e-4}}, Result.DIFFERS, id="beyond"),
        pytest.param(
            off_by("1e-3"), {"F32": {"relative": 1e-3}}, Result.WITHIN_TOLERANCE, id="relative"
        ),
        pytest.param(off_by("1e-3"), {"F32": {"relative": 5e-4}}, Result.DIFFERS, id="one-beyond"),
        pytest.param(off_by("1e-3"), {"F64": {"absolute": 1.0}}, Result.DIFFERS, id="other-dtype"),
        pytest.param(
            off_by("float('nan')"), {"F32": {"absolute": 1e9, "relative": 1}}, Result.DIFFERS,
            id="nan-is-never-within",
        ),
        pytest.param(
            off_by("float('inf')"), {"F32": {"absolute": 1e9, "relative": 1}}, Result.DIFFERS,
            id="infinity-is-never-within",
        ),
        pytest.param(
            off_by("0 * value - add"), {"F32": {"absolute": 0.5}}, None, id="wide-enough-for-nothing"
        ),
    ],
)  # fmt: skip
def test_tolerance(
    tmp_path: Path, script: str, tolerance: dict[str, Any] | None, expected: Result | None
) -> None:
    declared = {} if tolerance is None else {"tolerance": tolerance}
    assert result_of(tmp_path, script=script, **declared) is expected


def test_a_published_nan_that_comes_out_again_is_equal(tmp_path: Path) -> None:
    first, second = weights(math.nan, 2.0), weights(math.nan, 2.5)
    assert result_of(tmp_path, first=first, second=second) is Result.BIT_FOR_BIT


def test_another_header_over_the_same_tensors_is_the_same_weights(tmp_path: Path) -> None:
    second = safetensors(
        T("w", struct.pack("<3f", 1.5, 2.5, 3.5), "F32", (3,)), metadata={"format": "pt"}
    )
    report = replayed(make_replayable(tmp_path / "r", second=second), tmp_path / "out")
    assert report.result is Result.BIT_FOR_BIT
    assert report.outcomes[0].comparison is not None
    assert report.outcomes[0].comparison.files[0].result is FileResult.SAME_TENSORS


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(weights(1.5, 2.5), id="another-shape"),
        pytest.param(weights(1.5, 2.5, 3.5, dtype="F64"), id="another-dtype"),
        pytest.param(
            safetensors(T("v", struct.pack("<3f", 1.5, 2.5, 3.5), "F32", (3,))), id="another-name"
        ),
    ],
)
def test_other_tensors_differ_whatever_the_tolerance(tmp_path: Path, second: bytes) -> None:
    wide = {"F32": {"absolute": 0.1}, "F64": {"absolute": 0.1}}
    assert result_of(tmp_path, second=second, tolerance=wide) is Result.DIFFERS


def test_what_the_recipe_does_not_compare_is_named(tmp_path: Path) -> None:
    release = make_replayable(
        tmp_path / "r", compare=["*.safetensors"], files={"checkpoints/two/time.txt": b"12:00"}
    )
    report = replayed(release, tmp_path / "out")
    assert report.result is Result.BIT_FOR_BIT
    assert "not compared: time.txt" in render_replay(report)


def test_a_file_that_does_not_come_out_is_a_difference(tmp_path: Path) -> None:
    release = make_replayable(tmp_path / "r", files={"checkpoints/two/optimizer.bin": b"state"})
    report = replayed(release, tmp_path / "out")
    assert report.result is Result.DIFFERS
    assert "did not write 1 file that was published" in render_replay(report)


def test_the_differences_are_drawn(tmp_path: Path) -> None:
    release = make_replayable(
        tmp_path / "r", script=off_by("1e-3"), tolerance={"F32": {"absolute": 0.01}}
    )
    report = replayed(release, tmp_path / "out")
    drawing = ET.fromstring(render_replay_svg(report.outcomes[0]))
    texts = [e.text or "" for e in drawing.iter() if e.tag.endswith("text")]
    assert "tolerance of F32: 0.01" in texts
    bars = [
        e for e in drawing.iter("{http://www.w3.org/2000/svg}title") if "below" in (e.text or "")
    ]
    assert [bar.text for bar in bars] == ["3 below 0.00195"]
    assert "about 1e-04" in render_replay(report)


def test_a_recipe_is_needed(tmp_path: Path, small_release: Path) -> None:
    write_manifest(small_release, build(small_release))
    with pytest.raises(UsageError):
        replayed(small_release, tmp_path / "out")


def test_a_sandbox_that_would_show_the_release_is_refused(tmp_path: Path) -> None:
    release = make_replayable(tmp_path / "r")
    with pytest.raises(UsageError, match="would show"):
        replayed(release, tmp_path / "out", really=False, shown=(str(tmp_path),))


def test_no_bwrap_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = make_replayable(tmp_path / "r")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UndecidedError, match="bwrap is not installed"):
        replayed(release, tmp_path / "out")
    report = replayed(release, tmp_path / "out", sandboxed=False)
    assert report.result is Result.BIT_FOR_BIT
    assert "WITHOUT a sandbox" in render_replay(report)


def test_the_command_line(tmp_path: Path, run: Callable[..., Ran]) -> None:
    key = generate()
    (tmp_path / "key.pub").write_bytes(public_pem(key.public))
    release = make_replayable(
        tmp_path / "r", key, script=off_by("1e-3"), tolerance={"F32": {"absolute": 0.01}}
    )
    out = tmp_path / "out"
    asked = ["replay", release, "--from", "one", "--to", "two", "--out", out]
    unsigned = run(*asked, "--run")
    assert unsigned.exit_code == ExitCode.NOT_TRUSTED
    asked += ["--key", tmp_path / "key.pub"]
    shown = run(*asked)
    assert shown.exit_code == ExitCode.UNDECIDED
    assert "Nothing was run." in shown.output
    assert not out.exists()
    done = run(*asked, "--run", "--format", "json", "--quiet")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["result"] == "within-tolerance"
    assert report == json.loads((out / "report.json").read_text())
    assert (out / "segment-1/differences.svg").is_file()
    again = run(*asked, "--run")
    assert again.exit_code == ExitCode.USAGE


def test_segments_are_drawn_by_a_fresh_nonce(tmp_path: Path, run: Callable[..., Ran]) -> None:
    key = generate()
    (tmp_path / "key.pub").write_bytes(public_pem(key.public))
    release = make_replayable(tmp_path / "r", key)
    reports = []
    for name in ("a", "b"):
        asked = ["replay", release, "--random", 1, "--out", tmp_path / name]
        asked += ["--key", tmp_path / "key.pub", "--run", "--format", "json", "--quiet"]
        reports.append(json.loads(run(*asked).stdout))
    assert [r["draw"]["segments"] for r in reports] == [1, 1]
    assert reports[0]["draw"]["nonce"] != reports[1]["draw"]["nonce"]
    assert {(s["from"], s["to"]) for r in reports for s in r["segments"]} == {("one", "two")}
    too_many = run(*["replay", release, "--random", 2, "--out", tmp_path / "c"],
                   "--key", tmp_path / "key.pub")  # fmt: skip
    assert too_many.exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    "options", [[], ["--from", "one"], ["--from", "one", "--to", "two", "--random", 1]]
)
def test_a_segment_is_named_or_drawn(
    tmp_path: Path, run: Callable[..., Ran], options: list[object]
) -> None:
    release = make_replayable(tmp_path / "r")
    done = run("replay", release, "--out", tmp_path / "out", *options)
    assert done.exit_code == ExitCode.USAGE
    assert "give --from and --to, or --random" in done.stderr


def with_counter(step: int, *values: float) -> bytes:
    """A checkpoint with a counter of steps beside its weights, as optimizers have."""
    return safetensors(
        T("w", struct.pack(f"<{len(values)}f", *values), "F32", (len(values),)),
        T("step", struct.pack("<q", step), "I64", (1,)),
    )


COUNTS = """\
import struct, sys
from pathlib import Path
data = Path(sys.argv[1], "model.safetensors").read_bytes()
Path(sys.argv[2], "model.safetensors").write_bytes(data[:-8] + struct.pack("<q", int(sys.argv[3])))
"""
"""Trains nothing, and counts the steps."""


def test_a_counter_beside_the_weights_hides_no_tolerance_that_is_too_wide(tmp_path: Path) -> None:
    first, second = with_counter(1, 1.0, 2.0, 3.0), with_counter(2, 9.0, -7.0, 100.0)
    wide = {"F32": {"absolute": 1e30}}
    found = result_of(tmp_path, script=COUNTS, first=first, second=second, tolerance=wide)
    assert found is None


def test_tensors_that_moved_beyond_the_tolerance_are_a_result(tmp_path: Path) -> None:
    first, second = with_counter(1, 1.0, 2.0, 3.0), with_counter(1, 1.5, 2.5, 3.5)
    script = (
        off_by("1e-3")
        .replace("size = 8", "data = data[:-8]; size = 8")
        .replace("*values))", '*values) + struct.pack("<q", 1))')
    )
    near = {"F32": {"absolute": 0.01}}
    assert (
        result_of(tmp_path, script=script, first=first, second=second, tolerance=near)
        is Result.WITHIN_TOLERANCE
    )


def test_a_result_that_is_given_away_is_none(tmp_path: Path) -> None:
    same = weights(1.5, 2.5, 3.5)
    with pytest.raises(UsageError, match="nothing can be learnt from one to two"):
        result_of(tmp_path, first=same, second=same)


def test_a_config_alone_shows_nothing(tmp_path: Path) -> None:
    files = {f"checkpoints/{name}/config.json": b"{}" for name in ("one", "two")}
    with pytest.raises(UsageError, match="nothing can be learnt"):
        result_of(tmp_path, files=files, compare=["config.json"])


def test_a_difference_as_large_as_numbers_are_is_told(tmp_path: Path) -> None:
    script = TRAIN.replace("// 4", "// 8").replace('f"<{len(values)}f"', 'f"<{len(values)}d"')
    script = script.replace('f"<{(len(data) - size) // 8}f"', 'f"<{(len(data) - size) // 8}d"')
    script = script.replace("value + add", "1.7e308")
    first, second = weights(0.5, dtype="F64"), weights(1.0, dtype="F64")
    release = make_replayable(tmp_path / "r", script=script, first=first, second=second)
    report = replayed(release, tmp_path / "out")
    assert report.result is Result.DIFFERS
    assert not violations(replay_plain(report), "replay-report")
    assert "about 1e+307" in render_replay(report)
    assert render_replay(report).count("\n") < 60
    ET.fromstring(render_replay_svg(report.outcomes[0]))
