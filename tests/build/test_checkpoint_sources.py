"""Checkpoints from lists of branches, patterns of names, indexes, and several of them at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from amber import weights

from manifest.build import build
from manifest.build.checkpoints import segment_chunks
from manifest.build.segments import segments_of
from manifest.document.manifest_checkpoints import ResolvedCheckpoint
from manifest.errors import DocumentError, UsageError
from manifest.readers.checkpoint_index import parse_checkpoint_index
from manifest.readers.chunk_index import Chunk

HEAD = 'schema_version: "1.0"\nname: a/b\nversion: "1"\ndescribed_by: third-party\ncomponents: {}\n'
OLMO = 'patterns: ["stage{stage}-step{step}-tokens{tokens}"]'
REPOSITORY = "repository: {type: huggingface, repo: allenai/OLMo-2-1124-7B}"


def checkpoints(directory: Path, section: str, **files: str) -> tuple[ResolvedCheckpoint, ...]:
    for name, text in files.items():
        (directory / f"{name}.txt").write_text(text)
    (directory / "release.yaml").write_text(f"{HEAD}checkpoints: {{{section}}}\n")
    return build(directory).manifest.checkpoints


def test_branches_as_ls_remote_prints_them_are_pinned(tmp_path: Path) -> None:
    commits = [f"{n:040x}" for n in range(4)]
    text = (
        f"{commits[0]}\tHEAD\n{commits[0]}\trefs/heads/main\n"
        f"{commits[2]}\trefs/heads/stage1-step2000-tokens9B\n"
        f"{commits[1]}\trefs/heads/stage1-step1000-tokens5B\n"
        f"{commits[3]}\trefs/heads/stage2-step10-tokens1B\n{commits[0]}\trefs/pr/7\n"
    )
    found = checkpoints(tmp_path, f"names: list.txt, {OLMO}, {REPOSITORY}", list=text)
    assert [(c.name, c.stage, c.step, c.tokens, c.parent) for c in found] == [
        ("stage1-step1000-tokens5B", "stage1", 1000, 5 * 10**9, ""),
        ("stage1-step2000-tokens9B", "stage1", 2000, 9 * 10**9, "stage1-step1000-tokens5B"),
        ("stage2-step10-tokens1B", "stage2", 10, 10**9, ""),
    ]
    assert [c.reference["revision"] for c in found] == commits[1:]


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("ckpt_{ordinal}", "ckpt_358", (None, 358, "")),
        ("step{step}", "step143000", (143_000, None, "")),
        ("{stage}/it-{step}", "anneal/it-7", (7, None, "anneal")),
        ("s{stage}-i{ingredient}-{step}", "s2-i3-50", (50, None, "stage2 ingredient 3")),
    ],
)
def test_a_pattern_says_what_a_name_means(
    tmp_path: Path, pattern: str, name: str, expected: tuple[int | None, int | None, str]
) -> None:
    section = f'names: list.txt, patterns: ["{pattern}"]'
    (one,) = checkpoints(tmp_path, section, list=f"* main\n  remotes/origin/{name}\n")
    assert (one.name, (one.step, one.ordinal, one.stage)) == (name, expected)


def test_without_patterns_every_branch_is_a_checkpoint(tmp_path: Path) -> None:
    found = checkpoints(tmp_path, "names: list.txt", list="main\nstep2\nstep1\n")
    assert [c.name for c in found] == ["step1", "step2", "main"]


def test_directory_and_branch_of_one_name_are_one_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "c" / "step1").mkdir(parents=True)
    (tmp_path / "c" / "step1" / "model.safetensors").write_bytes(weights(1))
    (tmp_path / "c" / "notes").mkdir()
    (tmp_path / "c" / "notes" / "a.txt").write_text("a")
    section = f'directories: ["c/*"], names: list.txt, patterns: ["step{{step}}"], {REPOSITORY}'
    found = checkpoints(tmp_path, section, list="step1\nstep2\nnotes\n")
    assert [(c.name, len(c.files), c.reference["revision"]) for c in found] == [
        ("step1", 1, "step1"),
        ("step2", 0, "step2"),
    ]


def test_an_index_gives_commits_and_digests(tmp_path: Path) -> None:
    commit, digest = "a" * 40, "b" * 64
    text = f"step,branch,commit,weights sha256\n1,step1,{commit},{digest}\n2,step2,,\n"
    first, second = checkpoints(tmp_path, f"index: list.txt, {REPOSITORY}", list=text)
    assert (first.reference["revision"], first.listed_sha256) == (commit, digest)
    assert (second.reference["revision"], second.listed_sha256) == ("step2", "")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("step{steps}", r"has the unknown field \{steps\}"),
        ("step{step", "has a brace without its other"),
        ("{step}{tokens}", "two fields with nothing between"),
        ("{step}-{step}", "has the field step twice"),
        ("step {step}", "has a character that no name has"),
    ],
)
def test_a_pattern_that_is_none_is_refused(tmp_path: Path, pattern: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        checkpoints(tmp_path, f'names: list.txt, patterns: ["{pattern}"]', list="step1\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{'a' * 40} step1\n{'b' * 40} step1\n", ":2: step1 was listed on line 1 with another"),
        ("step1\nstep1\n", ":2: step1 was listed on line 1 already"),
        (f"{'a' * 39} step1\n", ":1: .* is no branch"),
        ("step1 step2\n", ":1: .* is no branch"),
        ("# nothing\n", "lists no branch"),
        ("x\n" * 200_001, "has more than 200,000 lines"),
        ("stage1-x\n", "no name in list.txt looks as checkpoints.patterns says"),
    ],
    ids=["two-commits", "twice", "short-commit", "two-names", "empty", "endless", "no-match"],
)
def test_a_broken_list_of_branches_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        checkpoints(tmp_path, f"names: list.txt, {OLMO}", list=text)


def test_a_segment_leads_over_checkpoints_that_only_an_index_names(tmp_path: Path) -> None:
    for step in (1, 4):
        (tmp_path / "c" / f"step{step}").mkdir(parents=True)
        (tmp_path / "c" / f"step{step}" / "model.safetensors").write_bytes(weights(step))
    (tmp_path / "list.txt").write_text("step1\nstep2\nstep3\nstep4\n")
    text = f'{HEAD}checkpoints: {{directories: ["c/*"], names: list.txt}}\n'
    (tmp_path / "release.yaml").write_text(text)
    (segment,) = segments_of(build(tmp_path).manifest)
    assert segment.names == ("step1", "step4")
    assert [c.name for c in segment.way] == ["step2", "step3", "step4"]


def line(name: str, step: int, parent: str = "") -> ResolvedCheckpoint:
    return ResolvedCheckpoint(name, "", step, None, None, "", parent)


CHUNKS = [Chunk(n, f"{name}.bin", checkpoint=name) for n, name in enumerate("bcd", 1)]


@pytest.mark.parametrize(
    ("found", "start", "end", "files"),
    [
        pytest.param(
            [line("a", 1), line("b", 2, "a"), line("c", 3, "a")], "a", "c", ["c"], id="siblings"
        ),
        pytest.param(
            [line("a", 1), line("b", 2, "a"), line("c", 3, "b")], "a", "c", ["b", "c"], id="a-line"
        ),
        pytest.param(
            [line("a", 1), line("b", 2), line("c", 3)], "a", "c", ["b", "c"], id="no-parents"
        ),
        pytest.param(
            [line("a", 1), line("b", 2), line("c", 3), line("d", 4, "c")],
            "a", "d", ["b", "c", "d"], id="parents-of-some",
        ),
    ],
)  # fmt: skip
def test_data_between_checkpoints_goes_by_their_parents(
    found: list[ResolvedCheckpoint], start: str, end: str, files: list[str]
) -> None:
    chosen = segment_chunks(found, CHUNKS, start, end)
    assert [chunk.file for chunk in chosen] == [f"{name}.bin" for name in files]


def test_a_checkpoint_of_another_line_has_no_data_in_between() -> None:
    found = [line("a", 1), line("b", 2, "a"), line("c", 3, "a")]
    with pytest.raises(UsageError, match="c does not descend from b"):
        segment_chunks(found, CHUNKS, "b", "c")


def test_the_list_of_an_index_is_the_one_that_the_whole_says() -> None:
    """A list of the same name stands deeper, and before it."""
    text = """{
    "superseded": {"checkpoints": [{"step": 777, "url": "evil/step777"}]},
    "checkpoints": [
        {"step": 1, "url": "https://a.org/step1"},
        {"step": 2, "url": "https://a.org/step2"}
    ]}"""
    index = parse_checkpoint_index(text.encode(), "index.json")
    assert [(row.step, row.line) for row in index.rows] == [(1, 4), (2, 5)]
