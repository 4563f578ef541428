"""One thing that stands for several, or for another: each attack on a release that is open all the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lint_releases import OPEN_DESCRIPTION, OPEN_FILES, safetensors, write

from manifest.findings import Severity
from manifest.lint import LintReport, Verdict, lint, load_release
from manifest.lint.examples import CODE
from manifest.readers.model_sizes import size_bound

V = Verdict
KINDS = ("training-code", "inference-code", "evaluation-code", "data-preprocessing-code")
NAMES = {"training-code": "train", "inference-code": "generate", "evaluation-code": "evaluate",
         "data-preprocessing-code": "prepare", "model-architecture": "model"}  # fmt: skip


def judge(root: Path, files: dict[str, str | bytes]) -> LintReport:
    return lint(load_release(write(root, {**OPEN_FILES, **files})))


def codes(report: LintReport) -> set[str]:
    return {f.code for f in report.findings} - {"PRV001"}


def missing(report: LintReport) -> set[str]:
    return {r.code for r in report.missing}


def test_the_honest_release(tmp_path: Path) -> None:
    report = judge(tmp_path, {})
    assert (report.verdict, codes(report)) == (V.REPLAYABLE, set())


# Code

ALL_IN_ONE = OPEN_DESCRIPTION
for _name in NAMES.values():
    ALL_IN_ONE = ALL_IN_ONE.replace(f"code/{_name}.py", "code/main.py")
ALL_IN_ONE = ALL_IN_ONE.replace("python code/train.py", "python code/main.py")
LOOP = """
def {name}(model, data, loss=0.0, score=0.0):
    for text in data:
        output = model(text) * 2
        loss += abs(output - score)
        score = score + loss / 2
    return score
