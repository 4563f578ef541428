"""A new description: what is guessed says so, what is not found is asked, the whole is valid."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.build import assemble
from manifest.document.description import parse_description
from manifest.document.manifest_file import ManifestFile
from manifest.draft import Draft, draft, draft_description, draft_text
from manifest.draft.globs import Globber
from manifest.errors import DocumentError, UsageError
from manifest.inventory import compile_glob
from manifest.sources.memory import MemorySource

TENSORS = struct.pack(
    "<Q", 65
) + b'{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'.ljust(65)
CARD = """---
license: apache-2.0
language: [en, "no"]
pipeline_tag: text-generation
base_model: acme/base
base_model_relation: finetune
datasets: [acme/corpus, "1.10"]
model-index:
  - name: acme/tiny
    results:
      - task: {type: x}
        dataset: {name: HellaSwag}
        metrics: [{type: acc, value: 0.5}]
---
# Tiny
"""
RELEASE: dict[str, bytes] = {
    "README.md": CARD.encode(),
    "config.json": b'{"architectures": ["TinyLM"], "n_positions": 512}',
    "model.safetensors": TENSORS + bytes(24),
    "tokenizer.json": b"{}",
    "checkpoints/step10/model.safetensors": TENSORS + bytes(24),
    "checkpoints/step9/model.safetensors": TENSORS + bytes(24),
    "train.py": b"loss.backward()",
    "recipe.yaml": b"optimizer: adamw\nmax_steps: 9\nseed: 7\n",
    "data/order.jsonl": b"{}",
    "odd.xyz": b"?",
}
QUESTION = re.compile(r"^(\s*)# ( *(?:- )?[a-z][a-z_-]*:(?: .*)?)$")


def new(files: dict[str, bytes]) -> Draft:
    return draft(MemorySource(files, name="folder"))


def build(text: str, files: dict[str, bytes]) -> None:
    """What `manifest build` would refuse raises here."""
    entries = [ManifestFile(path, len(files[path]), "0" * 64) for path in files]
    assemble(parse_description(text.encode()), entries)


def test_what_the_files_say_is_in_the_description() -> None:
    description = new(RELEASE).description
    fields = description.fields
    assert (description.name, description.version) == ("acme/tiny", "unversioned")
    assert (description.license, description.described_by) == ("apache-2.0", "publisher")
    assert fields["model"] == {
        "tasks": ["text-generation"],
        "languages": ["en", "no"],
        "architecture": "TinyLM",
        "parameters": 6,
        "context_length": 512,
    }
    assert [(b.name, b.relation) for b in description.base_models] == [("acme/base", "finetune")]
    assert [s.name for s in description.sources] == ["acme/corpus", "1.10"]
    assert [(c.name, c.step) for c in description.checkpoints] == [("step9", 9), ("step10", 10)]
    assert [(r.task, r.metric, r.value) for r in description.results] == [("HellaSwag", "acc", 0.5)]
    assert fields["training"] == {"configuration": ["recipe.yaml"], "seeds": {"seed": 7}}
    assert fields["data"]["order"] == "data/order.jsonl"
    assert {c.id: c.files for c in description.components}["model-parameters-intermediate"] == (
        "checkpoints/**",
    )


def test_the_first_line_leads_editors_to_the_schema() -> None:
    first = new({"a": b""}).text.split("\n")[0]
    assert re.fullmatch(
        r"# yaml-language-server: \$schema=https://\S+/description-1\.schema\.json", first
    )


def test_every_guess_says_so() -> None:
    lines = new(RELEASE).text.split("\n")
    for value in ("acme/tiny", "apache-2.0", "TinyLM", "acme/base", "tokenizer.json", "seed: 7"):
        [line, *_] = [line for line in lines if value in line]
        assert "# guessed" in line, line


@pytest.mark.parametrize("files", [RELEASE, {}, {"odd": b"", "model.safetensors": TENSORS}])
def test_a_question_becomes_an_answer_by_taking_the_mark_away(files: dict[str, bytes]) -> None:
    text = new(files).text
    _, *lines = text.split("\n")
    answered = "\n".join(QUESTION.sub(r"\1\2", line) for line in lines)
    fields = parse_description(answered.encode()).fields
    asked = {"claim", "publisher", "licenses", "training", "data", "evaluation", "release_date"}
    assert asked <= set(fields)
    assert "command" in fields["training"]
    assert answered != text


def test_what_is_not_placed_is_listed() -> None:
    drafted = new({**RELEASE, ".gitkeep": b""})
    assert drafted.unassigned == (".gitkeep", "odd.xyz")
    assert drafted.packaging == (".gitkeep",)


def test_a_third_partys_description_says_so() -> None:
    assert draft_description(MemorySource(RELEASE)).described_by == "third-party"


def test_licenses_that_disagree_are_both_shown() -> None:
    metadata = b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.10\nLicense: MIT\n"
    drafted = new({**RELEASE, "tiny-1.dist-info/METADATA": metadata})
    assert "# But tiny-1.dist-info/METADATA says MIT.\n" in drafted.text
    assert (drafted.description.license, drafted.description.version) == ("apache-2.0", "1.10")


def test_a_license_text_gives_the_license_where_nothing_else_does() -> None:
    text = (Path(__file__).parents[2] / "LICENSE").read_bytes()
    drafted = new({"LICENSE": text, "model.safetensors": TENSORS + bytes(24)})
    assert drafted.description.license == "Apache-2.0"
    assert "guessed from LICENSE" in drafted.text


def test_a_file_that_cannot_be_read_is_noted_and_passed_over() -> None:
    drafted = new({"README.md": b"---\na: [\n---\n", "model.safetensors": b"\xff" * 9})
    assert any("README.md" in note for note in drafted.notes)
    assert any("model.safetensors" in note for note in drafted.notes)
    assert drafted.description.of_kind("model-card")


HOSTILE = [
    'x"\n  y: z',
    "a # b",
    "x: y",
    "\u202eevil",
    "\x1b[31m",
    "yes",
    "1.10",
    "*a",
    "&a",
    "[a, b]",
    "{a: b}",
    "!!x",
    "'",
    '"',
    "-",
    "- a",
    "null",
    "a\\b",
    "\u2028",
    "x" * 600,
    " ",
    "",
    "a,b",
    "%x",
    "@a",
    "`a`",
    "| a",
    "> a",
    "? a",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_a_value_or_is_left_out(text: str) -> None:
    front = json.dumps(
        {
            "license": text,
            "license_name": text,
            "base_model": text,
            "datasets": [text, "ok"],
            "language": text,
            "pipeline_tag": text,
            "model-index": [
                {
                    "name": text,
                    "results": [
                        {"dataset": {"name": text}, "metrics": [{"type": text, "value": 1}]}
                    ],
                }
            ],
        }
    )
    config = json.dumps({"architectures": [text], "_name_or_path": text})
    files = {"README.md": f"---\n{front}\n---\n".encode(), "config.json": config.encode()}
    drafted = new(files)
    known = {*HOSTILE, text.strip(), "ok", "folder", "unversioned"}
    said = [drafted.description.license, drafted.description.name]
    said += [b.name for b in drafted.description.base_models]
    said += [s.name for s in drafted.description.sources]
    said += drafted.description.fields.get("model", {}).get("languages", [])
    assert set(said) <= known
    assert "\x1b" not in drafted.text
    build(drafted.text, files)


PATHS = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\", exclude_categories=["Cc", "Cs"]),
    min_size=1,
    max_size=8,
).filter(lambda name: name not in {".", ".."} and not re.match("[A-Za-z]:", name))
TREES = st.dictionaries(
    st.lists(
        PATHS
        | st.sampled_from(
            ["a", "b", "data", "step1", "x.py", "m.safetensors", "README.md", "*.md", "[a]", "aa:b"]
        ),
        min_size=1,
        max_size=3,
    ).map("/".join),
    st.sampled_from([b"", TENSORS, CARD.encode(), b"{}"]),
    max_size=8,
).filter(lambda tree: not any(b.startswith(f"{a}/") for a in tree for b in tree))


@settings(deadline=None, max_examples=40)
@given(files=TREES)
def test_any_tree_gives_a_description_that_builds(files: dict[str, bytes]) -> None:
    files.pop("release.yaml", None)
    drafted = new(files)
    build(drafted.text, files)
    again = draft(MemorySource({**files, "release.yaml": b""}), existing=drafted.text.encode())
    assert again.text == drafted.text


SETS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["a", "b", "[c]", "step1", "step2", "*"]), max_size=3),
        st.sampled_from(
            [
                "x.py",
                "y.py",
                "m-00001-of-00002.bin",
                "m-00002-of-00002.bin",
                "LICENSE",
                "a.md",
                "?.py",
            ]
        ),
        st.sampled_from("ABC"),
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=40)
@given(entries=SETS)
def test_patterns_name_exactly_the_files_of_their_set(
    entries: list[tuple[list[str], str, str]],
) -> None:
    kinds = {"/".join([*parts, name]): kind for parts, name, kind in entries}
    globber = Globber(list(kinds))
    for kind in set(kinds.values()):
        wanted = sorted(path for path in kinds if kinds[path] == kind)
        patterns = globber.patterns(wanted)
        found = {p for pattern, _ in patterns for p in kinds if compile_glob(pattern).matches(p)}
        assert sorted(found) == wanted
        assert sorted(path for _, files in patterns for path in files) == wanted


def test_patterns_are_compact() -> None:
    steps = [f"ckpt/step{n}/{name}" for n in range(50) for name in ("model.pt", "optim.pt")]
    globber = Globber([*steps, "src/a.py", "src/b.py", "src/deep/c.py", "src/x.txt", "LICENSE"])
    models = [path for path in steps if path.endswith("model.pt")]
    assert [p for p, _ in globber.patterns(models)] == ["ckpt/*/model.pt"]
    assert [p for p, _ in globber.patterns(steps)] == ["ckpt/**"]
    assert [p for p, _ in globber.patterns(["src/a.py", "src/b.py", "src/deep/c.py"])] == [
        "src/**/*.py"
    ]
    assert [p for p, _ in globber.patterns(["src/x.txt", "LICENSE"])] == ["LICENSE", "src/x.txt"]


def test_a_description_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("x")
    root = tmp_path / "rel"
    root.mkdir()
    (root / "release.yaml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=r"release\.yaml is a symbolic link"):
        draft_text(root)


def test_a_description_of_megabytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "release.yaml").write_bytes(b"#" * (9 * 1024 * 1024))
    with pytest.raises(DocumentError, match=r"release\.yaml has"):
        draft_text(tmp_path)
