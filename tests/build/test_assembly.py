"""Which file belongs to which component."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.build import assemble
from manifest.document.assignment import assign, used_roots
from manifest.document.description import Description, description_from_plain, parse_description
from manifest.document.manifest_file import ManifestFile, dump_manifest, parse_manifest
from manifest.errors import DocumentError
from manifest.inventory import compile_glob

HEAD = 'schema_version: "1.0"\nname: a/b\nversion: "1"\ndescribed_by: publisher\n'
DIGEST = "ab" * 32


def described(text: str) -> Description:
    return parse_description((HEAD + text).encode())


def test_a_file_may_belong_to_several_components_or_none() -> None:
    description = described(
        "components:\n  tokenizer: {files: [a, b]}\n  model-card: {files: [b]}\n"
    )
    assert assign(description, {"": ["a", "b", "c"]}) == {
        ("", "a"): ("tokenizer",),
        ("", "b"): ("model-card", "tokenizer"),
        ("", "c"): (),
    }


def test_exclude_takes_files_out_and_may_match_nothing() -> None:
    description = described(
        'components:\n  datasets: {files: ["data/**"], exclude: ["**/*.tmp", "none/*"]}\n'
    )
    found = assign(description, {"": ["data/a", "data/x/b.tmp"]})
    assert found == {("", "data/a"): ("datasets",), ("", "data/x/b.tmp"): ()}


def test_named_roots_are_patterns_of_their_own() -> None:
    description = described(
        "roots: {ckpt: {type: directory}}\n"
        "components:\n  model-parameters-intermediate: {files: ['ckpt:step*/', 'other:x']}\n"
    )
    assert used_roots(description) == {"ckpt": "components.model-parameters-intermediate.files[0]"}
    found = assign(description, {"": ["step1/w", "other:x"], "ckpt": ["step1/w", "log"]})
    assert found == {
        ("", "step1/w"): (),
        ("", "other:x"): ("model-parameters-intermediate",),
        ("ckpt", "step1/w"): ("model-parameters-intermediate",),
        ("ckpt", "log"): (),
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "components:\n  tokenizer:\n    files: [a, '*.gguf']\n",
            "release.yaml:7: components.tokenizer.files[1]: `*.gguf` matches no file",
        ),
        (
            "components:\n  tokenizer:\n    files: [a]\n    exclude: ['*']\n",
            "release.yaml:8: components.tokenizer.exclude: leaves no file",
        ),
        (
            "components:\n  tokenizer:\n    files: ['../a']\n",
            'components.tokenizer.files[0]: the pattern has the component ".."',
        ),
        (
            "components:\n  tokenizer:\n    files: [a]\n    exclude: ['/a']\n",
            "components.tokenizer.exclude[0]: the pattern is absolute",
        ),
        (
            "training:\n  configuration: [train.yaml]\n",
            "release.yaml:6: training.configuration[0]: train.yaml is not among the files",
        ),
        ("training: {logs: [l]}\n", "training.logs[0]: l is not among"),
        ("training: {environment: {lockfile: l}}\n", "training.environment.lockfile: l is not"),
        ("data: {order: o}\n", "data.order: o is not among"),
        ("data: {order: ../a}\n", 'data.order: the path has the component ".."'),
        ("data: {sources: [{name: s, files: [s/]}]}\n", "data.sources[0].files[0]: `s/` matches"),
        ("checkpoints: {index: i}\n", "checkpoints.index: i is not among"),
        (
            "checkpoints: {entries: [{name: c, files: [c/*]}]}\n",
            "checkpoints.entries[0].files[0]: `c/*` matches no file",
        ),
        (
            "evaluation: {results: [{task: t, metric: m, value: 1, results: r}]}\n",
            "evaluation.results[0].results: r is not among",
        ),
        (
            "roots: {r: {type: directory}}\ndata: {order: 'r:a'}\n",
            "data.order: r:a is not among the files",
        ),
        (
            "roots: {amb: {type: directory}}\n",
            "the file amb:b cannot be told from the file b of the root amb",
        ),
    ],
    ids=[
        "pattern-without-file",
        "everything-excluded",
        "pattern-leaves-the-release",
        "absolute-exclude",
        "configuration",
        "logs",
        "lockfile",
        "data-order",
        "order-leaves-the-release",
        "source-files",
        "checkpoint-index",
        "checkpoint-files",
        "results-file",
        "file-of-a-root-not-given",
        "path-reads-like-a-root",
    ],
)
def test_a_description_that_does_not_fit_is_refused_with_the_place(text: str, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        assign(described(text), {"": ["a", "amb:b"]})
    assert problem in caught.value.message
    assert caught.value.remedy


def test_every_place_is_named_up_to_a_limit() -> None:
    names = ", ".join(f"n{i}" for i in range(30))
    with pytest.raises(DocumentError) as caught:
        assign(described(f"components: {{tokenizer: {{files: [{names}]}}}}\n"), {"": ["a"]})
    assert caught.value.message.count("matches no file") == 20
    assert caught.value.message.endswith("  and 10 more")


NAMES = st.text("ab.-\U0010ffff", min_size=1, max_size=3).filter(lambda n: n not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PARTS = st.text("ab.*?", min_size=1, max_size=3).filter(lambda n: n not in (".", ".."))
PATTERNS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@given(
    paths=st.sets(PATHS, min_size=1, max_size=20),
    pattern=PATTERNS,
    slash=st.sampled_from(["", "/"]),
)
def test_the_shortcut_finds_what_looking_at_every_path_finds(
    paths: set[str], pattern: str, slash: str
) -> None:
    matcher = compile_glob(pattern + slash)
    slow = {p for p in paths if matcher.matches(p)}
    plain: dict[str, Any] = {
        "schema_version": "1.0",
        "name": "n",
        "version": "1",
        "described_by": "publisher",
        "components": {"tokenizer": {"files": [pattern + slash]}},
    }
    description = description_from_plain(plain)
    try:
        assigned = assign(description, {"": sorted(paths)})
    except DocumentError:
        assert slow == set()
    else:
        assert {path for (_, path), ids in assigned.items() if ids} == slow


def test_assembling_is_free_of_order_and_of_earlier_components() -> None:
    description = described("components: {tokenizer: {files: [a]}}\n")
    files = [ManifestFile("b", 2, DIGEST), ManifestFile("a", 1, DIGEST, components=("nonsense",))]
    first, second = assemble(description, files), assemble(description, files[::-1])
    assert first == second
    assert [f.components for f in first.files] == [("tokenizer",), ()]
    assert assemble(description, first.files) == first


def test_what_is_assembled_reads_back_as_it_was() -> None:
    description = described(
        "roots: {r: {type: directory}}\ncomponents: {tokenizer: {files: ['r:a', b]}}\n"
    )
    files = [ManifestFile("a", 1, DIGEST, root="r"), ManifestFile("b", 2, DIGEST)]
    manifest = assemble(description, files)
    assert parse_manifest(dump_manifest(manifest)) == manifest
    assert dataclasses.replace(manifest, files=()) != manifest
