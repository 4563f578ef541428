"""What frameworks call the settings of a training, and what a description calls them.

One table for each. A setting whose meaning or unit hangs on something that does not stand in the
file is not in the table: what is filled in must be what the file says.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Mapping

__all__ = ["FAMILIES", "Family", "Raw", "number_of"]

_NUMBER = re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_TRUE = frozenset({"true", "True"})
_AUTO = frozenset({"", "auto", "null", "~", "None", "none"})

Raw = Mapping[str, str]
"""Every scalar of a file as text, by its path with ``_`` for ``-``: ``optimizer.params.betas[0]``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """A framework, or a kind of file.

    Attributes:
        name: As its makers call it.
        marks: Paths of which each set makes the file one of the family; one set is enough.
        numbers: By path, the field of ``training`` that a number stands for.
        texts: The same for words.
        more: What follows from several settings: field, value, and the path that it stands at.
    """

    name: str
    marks: tuple[frozenset[str], ...]
    numbers: Mapping[str, str]
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    more: Callable[[Raw], Iterator[tuple[str, str, str]]] = lambda _: iter(())

    def is_of(self, raw: Raw) -> bool:
        """Whether a file is of the family."""
        return any(mark <= raw.keys() for mark in self.marks)

    def fields(self, raw: Raw) -> Iterator[tuple[str, str, str]]:
        """Every setting that is known: field, value as text, path in the file."""
        for path, field in self.numbers.items():
            if path in raw and (number := number_of(raw[path])):
                yield field, number, path
        for path, field in self.texts.items():
            if raw.get(path, "") not in _AUTO:
                yield field, raw[path], path
        yield from self.more(raw)


def number_of(text: str) -> str:
    """A number as JSON writes it; empty for what is none.

    How it is written stays, as ``3.0e-4``, where JSON can have it so.
    """
    if not _NUMBER.fullmatch(text) or len(text) > 40:
        return ""
    value = float(text.replace("_", ""))
    if not math.isfinite(value):
        return ""
    if _JSON_NUMBER.fullmatch(text) and not ("e" in text.lower() and value.is_integer()):
        return text
    return str(int(value)) if value.is_integer() and abs(value) < 1e18 else repr(value)


def _set(*paths: str) -> frozenset[str]:
    return frozenset(paths)


def _positive(raw: Raw, path: str) -> str:
    number = number_of(raw.get(path, ""))
    return number if number and float(number) > 0 else ""


def _first_precision(raw: Raw, **flags: str) -> Iterator[tuple[str, str, str]]:
    """The precision whose flag is set; several that are set say nothing."""
    found = [(name, path) for name, path in flags.items() if raw.get(path) in _TRUE]
    if len(found) == 1:
        yield "precision", *found[0]


def _parallel(raw: Raw, **degrees: str) -> Iterator[tuple[str, str, str]]:
    """Degrees of parallelism in one text, as ``tensor 2, pipeline 4``."""
    found = [(name, _positive(raw, path), path) for name, path in degrees.items()]
    said = [f"{name.replace('_', ' ')} {degree}" for name, degree, _ in found if degree]
    if said:
        yield "parallelism", ", ".join(said), next(path for _, degree, path in found if degree)


_ADAM = {"betas[0]": "optimizer.beta1", "betas[1]": "optimizer.beta2"}


def _under(prefix: str, fields: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}.{path}": field for path, field in fields.items()}


_LENGTH = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE]\+?[0-9]+)?)(T|ep)?")
_LENGTHS = {
    None: "hyperparameters.steps",
    "T": "hyperparameters.tokens",
    "ep": "hyperparameters.epochs",
}


def _olmo(raw: Raw) -> Iterator[tuple[str, str, str]]:
    units = raw.get("scheduler.units", "steps")
    if units in ("steps", "tokens"):
        for path, name in (("scheduler.t_warmup", "warmup"), ("scheduler.t_max", "decay")):
            if number := number_of(raw.get(path, "")):
                yield f"schedule.{name}_{units}", number, path
    length = _LENGTH.fullmatch(raw.get("max_duration", ""))
    if length is not None and (number := number_of(length[1])):
        yield _LENGTHS[length[2]], number, "max_duration"
    for path in ("distributed_strategy", "fsdp.wrapping_strategy"):
        if raw.get(path, "") not in _AUTO:
            yield "parallelism", "FSDP" if path.startswith("fsdp") else raw[path], path
            break


