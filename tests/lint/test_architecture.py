"""Where an architecture and a tokenizer come from when no component has them."""

from __future__ import annotations

from pathlib import Path

import pytest
from lint_releases import HEAD, license_text, write

from manifest.document.components import MofClass
from manifest.lint import LintOptions, LintReport, Verdict, lint, load_release
from manifest.sources.pins import Resolution, ResolutionStatus

V = Verdict
REVISION = "3f786850e387550fdab836ed7e6dc881de23001b"
WEIGHTS = "components:\n  model-parameters-final: {{files: ['{}']}}\n  license-texts: {{files: [LICENSE]}}\n"
BASE = "base_models:\n  - name: acme/robin\n    relation: adapter\n"
OPEN = "    license: apache-2.0\n"
PIN = f"    reference: {{type: huggingface, repo: acme/robin, revision: {REVISION}}}\n"
ADAPTER = {
    "adapter_model.safetensors": "<safetensors lora_A=2x3 lora_B=3x2>",
    "adapter_config.json": '{"base_model_name_or_path": "acme/robin", "peft_type": "LORA"}',
    "LICENSE": "<license Apache-2.0>",
}


def judge(
    root: Path,
    base: str,
    *,
    trust: bool = False,
    found: ResolutionStatus | None = None,
    declared: bool = False,
) -> LintReport:
    text = f"{HEAD}license: apache-2.0\nmodel: {{tasks: [text-generation]}}\n{base}"
    files = {**ADAPTER, "release.yaml": text + WEIGHTS.format("adapter_model.safetensors")}
    release = load_release(
        write(root, files),
        accept_pinned=trust,
        resolve=(lambda _: Resolution(found, "as told")) if found else None,
    )
    return lint(release, LintOptions(declared=declared))


def reason(report: LintReport, code: str) -> str:
    return next(r.outcome.reason for r in report.missing if r.code == code)


@pytest.mark.parametrize("found", list(ResolutionStatus))
def test_an_adapter_runs_on_its_pinned_and_resolved_base(
    found: ResolutionStatus, tmp_path: Path
) -> None:
    report = judge(tmp_path, BASE + OPEN + PIN, found=found)
    resolved = found is ResolutionStatus.RESOLVED
    assert report.verdict is (V.OPEN_WEIGHT if resolved else V.WEIGHTS_AVAILABLE)


def test_a_pinned_base_that_was_not_looked_up_counts_on_trust(tmp_path: Path) -> None:
    report = judge(tmp_path, BASE + OPEN + PIN)
    assert report.verdict is V.WEIGHTS_AVAILABLE
    assert {r.code for r in report.missing} == {"WGT003", "WGT004"}
    assert "which is pinned and was not looked up: --online does" in reason(report, "WGT003")
    trusting = judge(tmp_path, BASE + OPEN + PIN, trust=True)
    assert trusting.verdict is V.OPEN_WEIGHT
    assert (trusting.pinned_accepted, trusting.osaid.trusted, trusting.eu.trusted) == (1, 1, 1)


UNPINNED = "pin the base model (acme/robin) by revision"
BASES: dict[str, tuple[str, str]] = {
    "named by its configuration alone": ("", UNPINNED),
    "named": (BASE + OPEN, UNPINNED),
    "a branch": (BASE + OPEN + PIN.replace(REVISION, "main"), UNPINNED),
    "no license": (BASE + PIN, "of which no license is named"),
    "not open": (BASE + PIN + "    license: cc-by-nc-4.0\n", "whose license cc-by-nc-4.0"),
    "known not to be open": (
        (BASE + OPEN + PIN).replace("acme/robin", "meta-llama/Llama-3.1-8B"),
        "which is under llama3.1",
    ),
    "one of two": (
        BASE + OPEN + PIN + BASE.replace("base_models:\n", "").replace("robin", "wren") + OPEN,
        "pin the base model (acme/wren) by revision",
    ),
}


@pytest.mark.parametrize(("base", "words"), BASES.values(), ids=BASES)
def test_a_base_that_cannot_be_counted_on(base: str, words: str, tmp_path: Path) -> None:
    report = judge(tmp_path, base, trust=True)
    assert report.verdict is V.WEIGHTS_AVAILABLE
    assert words in reason(report, "WGT003")
    assert words in reason(report, "WGT004")


def test_by_declarations_a_named_base_is_enough(tmp_path: Path) -> None:
    assert judge(tmp_path, BASE + OPEN, declared=True).verdict is V.OPEN_WEIGHT
    assert judge(tmp_path, BASE, declared=True).verdict is V.WEIGHTS_AVAILABLE