"""
FOUR = "\n".join(LOOP.format(name=name) for name in ("train", "evaluate", "predict", "clean"))


def test_one_file_of_one_function_is_evidence_of_one_kind(tmp_path: Path) -> None:
    report = judge(tmp_path, {"release.yaml": ALL_IN_ONE, "code/main.py": CODE["training-code"]})
    assert report.verdict is V.OPEN_WEIGHT
    assert len({"COD001", "COD002", "COD003", "COD004", "COD005"} & missing(report)) == 4


def test_one_function_under_four_names_is_one(tmp_path: Path) -> None:
    report = judge(tmp_path, {"release.yaml": ALL_IN_ONE, "code/main.py": FOUR})
    assert report.verdict is V.OPEN_WEIGHT


def test_copies_of_one_file_are_one(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        f"code/{name}.py": CODE["training-code"]
        .replace("0.01", f"0.0{number}")
        .replace("weight", name)
        for number, name in enumerate(NAMES.values(), 2)
    }
    report = judge(tmp_path, files)
    assert report.verdict is V.OPEN_WEIGHT
    assert len(missing(report) & {"COD001", "COD002", "COD003", "COD004", "COD005"}) == 4


def test_one_file_with_a_function_for_each_kind_is_evidence_of_all(tmp_path: Path) -> None:
    text = "\n".join(CODE.values())
    report = judge(tmp_path, {"release.yaml": ALL_IN_ONE, "code/main.py": text})
    assert (report.verdict, codes(report)) == (V.REPLAYABLE, set())


# Weights and their configuration

LLAMA = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 8, "hidden_size": 16,
    "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2,
}  # fmt: skip
LEAST = 8 * 16 + 2 * (2 * 16 * 16 + 2 * 16 * 8 + 3 * 16 * 32)


def weights(count: int, dtype: str = "F32", **config: object) -> dict[str, str | bytes]:
    """Weights of a count of numbers, at every place that the release has weights at."""
    size = {"F32": 4, "F16": 2, "I32": 4, "U8": 1}[dtype]

    def file(fill: int) -> bytes:
        header = {"w": {"dtype": dtype, "shape": [count], "data_offsets": [0, count * size]}}
        raw = json.dumps(header).encode()
        return len(raw).to_bytes(8, "little") + raw + bytes([fill]) * (count * size)

    return {
        "config.json": json.dumps(LLAMA | config),
        "model.safetensors": file(2),
        "checkpoints/step10/model.safetensors": file(1),
        "checkpoints/step20/model.safetensors": file(2),
    }


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(weights(LEAST - 1), id="one too few"),
        pytest.param(weights(6), id="six numbers"),
        pytest.param(weights(LEAST // 2, "F16"), id="half of them, in half precision"),
        pytest.param(weights(LEAST, vocab_size=32_000), id="a larger vocabulary"),
        pytest.param(
            weights(LEAST, model_type="my-llama", num_hidden_layers=80), id="another type"
        ),
        pytest.param(
            weights(LEAST // 9, "I32", quantization_config={"bits": 4}), id="packed too few"
        ),
    ],
)
def test_weights_that_are_too_few(files: dict[str, str | bytes], tmp_path: Path) -> None:
    report = judge(tmp_path, files)
    assert report.verdict is V.CLOSED
    assert "WGT012" in {f.code for f in report.findings if f.severity is Severity.ERROR}


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(weights(LEAST), id="tied"),
        pytest.param(weights(LEAST + 8 * 16 + 80, "F16"), id="untied, with norms"),
        pytest.param(weights(LEAST // 8, "I32", quantization_config={"bits": 4}), id="four bits"),
        pytest.param(
            weights(LEAST // 2, "U8", quantization_config={"load_in_4bit": True}), id="bytes"
        ),
        pytest.param(
            weights(6, model_type="sparrow", architectures=["Sparrow"]), id="not known here"
        ),
    ],
)
def test_weights_that_are_enough(files: dict[str, str | bytes], tmp_path: Path) -> None:
    report = judge(tmp_path, files)
    assert "WGT012" not in codes(report)
    assert report.verdict.rank >= V.OPEN_WEIGHT.rank


def test_weights_that_are_far_too_many_are_told(tmp_path: Path) -> None:
    assert "WGT012" in codes(judge(tmp_path, weights(LEAST * 9)))


# What published models have, as their publishers count them.
PUBLISHED = {
    "Llama-2-7b": (6_738_415_616, ("llama", 32_000, 4096, 11_008, 32, 32, 32)),
    "Llama-3.2-1B": (1_235_814_400, ("llama", 128_256, 2048, 8192, 16, 32, 8)),
    "Mistral-7B": (7_241_732_096, ("mistral", 32_000, 4096, 14_336, 32, 32, 8)),
    "Mixtral-8x7B": (46_702_792_704, ("mixtral", 32_000, 4096, 14_336, 32, 32, 8)),
    "Qwen2.5-0.5B": (494_032_768, ("qwen2", 151_936, 896, 4864, 24, 14, 2)),
    "gemma-2b": (2_506_172_416, ("gemma", 256_000, 2048, 16_384, 18, 8, 1)),
    "OLMo-2-7B": (7_298_617_344, ("olmo2", 100_352, 4096, 11_008, 32, 32, 32)),
    "Phi-3-mini": (3_821_079_552, ("phi3", 32_064, 3072, 8192, 32, 32, 32)),
    "pythia-70m": (70_426_624, ("gpt_neox", 50_304, 512, 2048, 6, 8, 8)),
    "bert-base": (109_482_240, ("bert", 30_522, 768, 3072, 12, 12, 12)),
}
_FIELDS = ("model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
           "num_attention_heads", "num_key_value_heads")  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_bound_is_never_above_the_truth(name: str) -> None:
    truth, values = PUBLISHED[name]
    bound = size_bound({**dict(zip(_FIELDS, values, strict=True)), "num_local_experts": 8})
    assert bound is not None
    assert truth * 0.6 < bound.least <= truth
    assert bound.most is None or bound.most >= truth


# Checkpoints

STEP10, STEP20 = (f"checkpoints/step{n}/model.safetensors" for n in (10, 20))


def noted(step: str) -> bytes:
    """The last checkpoint's numbers under another step in the metadata."""
    header = {
        "__metadata__": {"step": step},
        "w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    }
    raw = json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + safetensors(fill=2, w=(2, 3))[-24:]


def big(*changed: int) -> bytes:
    data = bytearray(safetensors(fill=2, w=(500, 500)))
    for place in changed:
        data[place] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({STEP10: safetensors(fill=2, w=(2, 3))}, id="the same bytes"),
        pytest.param({STEP10: noted("10")}, id="other metadata"),
        pytest.param(
            {STEP10: big(-1, -9999), STEP20: big(), "model.safetensors": big()},
            id="two bits changed",
        ),
    ],
)
def test_copies_are_no_chain(files: dict[str, str | bytes], tmp_path: Path) -> None:
    report = judge(tmp_path, files)
    assert report.verdict is V.OPEN_SOURCE
    assert {"CKP015", "CKP001"} <= codes(report)


def test_a_copy_among_others_breaks_the_chain_alone(tmp_path: Path) -> None:
    entry = (
        "    - {name: step30, step: 30, files: [checkpoints/step30], parent: step20, data: 20-29}\n"
    )
    description = OPEN_DESCRIPTION.replace("evaluation: {cont", entry + "evaluation: {cont")
    step30 = {"checkpoints/step30/model.safetensors": safetensors(fill=2, w=(2, 3))}
    report = judge(tmp_path, {"release.yaml": description, **step30})
    assert report.verdict is V.OPEN_SCIENCE
    assert {"CKP015", "CKP002"} <= codes(report)


# Tokenizer


def test_a_tokenizer_of_two_tokens_is_not_that_of_a_large_model(tmp_path: Path) -> None:
    config = OPEN_FILES["config.json"].replace('"vocab_size": 8', '"vocab_size": 32000')
    report = judge(tmp_path, {"config.json": config})
    assert report.verdict is V.WEIGHTS_AVAILABLE
    assert "WGT004" in missing(report)


# Environment and command