def _olmo_core(raw: Raw) -> Iterator[tuple[str, str, str]]:
    names = {"steps": "steps", "tokens": "tokens", "epochs": "epochs"}
    unit = names.get(raw.get("trainer.max_duration.unit", ""))
    if unit and (number := number_of(raw.get("trainer.max_duration.value", ""))):
        yield f"hyperparameters.{unit}", number, "trainer.max_duration.value"


def _neox(raw: Raw) -> Iterator[tuple[str, str, str]]:
    yield from _first_precision(raw, bf16="bf16.enabled", fp16="fp16.enabled")
    yield from _parallel(
        raw,
        tensor="model_parallel_size",
        pipeline="pipe_parallel_size",
        ZeRO_stage="zero_optimization.stage",
    )


def _deepspeed(raw: Raw) -> Iterator[tuple[str, str, str]]:
    yield from _first_precision(raw, bf16="bf16.enabled", fp16="fp16.enabled")
    yield from _parallel(raw, ZeRO_stage="zero_optimization.stage")


def _megatron(raw: Raw) -> Iterator[tuple[str, str, str]]:
    yield from _first_precision(raw, bf16="bf16", fp16="fp16")
    yield from _parallel(
        raw,
        tensor="tensor_model_parallel_size",
        pipeline="pipeline_model_parallel_size",
        context="context_parallel_size",
    )


def _transformers(raw: Raw) -> Iterator[tuple[str, str, str]]:
    # -1 and 0 are the defaults by which these settings are not in use.
    for path, field in (
        ("max_steps", "hyperparameters.steps"),
        ("warmup_steps", "schedule.warmup_steps"),
        ("warmup_ratio", "schedule.warmup_ratio"),
    ):
        if number := _positive(raw, path):
            yield field, number, path
    # The number of passes is a default too, which a number of steps overrides.
    if not _positive(raw, "max_steps"):
        for path in ("num_train_epochs", "num_epochs"):
            if number := _positive(raw, path):
                yield "hyperparameters.epochs", number, path
    yield from _first_precision(raw, bf16="bf16", fp16="fp16")


def _torchtitan(raw: Raw) -> Iterator[tuple[str, str, str]]:
    if number := _positive(raw, "training.global_batch_size"):  # -1: it follows from the others
        yield "hyperparameters.global_batch_size", number, "training.global_batch_size"
    for path in ("training.mixed_precision_param", "training.dtype"):
        if raw.get(path, "") not in _AUTO:
            yield "precision", raw[path], path
            break
    yield from _parallel(
        raw,
        data_shards="parallelism.data_parallel_shard_degree",
        data_replicas="parallelism.data_parallel_replicate_degree",
        tensor="parallelism.tensor_parallel_degree",
        pipeline="parallelism.pipeline_parallel_degree",
        context="parallelism.context_parallel_degree",
    )


_HF = {
    "learning_rate": "hyperparameters.learning_rate",
    "per_device_train_batch_size": "hyperparameters.micro_batch_size",
    "gradient_accumulation_steps": "hyperparameters.gradient_accumulation_steps",
    "max_grad_norm": "hyperparameters.max_grad_norm",
    "weight_decay": "optimizer.weight_decay",
    "adam_beta1": "optimizer.beta1",
    "adam_beta2": "optimizer.beta2",
    "adam_epsilon": "optimizer.eps",
    "seed": "seeds.seed",
    "data_seed": "seeds.data",
    "cutoff_len": "hyperparameters.sequence_length",
    "max_seq_length": "hyperparameters.sequence_length",
}
_HF_TEXTS = {"optim": "optimizer.name", "lr_scheduler_type": "schedule.kind"}
_DEEPSPEED = {
    "train_batch_size": "hyperparameters.global_batch_size",
    "train_micro_batch_size_per_gpu": "hyperparameters.micro_batch_size",
    "gradient_accumulation_steps": "hyperparameters.gradient_accumulation_steps",
    "gradient_clipping": "hyperparameters.max_grad_norm",
    "optimizer.params.lr": "hyperparameters.learning_rate",
    "optimizer.params.eps": "optimizer.eps",
    "optimizer.params.weight_decay": "optimizer.weight_decay",
    **_under("optimizer.params", _ADAM),
}

