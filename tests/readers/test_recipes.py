"""Recipes of frameworks: what is read of each, in a description's words, and from which line."""

from __future__ import annotations

import pytest

from manifest.errors import DocumentError
from manifest.readers.recipe_families import FAMILIES, number_of
from manifest.readers.training_settings import TrainingSettings, read_training_settings
from manifest.sources.memory import MemorySource


def read(path: str, text: str | bytes) -> TrainingSettings:
    data = text if isinstance(text, bytes) else text.encode()
    return read_training_settings(MemorySource({path: data}), path)


def values(path: str, text: str) -> dict[str, str]:
    return {f.field: f.value for f in read(path, text).fields}


OLMO = """\
seed: 6198
model: {max_sequence_length: 4096}
optimizer:
  name: adamw
  learning_rate: 3.0e-4
  weight_decay: 0.1
  eps: 1e-8
  betas:
  - 0.9
  - 0.95
scheduler:
  name: cosine_with_warmup
  units: tokens
  t_warmup: 8388608000
  t_max: 5e12
  alpha_f: 0.1
max_duration: 1ep
global_train_batch_size: 1024
device_train_microbatch_size: 2
precision: amp_bf16
fsdp: {wrapping_strategy: by_block_and_size}
max_grad_norm: 1.0
"""
NEOX = """\
{
  # parallelism settings
  "pipe-parallel-size": 1,
  "model-parallel-size": 2,
  "seq-length": 2048,
  "optimizer": {"type": "Adam", "params": {"lr": 0.0003, "betas": [0.9, 0.95], "eps": 1.0e-8}},
  "min_lr": 0.00003,
  "zero_optimization": {"stage": 1},
  "train_micro_batch_size_per_gpu": 32,
  "gas": 1,
  "gradient_clipping": 1.0,
  "weight-decay": 0.1,
  "hidden-dropout": 0,
  "fp16": {"fp16": true, "enabled": true},
  "train-iters": 143000,
  "lr-decay-iters": 143000,
  "lr-decay-style": "cosine",
  "warmup": 0.01,
}
"""
AXOLOTL = """\
base_model: acme/robin
sequence_len: 8192
gradient_accumulation_steps: 8
micro_batch_size: 1
num_epochs: 1
optimizer: paged_adamw_8bit
lr_scheduler: cosine
learning_rate: 2e-5
bf16: auto
fp16:
warmup_steps: 100
weight_decay: 0.0
"""
FACTORY = """\
stage: sft
do_train: true
finetuning_type: lora
cutoff_len: 2048
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
"""
ARGUMENTS = """\
{"learning_rate": 5e-05, "per_device_train_batch_size": 8, "max_steps": 1000,
 "num_train_epochs": 3.0, "warmup_steps": 0, "warmup_ratio": 0.03, "optim": "adamw_torch",
 "lr_scheduler_type": "linear", "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-08,
 "seed": 42, "data_seed": null, "bf16": true, "fp16": false}
"""
TITAN = """\
[training]
local_batch_size = 3
global_batch_size = -1
seq_len = 8192
max_norm = 1.0
steps = 1000
dtype = "bfloat16"
[parallelism]
data_parallel_shard_degree = 8
tensor_parallel_degree = 1
[optimizer]
name = "AdamW"
lr = 3e-4
[lr_scheduler]
warmup_steps = 200
"""
DEEPSPEED = """\
{"train_batch_size": 256, "train_micro_batch_size_per_gpu": "auto",
 "optimizer": {"type": "AdamW", "params": {"lr": 0.001, "betas": [0.8, 0.999]}},
 "scheduler": {"type": "WarmupLR", "params": {"warmup_num_steps": 1000}},
 "bf16": {"enabled": true}, "zero_optimization": {"stage": 3}}
"""
MEGATRON = """\
lr: 0.00015
min_lr: 1.0e-5
global_batch_size: 512
micro_batch_size: 4
train_iters: 500000
lr_decay_style: cosine
lr_warmup_iters: 2000
adam_beta1: 0.9
clip_grad: 1.0
seed: 1234
bf16: true
tensor_model_parallel_size: 8
"""
NANO = """\
# a training on one machine
import os
batch_size = 12
block_size = 1024
gradient_accumulation_steps = 5 * 8
learning_rate = 6e-4
max_iters = 600000
weight_decay = 1e-1
dtype = 'bfloat16' if os.environ.get('X') else 'float16'
beta2 = 0.95
"""
CORE = """\
{"init_seed": 12536, "data_loader": {"global_batch_size": 4194304, "seed": 34521},
 "train_module": {"optim": {"lr": 0.0003, "betas": [0.9, 0.95], "weight_decay": 0.1},
  "scheduler": {"warmup_steps": 2000}, "max_grad_norm": 1.0},
 "trainer": {"max_duration": {"value": 5000000000000, "unit": "tokens"}}}
"""
STATE = '{"global_step": 900, "max_steps": 1000, "num_train_epochs": 3, "total_flos": 1.5e+18, "log_history": []}'

