"""Cards, configurations, results and metadata: what they say, and what is refused."""

from __future__ import annotations

import ast
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.errors import DocumentError, ManifestError, UndecidedError
from manifest.readers.card import CardResult, read_card
from manifest.readers.citation import read_citation
from manifest.readers.config import read_config
from manifest.readers.evaluation import read_evaluation_results
from manifest.readers.package import read_package_metadata
from manifest.readers.recipe import read_recipe
from manifest.readers.trainer_state import read_trainer_state
from manifest.sources.memory import MemorySource


def source(content: str | bytes, path: str) -> MemorySource:
    return MemorySource({path: content.encode() if isinstance(content, str) else content})


CARD = """---
license: other
license_name: acme-1.10
license_link: LICENSE.md
language: en
base_model:
  - acme/base
  - acme/other
base_model_relation: merge
datasets: [acme/corpus, 2024]
pipeline_tag: text-generation
library_name: transformers
tags: [a, 'on', 1.10]
model-index:
  - name: tiny
    results:
      - task: {type: text-generation, name: Text Generation}
        dataset: {name: HellaSwag, type: hellaswag}
        metrics:
          - {type: acc, value: 0.5}
          - {type: acc_norm, value: .nan}
          - {type: f1, value: "60.1"}
---
# Tiny LM #

Body.
"""


def test_a_card_says_its_fields_and_text_stays_text() -> None:
    card = read_card(source(CARD, "README.md"), "README.md")
    assert (card.license, card.license_name, card.license_link) == (
        "other",
        "acme-1.10",
        "LICENSE.md",
    )
    assert (card.base_models, card.base_model_relation) == (("acme/base", "acme/other"), "merge")
    assert (card.languages, card.datasets) == (("en",), ("acme/corpus", "2024"))
    assert card.tags == ("a", "on", "1.10")
    assert card.model_name == "tiny"
    assert card.results == (
        CardResult("Text Generation", "HellaSwag", "acc", 0.5),
        CardResult("Text Generation", "HellaSwag", "f1", 60.1),
    )
    assert card.title == "Tiny LM"
    assert CARD.split("\n")[card.body_line - 1] == "# Tiny LM #"
    assert not card.describes_dataset


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("# Only text\n", False),
        ("", False),
        ("---\n", False),
        ("---\nlicense: mit\n", False),
        ("----\nlicense: mit\n---\n", False),
        ("---\n---\nbody\n", True),
        ("---\r\nlicense: mit\r\n---\r\nbody\r\n", True),
        ("---\nlicense: mit\n---", True),
        ("\ufeff---\nlicense: mit\n---\n", True),
        ("text\n---\nlicense: mit\n---\n", False),
    ],
)
def test_front_matter_stands_between_two_fences_at_the_top(text: str, *, has: bool) -> None:
    assert read_card(source(text, "README.md"), "README.md").has_front_matter is has


def test_null_is_nothing_and_a_dataset_card_is_known() -> None:
    text = "---\nlicense: null\nlanguage:\n- en\n- null\ntask_categories: [x]\n---\n"
    card = read_card(source(text, "README.md"), "README.md")
    assert (card.license, card.languages, card.describes_dataset) == ("", ("en",), True)


CARD_ATTACKS: dict[str, bytes] = {
    "deep-front-matter": b"---\na: " + b"[" * 20_000 + b"\n---\n",
    "billion-laughs": b"---\na: &a [x, x]\nb: &b [*a, *a]\n---\n",
    "tag": b"---\na: !!python/object/apply:os.system ['true']\n---\n",
    "duplicate-field": b"---\nlicense: mit\nlicense: apache-2.0\n---\n",
    "list-at-the-top": b"---\n- a\n---\n",
    "not-utf8": b"---\nlicense: \xff\n---\n",
    "nul": b"---\nlicense: mit\0\n---\n",
    "control-character": b"---\nlicense: mit\x07\n---\n",
    "broken": b"---\nlicense: [mit\n---\n",
    "front-matter-of-megabytes": b"---\na: " + b"x" * 1_100_000 + b"\n---\n",
    "file-of-megabytes": b"x" * 5_000_000,
}


@pytest.mark.parametrize("content", CARD_ATTACKS.values(), ids=CARD_ATTACKS.keys())
def test_a_hostile_card_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(DocumentError, match=r"docs/README\.md"):
        read_card(source(content, "docs/README.md"), "docs/README.md")


def test_the_line_of_a_mistake_is_the_line_of_the_file() -> None:
    with pytest.raises(DocumentError, match=r"README\.md:3"):
        read_card(source("---\nlicense: mit\nlicense: x\n---\n", "README.md"), "README.md")