def test_a_finetune_does_not_run_on_its_base(tmp_path: Path) -> None:
    base = BASE.replace("adapter", "finetune") + OPEN + PIN
    text = f"{HEAD}license: apache-2.0\n{base}" + WEIGHTS.format("model.safetensors")
    files = {"model.safetensors": "<safetensors w=2x3>", "release.yaml": text}
    report = lint(load_release(write(tmp_path, files), accept_pinned=True))
    assert reason(report, "WGT003") == "no model architecture is published"


@pytest.mark.parametrize("declared", [False, True], ids=["evidence", "declared"])
@pytest.mark.parametrize(
    ("name", "content", "architecture", "graph"),
    [
        ("model.onnx", "<onnx>", True, True),
        ("model.gguf", None, True, False),
        ("model.safetensors", "<safetensors w=2x3>", False, False),
    ],
)
def test_weights_say_the_same_in_every_column(
    name: str,
    content: str | None,
    architecture: bool,  # noqa: FBT001 - a column of the table
    graph: bool,  # noqa: FBT001 - a column of the table
    declared: bool,  # noqa: FBT001 - a column of the table
    tmp_path: Path,
) -> None:
    text = f"{HEAD}license: apache-2.0\n{WEIGHTS.format(name)}"
    files = {
        name: content or gguf({"general.architecture": "sparrow"}),
        "LICENSE": license_text("Apache-2.0"),
        "release.yaml": text,
    }
    report = lint(load_release(write(tmp_path, files)), LintOptions(declared=declared))
    assert (report.verdict.rank >= V.OPEN_WEIGHT.rank) == architecture
    lacking = {r.code for r in report.missing}
    assert "WGT003" not in lacking or not architecture
    # A graph is the architecture; a name and sizes are what a configuration gives.
    assert ((MofClass.III, "model-architecture") not in report.mof.missing) == graph


def test_a_graph_is_not_the_code_of_an_architecture(tmp_path: Path) -> None:
    text = f"{HEAD}license: apache-2.0\n{WEIGHTS.format('model.onnx')}"
    files = {"model.onnx": "<onnx>", "release.yaml": text, "LICENSE": "<license Apache-2.0>"}
    report = lint(load_release(write(tmp_path, files)))
    assert reason(report, "COD005").startswith("the architecture is a graph in the weights")


@pytest.mark.parametrize("holds", [True, False])
def test_a_gguf_file_has_a_tokenizer_when_its_header_does(*, holds: bool, tmp_path: Path) -> None:
    header = {"general.architecture": "sparrow"} | (
        {"tokenizer.ggml.model": "gpt2"} if holds else {}
    )
    text = f"{HEAD}license: apache-2.0\nmodel: {{tasks: [text-generation]}}\n"
    files: dict[str, str | bytes] = {
        "model.gguf": gguf(header),
        "LICENSE": "<license Apache-2.0>",
        "release.yaml": text + WEIGHTS.format("model.gguf"),
    }
    report = lint(load_release(write(tmp_path, files)))
    assert (report.verdict is V.OPEN_WEIGHT) == holds


CONFIG = '{{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 8{}}}'
LIBRARY = ', "transformers_version": "4.51.0"'
OWN = LIBRARY + ', "auto_map": {"AutoModel": "modeling.Sparrow"}'


@pytest.mark.parametrize(
    ("further", "named"), [(LIBRARY, True), ("", False), (OWN, False)], ids=["library", "no", "own"]
)
def test_a_class_of_a_library_is_called_so(
    further: str,
    named: bool,  # noqa: FBT001 - a column of the table
    tmp_path: Path,
) -> None:
    text = f"{HEAD}license: apache-2.0\n{WEIGHTS.format('model.safetensors')}"
    files = {
        "model.safetensors": "<safetensors w=2x3>",
        "config.json": CONFIG.format(further),
        "tokenizer.json": '{"model": {"vocab": {"a": 0, "b": 1, "c": 2, "d": 3}}}',
        "LICENSE": "<license Apache-2.0>",
        "release.yaml": text
        + "  model-architecture: {files: [config.json]}\n  tokenizer: {files: [tokenizer.json]}\n",
    }
    report = lint(load_release(write(tmp_path, files)))
    words = "names LlamaForCausalLM of transformers 4.51.0"
    assert (words in reason(report, "COD004")) == named
    assert (words in reason(report, "COD005")) == named


def gguf(metadata: dict[str, str]) -> bytes:
    """A GGUF file of one tensor, written from the format's description."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(8, "little") + value.encode()

    pairs = b"".join(text(k) + (8).to_bytes(4, "little") + text(v) for k, v in metadata.items())
    tensor = text("w") + b"".join(
        n.to_bytes(size, "little") for n, size in ((1, 4), (16, 8), (0, 4), (0, 8))
    )
    counts = b"".join(n.to_bytes(8, "little") for n in (1, len(metadata)))
    head = b"GGUF" + (3).to_bytes(4, "little") + counts + pairs + tensor
    return head + bytes(-len(head) % 32) + bytes(64)
