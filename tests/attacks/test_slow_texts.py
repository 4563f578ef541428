"""Texts made to keep a pattern busy: a reader's time grows with a file, not with its square."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from processor import assert_takes_less

from manifest.api import lint_release
from manifest.errors import DocumentError
from manifest.licenses import recognise
from manifest.lint.claim_words import openness_claims
from manifest.lint.content import inspect
from manifest.lint.license_files import ids_of
from manifest.readers.card import Card
from manifest.readers.package import read_package_metadata
from manifest.sources.directory import DirectorySource

_ALLOWED = 5.0
"""Seconds: far above what a slow machine needs, and far below what the attacks took."""
_LICENSE = (Path(__file__).parents[2] / "LICENSE").read_bytes()
_PART = 65_000


def _claims(text: str) -> object:
    return list(openness_claims(text, ("sparrow",)))


TEXTS: dict[str, Callable[[], object]] = {
    "brackets that nothing closes": lambda: _claims(("[" * 3990 + "\n") * 100),
    "comments that nothing closes": lambda: _claims(("<!--" * 990 + "\n") * 100),
    "denials without a full stop": lambda: _claims("not an open-source model\n" * 20_000),
    "a heading of hash signs": lambda: Card("README.md", body="# " + "#" * 100_000 + "a").title,
    "a license and empty lines": lambda: recognise(_LICENSE + b"\nhello\n" + b"\n" * 200_000),
    "a license and ruled lines": lambda: recognise(_LICENSE + b"\nhello\n" + b"-\n" * 200_000),
    "an expression of spaces": lambda: ids_of("MIT" + " " * 200_000 + "x"),
}

FILES: dict[str, tuple[str, str, str]] = {
    "a step of many digits": ("training-logs", "train.log", "step" + "1" * _PART),
    "steps without a loss": ("training-logs", "train.log", "step1 " * (_PART // 6)),
    "losses without a number": ("training-logs", "train.log", "step1 " + "loss" * (_PART // 4)),
    "a cell of spaces": ("evaluation-results", "results.md", "||1" + " " * _PART),
    "one endless optimizer": ("training-configuration", "train.toml", "optim" * (_PART // 5)),
}


@pytest.mark.parametrize("read", TEXTS.values(), ids=TEXTS)
def test_time_does_not_grow_with_the_square_of_a_text(read: Callable[[], object]) -> None:
    assert_takes_less(_ALLOWED, read)


@pytest.mark.parametrize(("kind", "name", "text"), FILES.values(), ids=FILES)
def test_time_does_not_grow_with_the_square_of_a_file(
    kind: str, name: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    def read() -> None:
        source = DirectorySource(tmp_path)
        assert not inspect(source, kind, source.files).passes

    assert_takes_less(_ALLOWED, read)


FRONT_MATTER: dict[str, str] = {
    "a hundred thousand items": "tags:\n"
    + "- x\n" * 50_000
    + "datasets: ["
    + "x, " * 50_000
    + "x]",
    "nothing but comments": "license: mit\n" + "# why\n" * 50_000,
    "names of fields within names": "? " * 38 + "a",
    "levels": "a: " + "[" * 100_000,
}


@pytest.mark.parametrize("text", FRONT_MATTER.values(), ids=FRONT_MATTER)
@pytest.mark.parametrize("name", ["README.md", "release.yaml"])
def test_yaml_of_many_values_is_refused_before_it_is_built(
    name: str, text: str, tmp_path: Path
) -> None:
    fenced = f"---\n{text}\n---\n# Sparrow\n" if name == "README.md" else text
    (tmp_path / name).write_text(fenced, encoding="utf-8")

    def read() -> None:
        with contextlib.suppress(DocumentError):  # what a stranger's card says is passed over
            lint_release(tmp_path)

    assert_takes_less(_ALLOWED, read)


def test_a_chat_template_of_open_braces_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text("{{" * 300_000, encoding="utf-8")
    assert_takes_less(_ALLOWED, lambda: lint_release(tmp_path))


def test_an_author_of_open_angles_is_read_once(tmp_path: Path) -> None:
    text = f"Metadata-Version: 2.1\nName: x\nAuthor-email: A Writer {'<' * 200_000} <a@b.example>\n"
    (tmp_path / "METADATA").write_text(text, encoding="utf-8")

    def read() -> None:
        metadata = read_package_metadata(DirectorySource(tmp_path), "METADATA")
        assert metadata.author.startswith("A Writer")

    assert_takes_less(_ALLOWED, read)


def test_shards_that_a_few_names_announce_are_not_all_written_out(tmp_path: Path) -> None:
    for i in range(300):
        (tmp_path / f"m{i}-00001-of-99999.safetensors").write_bytes(b"")

    def read() -> None:
        source = DirectorySource(tmp_path)
        missing = inspect(source, "model-parameters-final", source.files).missing
        assert len(missing) < 101_000
        assert {name.partition("-")[0] for name in missing} == {f"m{i}" for i in range(300)}

    assert_takes_less(_ALLOWED, read)


def test_what_a_license_file_adds_after_rules_and_empty_lines_is_still_seen() -> None:
    added = b"\n\n---\n\nCopyright 2026 A\n\nNot for military use.\n"
    assert not recognise(_LICENSE + b"\n\n---\n\n(c) 2026 A\n").changed
    assert recognise(_LICENSE + added).changed


def test_entries_of_a_log_are_counted_in_one_line_or_several(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text("step 1 loss 2.5 | step 2 loss 2.4", encoding="utf-8")
    (tmp_path / "short.log").write_text("step 1 lr 0.1\nstep 2 loss 2.4\n", encoding="utf-8")
    source = DirectorySource(tmp_path)
    assert inspect(source, "training-logs", source.files).accepted == ("train.log",)