FILES: dict[str, tuple[str, str, dict[str, str | None]]] = {
    "OLMo": ("olmo.yaml", OLMO, {
        "seeds.seed": "6198", "hyperparameters.learning_rate": "3.0e-4", "optimizer.beta2": "0.95",
        "schedule.warmup_tokens": "8388608000", "schedule.decay_tokens": "5000000000000",
        "schedule.final_learning_rate_factor": "0.1", "hyperparameters.epochs": "1",
        "hyperparameters.global_batch_size": "1024", "parallelism": "FSDP", "precision": "amp_bf16",
        "hyperparameters.sequence_length": "4096",
    }),
    "OLMo-core": ("config.json", CORE, {
        "seeds.init": "12536", "seeds.data": "34521", "optimizer.beta1": "0.9",
        "hyperparameters.tokens": "5000000000000", "schedule.warmup_steps": "2000",
        "hyperparameters.global_batch_tokens": "4194304",
    }),
    "GPT-NeoX": ("410M.yml", NEOX, {
        "hyperparameters.learning_rate": "0.0003", "hyperparameters.steps": "143000",
        "optimizer.eps": "1.0e-8", "optimizer.name": "Adam", "optimizer.weight_decay": "0.1",
        "schedule.kind": "cosine", "schedule.warmup_ratio": "0.01", "precision": "fp16",
        "parallelism": "tensor 2, pipeline 1, ZeRO stage 1",
        "schedule.min_learning_rate": "0.00003", "hyperparameters.hidden_dropout": "0",
    }),
    "axolotl": ("axolotl.yaml", AXOLOTL, {
        "hyperparameters.learning_rate": "2e-5", "hyperparameters.epochs": "1",
        "optimizer.name": "paged_adamw_8bit", "schedule.warmup_steps": "100",
        "hyperparameters.micro_batch_size": "1", "precision": None,
    }),
    "LLaMA-Factory": ("sft.yaml", FACTORY, {
        "hyperparameters.sequence_length": "2048", "schedule.warmup_ratio": "0.1",
        "precision": "bf16", "hyperparameters.epochs": "3.0",
    }),
    "Transformers": ("args.json", ARGUMENTS, {
        "hyperparameters.steps": "1000", "hyperparameters.epochs": None,
        "schedule.warmup_steps": None, "schedule.warmup_ratio": "0.03", "seeds.seed": "42",
        "seeds.data": None, "optimizer.eps": "1e-08", "precision": "bf16",
    }),
    "torchtitan": ("llama.toml", TITAN, {
        "hyperparameters.steps": "1000", "hyperparameters.global_batch_size": None,
        "optimizer.name": "AdamW", "precision": "bfloat16", "schedule.warmup_steps": "200",
        "parallelism": "data shards 8, tensor 1", "hyperparameters.learning_rate": "0.0003",
    }),
    "DeepSpeed": ("ds.json", DEEPSPEED, {
        "hyperparameters.global_batch_size": "256", "hyperparameters.micro_batch_size": None,
        "optimizer.beta1": "0.8", "schedule.warmup_steps": "1000", "parallelism": "ZeRO stage 3",
        "precision": "bf16",
    }),
    "Megatron-LM": ("megatron.yaml", MEGATRON, {
        "hyperparameters.learning_rate": "0.00015", "seeds.seed": "1234", "precision": "bf16",
        "schedule.min_learning_rate": "1.0e-5", "parallelism": "tensor 8",
        "hyperparameters.max_grad_norm": "1.0",
    }),
    "nanoGPT": ("train_gpt2.py", NANO, {
        "hyperparameters.gradient_accumulation_steps": "40", "hyperparameters.steps": "600000",
        "optimizer.weight_decay": "0.1", "precision": None,
    }),
    "trainer state": ("trainer_state.json", STATE, {
        "hyperparameters.steps": "1000", "compute_flops": "1.5e+18",
    }),
}  # fmt: skip


@pytest.mark.parametrize("family", FILES)
def test_a_recipe_is_read_in_the_words_of_a_description(family: str) -> None:
    path, text, expected = FILES[family]
    found = read(path, text)
    assert found.family == family
    said = {f.field: f.value for f in found.fields}
    assert {name: said.get(name) for name in expected} == expected
    assert [f.field for f in found.fields] == sorted(said)


