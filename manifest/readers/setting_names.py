"""The names under which frameworks and people write one setting of a training.

What stands here means one thing in every framework that is known; a name that means two things is
left out.
"""

from __future__ import annotations

__all__ = ["STEPS", "same_names"]

STEPS = frozenset(
    {"max_steps", "num_steps", "num_training_steps", "steps", "total_steps", "train_steps",
     "training_steps", "max_train_steps", "max_iters", "train_iters"}
)  # fmt: skip
_SAME: tuple[frozenset[str], ...] = (
    frozenset({"learning_rate", "lr", "peak_lr", "peak_learning_rate", "max_lr"}),
    frozenset({"weight_decay"}),
    frozenset({"beta1", "adam_beta1"}),
    frozenset({"beta2", "adam_beta2"}),
    frozenset({"eps", "epsilon", "adam_epsilon", "adam_eps"}),
    frozenset({"momentum"}),
    frozenset({"warmup_steps", "num_warmup_steps", "lr_warmup_steps"}),
    frozenset({"global_batch_size", "global_train_batch_size"}),
    frozenset({"num_train_epochs", "num_epochs", "epochs", "max_epochs"}),
    frozenset({"gradient_accumulation_steps"}),
    frozenset({"max_grad_norm", "grad_clip", "gradient_clipping", "clip_grad_norm"}),
    STEPS,
)


def same_names(name: str) -> frozenset[str]:
    """Every name of the setting that ``name`` is one of; empty where it is not known.

    Args:
        name: In lower case, with ``_`` between words.
    """
    return next((names for names in _SAME if name in names), frozenset())