def test_a_config_says_architecture_and_remote_code() -> None:
    content = {
        "architectures": ["TinyLM"],
        "model_type": "tiny",
        "torch_dtype": "bfloat16",
        "vocab_size": 100,
        "n_positions": 512,
        "_name_or_path": "acme/base",
        "auto_map": {
            "AutoModel": "modeling_tiny.TinyLM",
            "AutoTokenizer": ["acme/code--tok.Tok", None],
        },
        "quantization_config": {"quant_method": "gptq"},
    }
    config = read_config(source(json.dumps(content), "m/config.json"), "m/config.json")
    assert (config.architectures, config.dtype, config.context_length) == (
        ("TinyLM",),
        "bfloat16",
        512,
    )
    assert config.remote_code == ("m/modeling_tiny.py",)
    assert config.remote_repositories == ("acme/code",)
    assert (config.quantization, config.name_or_path, config.is_model) == (
        "gptq",
        "acme/base",
        True,
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"architectures": "x", "auto_map": [1], "vocab_size": "100", "quantization_config": 1},
        {"architectures": [1, None], "auto_map": {"a": {"b": 1}}, "vocab_size": True},
        {"vocab_size": -1, "n_positions": 1e30, "model_type": ["x"]},
    ],
)
def test_fields_of_another_type_say_nothing(fields: dict[str, Any]) -> None:
    config = read_config(source(json.dumps(fields), "config.json"), "config.json")
    assert not config.is_model
    assert config.vocab_size is None
    assert not config.remote_code


def test_harness_results_are_read_without_standard_errors() -> None:
    content = {
        "results": {"arc": {"acc,none": 0.4, "acc_stderr,none": 0.1, "alias": "arc"}},
        "versions": {"arc": 1.0},
        "config": {"model": "hf", "model_args": "pretrained=acme/tiny"},
        "git_hash": "abc",
    }
    found = read_evaluation_results(source(json.dumps(content), "r.json"), "r.json")
    assert [(r.task, r.metric, r.value, r.version) for r in found.results] == [
        ("arc", "acc", 0.4, "1.0")
    ]
    assert (found.harness, found.git_hash) == ("lm-evaluation-harness", "abc")
    assert found.model == "pretrained=acme/tiny"


def test_results_say_what_measured_what_on_which_data() -> None:
    weights = "0" * 64
    content: dict[str, object] = {
        "weights": {"path": "m.safetensors", "sha256": weights},
        "harness": {"name": "evaluate.py", "version": "1.0"},
        "results": [{"task": "birds", "dataset": {"path": "t.jsonl"}, "metrics": {"acc": 0.4}}],
    }
    found = read_evaluation_results(source(json.dumps(content), "r.json"), "r.json")
    assert [(r.task, r.metric, r.value) for r in found.results] == [("birds", "acc", 0.4)]
    assert (found.program, found.weights, found.names_data) == ("evaluate.py 1.0", weights, True)
    content = {
        "results": {"arc": {"acc,none": 0.4}},
        "configs": {"arc": {"dataset_path": "allenai/ai2_arc"}},
        "config": {"model": "hf"},
        "lm_eval_version": "0.4.9",
        "git_hash": "abc",
    }
    found = read_evaluation_results(source(json.dumps(content), "r.json"), "r.json")
    assert (found.program, found.names_data) == ("lm-evaluation-harness 0.4.9", True)
    assert found.weights == ""


def test_a_flat_table_of_metrics_is_read() -> None:
    found = read_evaluation_results(source('{"eval_loss": 1.5, "name": "x"}', "r.json"), "r.json")
    assert [(r.metric, r.value) for r in found.results] == [("eval_loss", 1.5)]
    assert not found.harness


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        '{"results": {}}',
        '{"results": []}',
        '{"results": [{"metrics": 1}]}',
        '{"a": NaN}',
        '{"a": 1, "a": 2}',
    ],
)
def test_what_holds_no_result_is_refused(content: str) -> None:
    with pytest.raises(DocumentError, match=r"r\.json"):
        read_evaluation_results(source(content, "r.json"), "r.json")


def test_a_trainer_state_says_steps() -> None:
    content = {
        "global_step": 10,
        "max_steps": 20,
        "epoch": 0.5,
        "log_history": [{"step": 5}, 1, {}],
    }
    state = read_trainer_state(source(json.dumps(content), "t.json"), "t.json")
    assert (state.global_step, state.max_steps, state.epoch, state.log_steps) == (10, 20, 0.5, (5,))