def test_every_family_has_a_sample() -> None:
    assert set(FILES) == {family.name for family in FAMILIES}


def test_every_field_has_its_line_where_the_format_keeps_lines() -> None:
    lines = OLMO.splitlines()
    for field in read("olmo.yaml", OLMO).fields:
        assert field.line is not None
        assert field.source.rpartition(".")[2].partition("[")[0] in "\n".join(
            lines[max(field.line - 3, 0) : field.line]
        )
    assert {f.place for f in read("a/b.py", NANO).fields} >= {"a/b.py:3", "a/b.py:5"}
    assert {f.line for f in read("t.toml", TITAN).fields} == {None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("units: steps\n  t_warmup: 2000", {"schedule.warmup_steps": "2000"}),
        ("units: samples\n  t_warmup: 2000", {}),
        ("t_warmup: 2000", {"schedule.warmup_steps": "2000"}),
        ("t_warmup: soon", {}),
    ],
)
def test_a_length_without_a_unit_that_is_known_is_left_out(
    text: str, expected: dict[str, str]
) -> None:
    recipe = (
        "global_train_batch_size: 8\noptimizer: {name: adamw}\nscheduler:\n  name: linear\n  "
        + text
    )
    found = values("a.yaml", recipe + "\n")
    assert {k: v for k, v in found.items() if "warmup" in k} == expected


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("739_328", {"steps": "739328"}),
        ("2e12T", {"tokens": "2000000000000"}),
        ("1ep", {"epochs": "1"}),
        ("forever", {}),
        ("1e999T", {"tokens": ""}),
    ],
)
def test_a_duration_of_olmo_has_its_unit(duration: str, expected: dict[str, str]) -> None:
    head = "global_train_batch_size: 8\noptimizer: {name: adamw}\nscheduler: {name: linear}\n"
    found = values("a.yaml", f"{head}max_duration: {duration}\n")
    names = {"hyperparameters.steps", "hyperparameters.tokens", "hyperparameters.epochs"}
    wanted = {f"hyperparameters.{k}": v for k, v in expected.items() if v}
    assert {k: v for k, v in found.items() if k in names} == wanted


def test_two_precisions_at_once_say_nothing() -> None:
    assert "precision" not in values("a.yaml", FACTORY + "fp16: true\n")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3.0e-4", "3.0e-4"), ("1e-8", "1e-8"), ("5e12", "5000000000000"), ("0.10", "0.10"),
        ("1_000", "1000"), ("+3", "3"), (".5", "0.5"), ("007", "7"), ("1e999", ""), ("nan", ""),
        ("0x10", ""), ("12 tokens", ""), ("", ""), ("1" * 60, ""), ("-1", "-1"),
    ],
)  # fmt: skip
def test_numbers_are_as_json_writes_them(text: str, number: str) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize(
    ("path", "data", "words"),
    [
        ("a.yaml", b"a: 1\n", "is no recipe of a framework that is known here"),
        ("a.json", b"[1]", "a.json"),
        ("a.json", b'{"a": NaN}', "a.json"),
        ("a.toml", b"[[[", "is not TOML"),
        ("a.toml", b"\xff", "is not TOML"),
        ("a.py", b"x = (", "is not Python that can be parsed"),
        ("a.py", b"x = " + b"-" * 100_000 + b"1", "is not Python that can be parsed"),
        ("a.sh", b"x=1", "recipes are YAML, JSON, TOML or Python"),
        ("a.yaml", b"a: &x [*x]\n", "a.yaml"),
        ("a.yaml", b"a: " + b"[" * 500 + b"\n", "a.yaml"),
        ("a.json", b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", "a.json"),
        ("a.toml", b"a = " + b"[" * 40 + b"1" + b"]" * 40, "nested more than 32 levels deep"),
        ("a.toml", b"a = [" + b"1," * 60_000 + b"]", "more than 50,000 fields"),
    ],
    ids=[
        "no-recipe", "list", "nan", "broken-toml", "toml-that-is-no-text", "broken-python",
        "python-of-many-signs", "shell", "alias", "deep-yaml", "deep-json", "deep-toml", "wide-toml",
    ],
)  # fmt: skip
def test_what_is_no_recipe_is_refused(path: str, data: bytes, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(path, data)
    assert words in f"{caught.value.message} {caught.value.remedy}"


def test_nothing_of_a_program_is_run() -> None:
    text = NANO + "open('/nonexistent/x', 'w')\nlearning_rate = __import__('os').getpid()\n"
    assert values("train.py", text)["hyperparameters.learning_rate"] == "0.0006"
