"""Which component a file is placed in, on layouts that releases really have."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.document.components import KINDS
from manifest.readers.classify import Confidence, classify
from manifest.readers.names import (
    checkpoint_directory,
    checkpoint_step,
    is_license_text,
    is_tokenizer_file,
    is_training_state,
)
from manifest.sources.memory import MemorySource

TENSORS = struct.pack("<Q", 2) + b"{}"
MODEL_CARD = b"---\nlicense: mit\npipeline_tag: text-generation\n---\n# M\n"
DATA_CARD = b"---\nlicense: cc-by-4.0\ntask_categories: [x]\n---\n# D\n"
CONFIG = b'{"architectures": ["X"], "model_type": "x"}'
MODULE = b"import torch.nn as nn\n\nclass Block(nn.Module):\n    pass\n"


def placed(files: dict[str, bytes]) -> dict[str, str]:
    return {p.path: p.kind for p in classify(MemorySource(files))}


Layout = dict[str, tuple[bytes, str]]

HUB: Layout = {
    ".cache/x.lock": (b"", ""),
    ".gitattributes": (b"*.bin lfs", ""),
    "LICENSE.txt": (b"MIT", "license-texts"),
    "NOTICE": (b"", "license-texts"),
    "README.md": (MODEL_CARD, "model-card"),
    "USE_POLICY.md": (b"", "license-texts"),
    "added_tokens.json": (b"{}", "tokenizer"),
    "chat_template.jinja": (b"", "tokenizer"),
    "config.json": (CONFIG, "model-architecture"),
    "configuration_x.py": (b"", "model-architecture"),
    "eval_results.json": (b'{"acc": 0.5}', "evaluation-results"),
    "figures/loss.png": (b"\x89PNG", ""),
    "generation_config.json": (b"{}", "model-architecture"),
    "merges.txt": (b"a b", "tokenizer"),
    "model-00001-of-00002.safetensors": (TENSORS, "model-parameters-final"),
    "model-00002-of-00002.safetensors": (TENSORS, "model-parameters-final"),
    "model.safetensors.index.json": (b"{}", "model-parameters-final"),
    "modeling_x.py": (MODULE, "model-architecture"),
    "onnx/model.onnx": (b"\x08\x07\x12\x00", "model-parameters-final"),
    "onnx/model.onnx_data": (b"\0\1", "model-parameters-final"),
    "optimizer.pt": (b"PK\3\4", "model-metadata"),
    "paper.pdf": (b"%PDF", "research-paper"),
    "pytorch_model.bin": (b"\x80\x02}", "model-parameters-final"),
    "requirements.txt": (b"torch", "supporting-libraries"),
    "rng_state_0.pth": (b"\x80\x02}", "model-metadata"),
    "runs/events.out.tfevents.1.host": (b"", "training-logs"),
    "spiece.model": (b"\n\x0e", "tokenizer"),
    "technical_report.pdf": (b"%PDF", "technical-report"),
    "tokenization_x.py": (b"", "tokenizer"),
    "tokenizer.json": (b"{}", "tokenizer"),
    "train.py": (b"loss.backward()", "training-code"),
    "train_results.json": (b'{"train_loss": 1}', "training-logs"),
    "trainer_state.json": (b'{"global_step": 1}', "training-logs"),
    "training_args.bin": (b"\x80\x02}", "training-configuration"),
    "whatever.xyz": (b"?", ""),
}
OPEN_ALL_THE_WAY: Layout = {
    "checkpoints/index.csv": (b"step,dir\n", "model-parameters-intermediate"),
    "checkpoints/step1000/model.safetensors": (TENSORS, "model-parameters-intermediate"),
    "checkpoints/step1000/config.yaml": (b"a: b", "model-parameters-intermediate"),
    "checkpoints/step1000/optim.safetensors": (TENSORS, "model-metadata"),
    "checkpoints/step1000/train.pt": (b"PK\3\4", "model-metadata"),
    "checkpoints/step1000/trainer_state.json": (b'{"global_step": 1}', "model-metadata"),
    "configs/pretrain.yaml": (b"optimizer: adamw\nmax_steps: 9\n", "training-configuration"),
    "data/README.md": (DATA_CARD, "data-card"),
    "data/eval/heldout.jsonl": (b"{}", "evaluation-data"),
    "data/order.jsonl": (b"{}", "data-order"),
    "data/train/part-000.jsonl.zst": (b"", "datasets"),
    "data/train/part-001.parquet": (b"PAR1", "datasets"),
    "DATA_CARD.md": (b"# Data\n", "data-card"),
    "logs/train.log": (b"", "training-logs"),
    "model.safetensors": (TENSORS, "model-parameters-final"),
    "results/arc.json": (b'{"results": {"arc": {"acc,none": 0.4}}}', "evaluation-results"),
    "samples/generations.jsonl": (b"{}", "sample-model-outputs"),
    "scripts/evaluate.py": (b"", "evaluation-code"),
    "scripts/generate.py": (b"", "inference-code"),
    "scripts/prepare_data.py": (b"", "data-preprocessing-code"),
    "scripts/helpers.py": (b"", "supporting-libraries"),
    "src/model.py": (MODULE, "model-architecture"),
    "training/log.jsonl": (b"{}", "training-logs"),
    "uv.lock": (b"", "supporting-libraries"),
}
FORMATS: Layout = {
    "saved/assets/vocab.txt": (b"a", "model-parameters-final"),
    "saved/saved_model.pb": (b"\x08\x01", "model-parameters-final"),
    "saved/variables/variables.data-00000-of-00001": (b"", "model-parameters-final"),
    "saved/variables/variables.index": (b"", "model-parameters-final"),
    "x.mlpackage/Data/weights/weight.bin": (b"", "model-parameters-final"),
    "x.mlpackage/Manifest.json": (b"{}", "model-parameters-final"),
    "x.tflite": (b"\0\0\0\0TFL3", "model-parameters-final"),
    "x.h5": (b"\x89HDF\r\n\x1a\n", "model-parameters-final"),
    "x-q4.gguf": (b"GGUF", "model-parameters-final"),
    "model.ckpt.index": (b"", "model-parameters-final"),
    "model.ckpt.data-00000-of-00001": (b"", "model-parameters-final"),
    "openvino_model.bin": (b"\0", "model-parameters-final"),
    "openvino_model.xml": (b"<net>", "model-parameters-final"),
    "some.bin": (b"\0\1\2", ""),
}
PACKAGE: Layout = {
    "pkg-1.0.dist-info/METADATA": (b"", ""),
    "pkg-1.0.dist-info/RECORD": (b"", ""),
    "pkg-1.0.dist-info/licenses/MODELS.md": (b"", "license-texts"),
    "pkg/__init__.py": (b"", "supporting-libraries"),
    "pkg/arch/__init__.py": (b"", "model-architecture"),
    "pkg/arch/block.py": (MODULE + b"from pkg.arch.maths import f\n", "model-architecture"),
    "pkg/arch/maths.py": (b"def f(): pass\n", "model-architecture"),
    "pkg/common.py": (b"X = 1\n", "supporting-libraries"),
    "pkg/run.py": (b"import onnxruntime\nort.InferenceSession('x')\n", "inference-code"),
    "pkg/model.py": (b"def load_it():\n    pass\n", "inference-code"),
    "pkg/py.typed": (b"", ""),
    "pkg/weights/__init__.py": (b"", "supporting-libraries"),
    "pkg/weights/README.md": (b"The weights.\n", ""),
    "pkg/weights/config.json": (b'{"model": {"d": 1}}', "model-architecture"),
    "pkg/weights/m.int8.safetensors": (TENSORS, "model-parameters-final"),
    "pkg/weights/m.safetensors": (TENSORS, "model-parameters-final"),
    "pkg/weights/w8.json": (b'{"quant_map": {}}', "model-parameters-final"),
    "tests/test_model.py": (b"", "supporting-libraries"),
}


@pytest.mark.parametrize("layout", [HUB, OPEN_ALL_THE_WAY, FORMATS, PACKAGE])
def test_each_file_of_a_layout_is_where_a_reader_would_look(layout: Layout) -> None:
    found = placed({path: content for path, (content, _) in layout.items()})
    assert found == {path: kind for path, (_, kind) in layout.items()}


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (["checkpoints/m.pth"], ["final"]),
        (["checkpoints/m.pth", "model.safetensors"], ["intermediate", "final"]),
        (["step10/m.pth", "step20/m.pth"], ["intermediate", "intermediate"]),
        (["checkpoints/a/m.pth", "checkpoints/step5/m.pth"], ["final", "intermediate"]),
        (["m.pth", "stage1-step928646-tokens3896B/m.pth"], ["final", "intermediate"]),
        (["ckpt_100/saved/saved_model.pb"], ["intermediate"]),
    ],
)
def test_final_and_intermediate_weights_are_told_by_their_directories(
    files: list[str], wanted: list[str]
) -> None:
    found = placed(dict.fromkeys(files, b"\x80\x02}"))
    assert [found[path] for path in files] == [f"model-parameters-{word}" for word in wanted]


def test_a_large_file_pointer_is_placed_by_its_name_and_says_so() -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    [placement] = classify(MemorySource({"model.safetensors": pointer}))
    assert placement.kind == "model-parameters-final"
    assert "not fetched" in placement.why
    assert placement.confidence is Confidence.LIKELY


def test_a_readme_at_the_top_stays_the_card_when_its_front_matter_is_broken() -> None:
    assert placed({"README.md": b"---\na: [\n---\n"}) == {"README.md": "model-card"}


def test_the_description_is_left_out_on_purpose() -> None:
    [placement] = classify(MemorySource({"release.yaml": b""}))
    assert placement.is_left_out


@pytest.mark.parametrize(
    ("directory", "step"),
    [
        ("step1000", 1000),
        ("checkpoints/step_0", 0),
        ("checkpoint-500", 500),
        ("global_step143000", 143000),
        ("ckpt_010", 10),
        ("epoch=3", 3),
        ("stage1-step928646-tokens3896B", 928646),
        ("stage2-ingredient1-step11931-tokens50B", 11931),
        ("iter-0005", 5),
        ("steps", None),
        ("footstep9", None),
        ("step", None),
        ("v1000", None),
        ("step1e9", None),
    ],
)
def test_a_step_is_read_from_a_directory_name(directory: str, step: int | None) -> None:
    assert checkpoint_step(directory) == step
    if step is not None:
        assert checkpoint_directory(f"{directory}/model.safetensors") == directory


@pytest.mark.parametrize(
    ("name", "is_license"),
    [
        ("LICENSE", True),
        ("License.md", True),
        ("LICENCE-MODEL.txt", True),
        ("COPYING.LESSER", True),
        ("llama-license.txt", True),
        ("THIRD_PARTY_NOTICES.txt", True),
        ("use-policy.md", True),
        ("LICENSES/CC0-1.0.txt", True),
        ("license.py", False),
        ("license_check.json", False),
        ("relicensed.md", False),
    ],
)
def test_license_texts_are_known_by_name(name: str, *, is_license: bool) -> None:
    assert is_license_text(name) is is_license


def test_names_of_tokenizers_and_of_training_states() -> None:
    assert is_tokenizer_file("x/l2_tokenizer_config.json")
    assert is_tokenizer_file("qwen.tiktoken")
    assert not is_tokenizer_file("tokenizer.py")
    assert is_training_state("optim_states.safetensors")
    assert is_training_state("bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt")
    assert not is_training_state("optimal.safetensors")


NAMES = st.lists(
    st.sampled_from(
        [
            "data",
            "eval",
            "train",
            "model",
            "README.md",
            "config.json",
            "x.py",
            "__init__.py",
            "model.pt",
            "step10",
            "a.yaml",
            "checkpoints",
            "results.json",
            "LICENSE",
            "saved_model.pb",
            "logs",
            "tokenizer.json",
            "optimizer.pt",
        ]
    ),
    min_size=1,
    max_size=4,
).map("/".join)
CONTENT = st.binary(max_size=30) | st.sampled_from(
    [MODEL_CARD, CONFIG, MODULE, TENSORS, b"---\n", b"{", json.dumps({"weight_map": 1}).encode()]
)


@given(files=st.dictionaries(NAMES, CONTENT, max_size=8))
def test_every_file_of_any_tree_gets_one_answer(files: dict[str, bytes]) -> None:
    placements = classify(MemorySource(files))
    assert [p.path for p in placements] == sorted(files)
    assert all(p.kind in KINDS or not p.kind for p in placements)
    assert all(p.why for p in placements if p.kind)
