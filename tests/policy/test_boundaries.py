"""Where a demand begins to hold, to the step: a change of one sign in the code has to show here."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path

import pytest
from lint_releases import safetensors
from policies import Scene

from manifest.document.schema import load_schema
from manifest.policy import load_policy
from manifest.policy.decision import one_voice_each
from manifest.readers.formats import WeightFormat


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.mark.parametrize(("lowest", "code"), [("1.9", 0), ("1.10", 0), ("1.11", 3)])
def test_the_lowest_version_itself_is_admitted(scene: Scene, lowest: str, code: int) -> None:
    scene.write(f"lowest_versions: [{{release: acme/tiny, version: '{lowest}'}}]\n")
    assert scene.verify().exit_code == code


@pytest.mark.parametrize(("asked", "code"), [("weights-available", 0), ("open-weight", 3)])
def test_the_verdict_that_is_asked_for_is_enough(scene: Scene, asked: str, code: int) -> None:
    (scene.release.path / "model.safetensors").write_bytes(safetensors(w=(64, 64)))
    scene.sign_again()
    scene.write(f"require: {{verdict: {asked}}}\n")
    result = scene.verify()
    assert result.exit_code == code, result.output
    assert ("or above; found: weights-available" in result.output) == (code == 3)


@pytest.mark.parametrize(
    ("forbidden", "code"),
    [("pickle", 3), ("runs-code", 3), ("onnx", 0), ("onnx, pickle", 3), ("onnx, runs-code", 3)],
)
@pytest.mark.parametrize("content", [b"\x80\x04N.", b"\x80\x02]."])
def test_forbidden_formats_are_those_named_and_no_others(
    scene: Scene, forbidden: str, code: int, content: bytes
) -> None:
    (scene.release.path / "extra.pkl").write_bytes(content)
    scene.sign_again()
    scene.write(f"forbidden_formats: [{forbidden}]\n")
    result = scene.verify()
    assert result.exit_code == code, result.output
    assert ("extra.pkl (pickle)" in result.output) == (code == 3)


@pytest.mark.parametrize("name", ["extra.pt", "notes.dat"])
@pytest.mark.parametrize(
    ("forbidden", "code"), [("pickle", 3), ("runs-code", 3), ("pytorch", 3), ("onnx", 0)]
)
def test_a_pickle_inside_an_archive_is_one_under_every_name(
    scene: Scene, name: str, forbidden: str, code: int
) -> None:
    with zipfile.ZipFile(scene.release.path / name, "w") as archive:
        archive.writestr("extra/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("extra/version", b"3\n")
    scene.sign_again()
    scene.write(f"forbidden_formats: [{forbidden}]\n")
    result = scene.verify()
    assert result.exit_code == code, result.output
    assert (f"{name} (py" in result.output) == (code == 3)


def test_every_format_that_a_policy_can_name_is_told_by_it(scene: Scene) -> None:
    """The schema and the reader of formats write one name in the same way."""
    named = load_schema("policy")["properties"]["forbidden_formats"]["items"]["enum"]
    known = {f.value.lower().replace(" ", "-") for f in WeightFormat}
    assert set(named) - {"runs-code"} == known - {"large-file-pointer"}
    (scene.release.path / "flax_model.msgpack").write_bytes(b"\x81\xa1a\x00")
    scene.sign_again()
    scene.write("forbidden_formats: [flax-msgpack]\n")
    result = scene.verify()
    assert result.exit_code == 3, result.output
    assert "flax_model.msgpack (flax-msgpack)" in result.output


def test_five_files_of_a_forbidden_format_are_named_and_the_others_counted(scene: Scene) -> None:
    names = [f"extra-{n}.pkl" for n in range(6)]
    scene.write("forbidden_formats: [pickle]\n")
    for count, name in enumerate(names, 1):
        (scene.release.path / name).write_bytes(b"\x80\x04N.")
        scene.sign_again()
        output = scene.verify().output
        assert [n for n in names if f"{n} (pickle)" in output] == names[: min(count, 5)]
        assert (", and 1 more" in output) == (count == 6)


def test_voices_are_joined_through_a_third_that_shares_with_both() -> None:
    a, b, c = frozenset("a"), frozenset("b"), frozenset("c")
    assert one_voice_each([(a, "1"), (b, "2"), (c, "3")]) == ("a", "b", "c")
    assert one_voice_each([(a, "1"), (b, "2"), (a, "2")]) == ("a = b",)
    assert one_voice_each([(a, "1"), (b, "2"), (a | c, "3"), (c, "2")]) == ("a = b = c",)


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("2026-03-01", "2026-03-01T00:00:00", "2026-03-02T00:00:00"),
        ("2026-03-01T12:30:00Z", "2026-03-01T12:30:00", "2026-03-01T12:30:00"),
    ],
)
def test_a_day_is_whole_and_a_time_is_itself(
    scene: Scene, text: str, begins: str, ends: str
) -> None:
    def holds(at: str, offset: int) -> bool:
        time = dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC)
        policy = load_policy(scene.policy)
        return not policy.validity.fault(time + dt.timedelta(seconds=offset))

    scene.write(f"valid_from: {text}\n")
    assert [holds(begins, offset) for offset in (-1, 0, 1)] == [False, True, True]
    scene.write(f"valid_until: {text}\n")
    assert [holds(ends, offset) for offset in (-1, 0, 1)] == [True, False, False]