FAMILIES: tuple[Family, ...] = (
    Family(
        "OLMo",
        (_set("global_train_batch_size", "optimizer.name", "scheduler.name"),),
        {
            "seed": "seeds.seed",
            "optimizer.learning_rate": "hyperparameters.learning_rate",
            "optimizer.weight_decay": "optimizer.weight_decay",
            "optimizer.eps": "optimizer.eps",
            **_under("optimizer", _ADAM),
            "scheduler.alpha_f": "schedule.final_learning_rate_factor",
            "global_train_batch_size": "hyperparameters.global_batch_size",
            "device_train_microbatch_size": "hyperparameters.micro_batch_size",
            "model.max_sequence_length": "hyperparameters.sequence_length",
            "max_grad_norm": "hyperparameters.max_grad_norm",
        },
        {
            "optimizer.name": "optimizer.name",
            "scheduler.name": "schedule.kind",
            "precision": "precision",
        },
        _olmo,
    ),
    Family(
        "OLMo-core",
        (_set("train_module.optim.lr", "data_loader.global_batch_size"),),
        {
            "init_seed": "seeds.init",
            "data_loader.seed": "seeds.data",
            "train_module.optim.lr": "hyperparameters.learning_rate",
            "train_module.optim.weight_decay": "optimizer.weight_decay",
            "train_module.optim.eps": "optimizer.eps",
            **_under("train_module.optim", _ADAM),
            "train_module.max_grad_norm": "hyperparameters.max_grad_norm",
            "train_module.max_sequence_length": "hyperparameters.sequence_length",
            "data_loader.global_batch_size": "hyperparameters.global_batch_tokens",
            "train_module.scheduler.warmup_steps": "schedule.warmup_steps",
        },
        more=_olmo_core,
    ),
    Family(
        "GPT-NeoX",
        (
            _set("train_micro_batch_size_per_gpu", "train_iters"),
            _set("train_micro_batch_size_per_gpu", "pipe_parallel_size"),
        ),
        {
            **_DEEPSPEED,
            "gas": "hyperparameters.gradient_accumulation_steps",
            "weight_decay": "optimizer.weight_decay",
            "min_lr": "schedule.min_learning_rate",
            "train_iters": "hyperparameters.steps",
            "lr_decay_iters": "schedule.decay_steps",
            "warmup": "schedule.warmup_ratio",
            "seq_length": "hyperparameters.sequence_length",
            "hidden_dropout": "hyperparameters.hidden_dropout",
            "attention_dropout": "hyperparameters.attention_dropout",
            "seed": "seeds.seed",
        },
        {"optimizer.type": "optimizer.name", "lr_decay_style": "schedule.kind"},
        _neox,
    ),
    Family(
        "Megatron-LM",
        (_set("global_batch_size", "micro_batch_size", "lr"),),
        {
            "lr": "hyperparameters.learning_rate",
            "min_lr": "schedule.min_learning_rate",
            "global_batch_size": "hyperparameters.global_batch_size",
            "micro_batch_size": "hyperparameters.micro_batch_size",
            "train_iters": "hyperparameters.steps",
            "lr_decay_iters": "schedule.decay_steps",
            "lr_warmup_iters": "schedule.warmup_steps",
            "weight_decay": "optimizer.weight_decay",
            "adam_beta1": "optimizer.beta1",
            "adam_beta2": "optimizer.beta2",
            "adam_eps": "optimizer.eps",
            "clip_grad": "hyperparameters.max_grad_norm",
            "seq_length": "hyperparameters.sequence_length",
            "seed": "seeds.seed",
        },
        {"optimizer": "optimizer.name", "lr_decay_style": "schedule.kind"},
        _megatron,
    ),
    Family(
        "torchtitan",
        (_set("training.steps", "optimizer.name"), _set("training.seq_len", "optimizer.lr")),
        {
            "training.local_batch_size": "hyperparameters.micro_batch_size",
            "training.batch_size": "hyperparameters.micro_batch_size",
            "training.seq_len": "hyperparameters.sequence_length",
            "training.max_norm": "hyperparameters.max_grad_norm",
            "training.steps": "hyperparameters.steps",
            "training.seed": "seeds.seed",
            "debug.seed": "seeds.seed",
            "optimizer.lr": "hyperparameters.learning_rate",
            "optimizer.beta1": "optimizer.beta1",
            "optimizer.beta2": "optimizer.beta2",
            "optimizer.eps": "optimizer.eps",
            "optimizer.weight_decay": "optimizer.weight_decay",
            "lr_scheduler.warmup_steps": "schedule.warmup_steps",
            "lr_scheduler.decay_ratio": "schedule.decay_ratio",
            "lr_scheduler.min_lr_factor": "schedule.final_learning_rate_factor",
        },
        {"optimizer.name": "optimizer.name", "lr_scheduler.decay_type": "schedule.kind"},
        _torchtitan,
    ),
    Family(
        "axolotl",
        (
            _set("base_model", "micro_batch_size", "learning_rate"),
            _set("base_model", "sequence_len", "learning_rate"),
        ),
        {
            **{k: v for k, v in _HF.items() if not k.startswith("per_device")},
            "micro_batch_size": "hyperparameters.micro_batch_size",
            "sequence_len": "hyperparameters.sequence_length",
        },
        {"optimizer": "optimizer.name", "lr_scheduler": "schedule.kind"},
        _transformers,
    ),
    Family(
        "LLaMA-Factory",
        (_set("finetuning_type", "learning_rate"), _set("finetuning_type", "stage", "do_train")),
        _HF,
        _HF_TEXTS,
        _transformers,
    ),
    Family(
        "Transformers",
        (_set("per_device_train_batch_size", "learning_rate"),),
        _HF,
        _HF_TEXTS,
        _transformers,
    ),
    Family(
        "DeepSpeed",
        (
            _set("zero_optimization.stage"),
            _set("train_batch_size", "optimizer.type"),
            _set("train_micro_batch_size_per_gpu", "optimizer.type"),
        ),
        {**_DEEPSPEED, "scheduler.params.warmup_num_steps": "schedule.warmup_steps"},
        {"optimizer.type": "optimizer.name", "scheduler.type": "schedule.kind"},
        _deepspeed,
    ),
    Family(
        "nanoGPT",
        (_set("max_iters", "learning_rate"),),
        {
            "learning_rate": "hyperparameters.learning_rate",
            "max_iters": "hyperparameters.steps",
            "batch_size": "hyperparameters.micro_batch_size",
            "gradient_accumulation_steps": "hyperparameters.gradient_accumulation_steps",
            "block_size": "hyperparameters.sequence_length",
            "dropout": "hyperparameters.dropout",
            "weight_decay": "optimizer.weight_decay",
            "beta1": "optimizer.beta1",
            "beta2": "optimizer.beta2",
            "grad_clip": "hyperparameters.max_grad_norm",
            "warmup_iters": "schedule.warmup_steps",
            "lr_decay_iters": "schedule.decay_steps",
            "min_lr": "schedule.min_learning_rate",
            "seed": "seeds.seed",
        },
        {"dtype": "precision"},
    ),
    Family(
        "trainer state",
        (_set("global_step", "max_steps"),),
        {"num_train_epochs": "hyperparameters.epochs", "total_flos": "compute_flops"},
        more=lambda raw: (
            ("hyperparameters.steps", number, "max_steps")
            for number in [_positive(raw, "max_steps")]
            if number
        ),
    ),
)
"""The first that a file is of has it: those that more marks tell come before."""
