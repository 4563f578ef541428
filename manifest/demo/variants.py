"""Two other releases made of the demo's: one of another machine, and one with a swapped checkpoint.

Each is a copy that its publisher could have made, ready to be built and signed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from manifest.errors import ManifestError

__all__ = ["on_another_machine", "with_swapped_checkpoint"]

SWAPPED = "step300"
_OWN = ("manifest.json", "model.sig")
_COMMAND_END = '--out, "{output}"]\n'

_FINE_TUNE = """\
import sys
from pathlib import Path

root = Path.cwd()
sys.path.insert(0, str(root / "code"))
import recipe, train
from model import Model, load_config, zeros
from tokenizer import Tokenizer, normalise

settings, config = recipe.load_recipe(), load_config()
trainer = train.resume(root / "checkpoints" / sys.argv[1])
text = normalise(recipe.read_lines(recipe.HELDOUT["validation"])[0]["text"])
context = config["context_length"]
tokens = [0] * context + Tokenizer.load().encode(text[:200])
examples = [tokens[place : place + context + 1] for place in range(len(tokens) - context)]
for _ in range(5):
    gradient, _loss = train.gradient_of(Model(config, trainer.parameters), examples, config, None)
    slopes = {name: [v / len(examples) for v in values] for name, values in gradient.items()}
    train.update(trainer, slopes, 0.002, settings["optimizer"])
train.save(trainer, settings, root / "checkpoints" / sys.argv[1])
"""
"""Five small steps on the held-out text, and the checkpoint written again under its old step."""


def on_another_machine(release: Path, copy: Path) -> None:
    """Copy a release so that its segments are repeated with another order of summation.

    The order is drawn from a seed, and the description declares the tolerance that this needs.
    """
    _copy(release, copy)
    path = copy / "release.yaml"
    text = path.read_text(encoding="utf-8")
    changed = '--out, "{output}", --sum-seed, "7"]\n    tolerance: {F32: {absolute: 1e-6}}\n'
    path.write_text(text.replace(_COMMAND_END, changed), encoding="utf-8")


def with_swapped_checkpoint(release: Path, copy: Path) -> None:
    """Copy a release with one checkpoint exchanged for a fine-tuned one, and all records mended.

    Raises:
        ManifestError: The release's code failed.
    """
    _copy(release, copy)
    weights = copy / "checkpoints" / SWAPPED / "model.safetensors"
    before = hashlib.sha256(weights.read_bytes()).hexdigest()
    done = subprocess.run(  # noqa: S603 - our own interpreter on our own code
        [sys.executable, "-I", "-S", "-B", "-c", _FINE_TUNE, SWAPPED],
        cwd=copy,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise ManifestError("the demo's checkpoint cannot be fine-tuned")
    after = hashlib.sha256(weights.read_bytes()).hexdigest()
    for record in ("checkpoints/index.csv", "evaluation/results.json"):
        path = copy / record
        path.write_text(path.read_text("utf-8").replace(before, after), encoding="utf-8")


def _copy(release: Path, copy: Path) -> None:
    shutil.copytree(release, copy, ignore=shutil.ignore_patterns(*_OWN))