NO_LOCKS = {
    "any text": "numpy, a recent one",
    "a sentence": "This was trained on a large machine.\n",
    "no version": "numpy\n",
    "a range": "numpy>=2\n",
    "a wildcard": "numpy==2.*\n",
    "one of two": "numpy==2.3.4\ntorch\n",
    "no entry, and an import": "# nothing\n",
    "another file": "-r other.txt\n",
}


@pytest.mark.parametrize("what", NO_LOCKS)
def test_a_text_is_no_lock_file(what: str, tmp_path: Path) -> None:
    train = "import torch\n" + CODE["training-code"]
    report = judge(tmp_path, {"requirements.lock": NO_LOCKS[what], "code/train.py": train})
    assert (report.verdict, missing(report)) == (V.OPEN_SCIENCE, {"REP004"})


_IMAGE = "docker.io/library/python@sha256:" + "0" * 64
LOCKS = {
    "requirements.lock": "numpy==2.3.4\nb==1.0 ; python_version > '3.10'\n",
    "poetry.lock": "[[package]]\nname = 'a'\nversion = '1.0'\nfiles = []\n",
    "uv.lock": "version = 1\n[[package]]\nname = 'a'\nversion = '1.0'\n",
    "pylock.toml": "lock-version = '1.0'\n[[packages]]\nname = 'a'\nversion = '1.0'\n",
    "Pipfile.lock": '{"default": {"a": {"version": "==1.0", "hashes": ["sha256:00"]}}}',
    "conda-lock.yml": "version: 1\npackage:\n- {name: a, version: '1.0', manager: conda}\n",
    "environment.yml": "name: x\ndependencies:\n- python=3.11.4\n- pip\n- pip: [numpy==2.3.4]\n",
    "explicit.txt": "@EXPLICIT\nhttps://conda.example/linux-64/a-1.0-0.conda#" + "0" * 32 + "\n",
    "Dockerfile": f"FROM {_IMAGE} AS base\nFROM base\nRUN true\n",
    "flake.lock": '{"root": "root", "nodes": {"root": {}, "n": {"locked": {"narHash": "sha256-0"}}}}',
    "package-lock.json": '{"packages": {"": {}, "a": {"version": "1.0", "integrity": "sha512-0"}}}',
}


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files(name: str, tmp_path: Path) -> None:
    description = OPEN_DESCRIPTION.replace("lockfile: requirements.lock", f"lockfile: {name}")
    report = judge(tmp_path, {"release.yaml": description, name: LOCKS[name]})
    assert "REP004" not in codes(report)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("Dockerfile", "FROM python:3.11\n", id="an image by tag"),
        pytest.param("Dockerfile", "RUN true\n", id="no image"),
        pytest.param("uv.lock", "version = 1\n", id="no package"),
        pytest.param("poetry.lock", "hello\n", id="no TOML"),
        pytest.param("Pipfile.lock", '{"default": {"a": {"version": "*"}}}', id="any version"),
        pytest.param("environment.yml", "dependencies: [python, numpy=2.0]\n", id="any Python"),
        pytest.param("conda-lock.yml", "a: b\n", id="no packages"),
        pytest.param("lock.json", "{}", id="any JSON"),
    ],
)
def test_lock_files_that_lock_nothing(name: str, text: str, tmp_path: Path) -> None:
    description = OPEN_DESCRIPTION.replace("lockfile: requirements.lock", f"lockfile: {name}")
    report = judge(tmp_path, {"release.yaml": description, name: text})
    assert missing(report) == {"REP004"}


def commanded(root: Path, command: str, **files: str) -> set[str]:
    description = OPEN_DESCRIPTION.replace(
        "command: python code/train.py", f"command: {json.dumps(command)}"
    )
    return missing(judge(root, {"release.yaml": description, **files}))


@pytest.mark.parametrize(
    "command",
    ["true", ":", "echo python code/train.py", "python -c pass code/train.py", "sleep 1", "python",
     "cat code/train.py", "make train", "bash -c true", "python other.py", "torchrun -m other.train",
     "code/train.py.bak", "python 'code/train.py", "cd code && ls", "README.md"],
)  # fmt: skip
def test_commands_that_train_nothing(command: str, tmp_path: Path) -> None:
    assert commanded(tmp_path, command) == {"REP002"}


@pytest.mark.parametrize(
    "command",
    ["python3.11 code/train.py", "./code/train.py", "CUDA_VISIBLE_DEVICES=0 python -u code/train.py",
     "torchrun --nproc_per_node 8 code/train.py --config recipe.yaml", "python -m code.train",
     "accelerate launch --num_processes 2 code/train.py", "deepspeed code/train.py",
     "cd /work && nohup bash run.sh", "make train", "make", "uv run python code/train.py",
     "bash -c 'python code/train.py'", "srun --nodes 4 python code/train.py",
     "axolotl train recipe.yaml", "python -m torch.distributed.run code/train.py",
     "poetry run python code/train.py && python code/evaluate.py"],
)  # fmt: skip
def test_commands_that_start_the_release(command: str, tmp_path: Path) -> None:
    files = {"run.sh": "python code/train.py\n", "Makefile": "train:\n\tpython code/train.py\n"}
    assert commanded(tmp_path, command, **files) == set()