def test_package_metadata_says_name_version_license() -> None:
    content = (
        "Metadata-Version: 2.4\nName: tiny\nVersion: 1.0\nAuthor-email: Ann <ann@example.com>\n"
        "License-Expression: Apache-2.0\nLicense: other\nProject-URL: Homepage, https://example.com\n"
        "Classifier: License :: OSI Approved :: MIT License\n\nBody: no field\n"
    )
    found = read_package_metadata(source(content, "METADATA"), "METADATA")
    assert (found.name, found.version, found.author) == ("tiny", "1.0", "Ann")
    assert (found.license, found.homepage) == ("Apache-2.0", "https://example.com")
    assert found.body == "Body: no field\n"


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("License: MIT", "MIT"),
        ("License: UNKNOWN", ""),
        ("License: " + "text of a license " * 20, ""),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT"),
        ("Classifier: License :: OSI Approved :: BSD License", ""),
        ("Classifier: License :: OSI Approved", ""),
        (
            "Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: OSI Approved :: Apache Software License",
            "",
        ),
    ],
)
def test_a_package_license_is_a_name_or_nothing(field: str, wanted: str) -> None:
    content = f"Metadata-Version: 2.1\nName: x\n{field}\n"
    assert read_package_metadata(source(content, "METADATA"), "METADATA").license == wanted


def test_a_citation_says_title_version_and_authors() -> None:
    content = (
        "cff-version: 1.2.0\ntitle: Tiny\nversion: 1.10\ndoi: 10.1/x\nlicense: Apache-2.0\n"
        "authors:\n  - {given-names: Ann, family-names: Bee}\n  - {name: The Lab}\n"
    )
    found = read_citation(source(content, "CITATION.cff"), "CITATION.cff")
    assert (found.title, found.version, found.license) == ("Tiny", "1.10", "Apache-2.0")
    assert found.authors == ("Ann Bee", "The Lab")


@pytest.mark.parametrize(
    ("path", "content", "is_training", "seeds"),
    [
        ("r.yaml", "optimizer: adamw\ndata:\n  seed: 7\n  batch_size: 4\n", True, {"data.seed": 7}),
        ("r.yaml", "optimizer: adamw\nname: x\n", False, {}),
        ("r.json", '{"learning_rate": 1, "warmup_steps": 2, "seed": 007}', None, {}),
        ("r.json", '{"learning_rate": 1, "warmup_steps": 2, "seed": 1}', True, {"seed": 1}),
        ("r.yaml", "seed: 01\nlr: 1\nmax_steps: 2\n", True, {}),
    ],
)
def test_a_recipe_is_known_by_its_fields(
    path: str, content: str, *, is_training: bool | None, seeds: dict[str, int]
) -> None:
    if is_training is None:
        with pytest.raises(DocumentError, match=path):
            read_recipe(source(content, path), path)
        return
    found = read_recipe(source(content, path), path)
    assert (found.is_training, found.seeds) == (is_training, seeds)


READERS: list[Callable[[MemorySource, str], object]] = [
    read_card,
    read_config,
    read_citation,
    read_evaluation_results,
    read_package_metadata,
    read_recipe,
    read_trainer_state,
]
JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "results",
                    "versions",
                    "config",
                    "log_history",
                    "auto_map",
                    "architectures",
                    "x",
                    "seed",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("path", ["a/file.json", "file.yaml"])
@given(
    content=st.binary(max_size=200)
    | st.text("-:[]{}&*!|>'\" \n#%@`?,ab01", max_size=80).map(lambda t: f"---\n{t}\n---\n".encode())
    | st.text("-:[]{}&*!|>'\" \n#%@`?,ab01\t\r\x85\u2028", max_size=80).map(str.encode)
    | JSON_LIKE.map(lambda v: json.dumps(v).encode())
)
def test_arbitrary_content_raises_nothing_but_our_errors(
    reader: Callable[[MemorySource, str], object], path: str, content: bytes
) -> None:
    with contextlib.suppress(ManifestError):
        reader(source(content, path), path)


@pytest.mark.parametrize("reader", READERS)
def test_a_missing_file_is_undecided(reader: Callable[[MemorySource, str], object]) -> None:
    with pytest.raises(UndecidedError, match="none"):
        reader(MemorySource({"b": b"", "d": b""}), "none.json")


def test_no_reader_unpickles_or_runs_anything() -> None:
    import manifest.readers

    refused = {"pickle", "zipfile", "eval", "exec", "subprocess"}
    # It disassembles pickles and lists archives, within bounds; nothing in them is loaded.
    allowed = {"pickles.py": {"zipfile"}, "unpickled.py": {"zipfile"}}
    for module in sorted(Path(manifest.readers.__path__[0]).glob("*.py")):
        named: set[str | None] = set()
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Name):
                named.add(node.id)
            elif isinstance(node, ast.Import):
                named.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                named.add(node.module)
        found = named & refused
        assert found <= allowed.get(module.name, set()), module.name
