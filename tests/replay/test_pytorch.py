"""A small language model on PyTorch, trained and repeated: replay on the framework people use.

Needs PyTorch 2.13.0, the CPU build, in this Python or in the one that ``REPLAY_PYTHON`` names; no
extra pulls it in, for it is as large as all else together.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from replays import needs_bwrap, replayed

from manifest.build import build, write_manifest
from manifest.build.segments import segments_of
from manifest.document.manifest_file import parse_manifest
from manifest.replay.comparison import Result
from manifest.replay.report import ReplayReport

pytestmark = [pytest.mark.long, needs_bwrap]

WANTED = "2.13.0"
TEXT = "the quick brown fox jumps over the lazy dog; she sells sea shells by the sea shore. " * 40
TRAIN = '''
"""Train a small transformer on characters from one checkpoint to a later step."""

import json
import os
import struct
import sys
from pathlib import Path

import torch
from torch import nn

torch.use_deterministic_algorithms(True)
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

CONTEXT, WIDTH, BATCH = 32, 48, 16
TEXT = Path("data.txt").read_text()
LETTERS = sorted(set(TEXT))
DATA = torch.tensor([LETTERS.index(letter) for letter in TEXT])


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.letters = nn.Embedding(len(LETTERS), WIDTH)
        self.places = nn.Embedding(CONTEXT, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, len(LETTERS))

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        seen = self.letters(x) + self.places(torch.arange(x.shape[1]))
        return self.head(self.layers(seen, mask=mask, is_causal=True))


def save(path, tensors):
    """Write safetensors: the format is a length, a header in JSON, and bytes."""
    header, parts, at = {}, [], 0
    for name in sorted(tensors):
        data = tensors[name].detach().contiguous().numpy().tobytes()
        kind = {torch.float32: "F32", torch.uint8: "U8"}[tensors[name].dtype]
        shape = list(tensors[name].shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def load(path):
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    found = {}
    for name, one in json.loads(data[8 : 8 + size]).items():
        start, end = (8 + size + at for at in one["data_offsets"])
        kind = {"F32": torch.float32, "U8": torch.uint8}[one["dtype"]]
        whole = torch.frombuffer(bytearray(data[start:end]), dtype=kind)
        found[name] = whole.reshape(one["shape"])
    return found


def main(source, target, first, last, seed):
    torch.manual_seed(seed)
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    if first:
        model.load_state_dict(load(source / "model.safetensors"))
        state = load(source / "optimizer.safetensors")
        torch.set_rng_state(state.pop("rng"))
        plain = optimizer.state_dict()
        plain["state"] = {
            number: {
                "step": torch.tensor(float(first)),
                "exp_avg": state[f"{number}.exp_avg"],
                "exp_avg_sq": state[f"{number}.exp_avg_sq"],
            }
            for number in range(len(list(model.parameters())))
        }
        optimizer.load_state_dict(plain)
    for step in range(first, last):
        starts = torch.randint(len(DATA) - CONTEXT - 1, (BATCH,))
        x = torch.stack([DATA[i : i + CONTEXT] for i in starts])
        y = torch.stack([DATA[i + 1 : i + CONTEXT + 1] for i in starts])
        loss = nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(step + 1, loss.item())
    save(target / "model.safetensors", model.state_dict())
    moments = {
        f"{number}.{name}": one[name]
        for number, one in optimizer.state_dict()["state"].items()
        for name in ("exp_avg", "exp_avg_sq")
    }
    save(target / "optimizer.safetensors", {**moments, "rng": torch.get_rng_state()})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
'''
COMMAND = ["{python}", "train.py", "{checkpoint}", "{output}", "{from_step}", "{to_step}", "{seed.torch}"]  # fmt: skip
STEPS = (20, 40, 60)


@pytest.fixture(scope="module")
def python() -> str:
    """A Python with PyTorch."""
    for program in filter(None, (os.environ.get("REPLAY_PYTHON"), sys.executable)):
        done = subprocess.run(
            [program, "-c", "import torch; print(torch.__version__)"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0 and done.stdout.startswith(WANTED):
            return program
    pytest.skip(
        f"PyTorch {WANTED} is not there: install its CPU build, or name a Python that has it "
        "with REPLAY_PYTHON"
    )


@pytest.fixture(scope="module")
def trained(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release with three checkpoints of one training, which the script itself made."""
    path = tmp_path_factory.mktemp("lm") / "release"
    path.mkdir()
    (path / "train.py").write_text(TRAIN)
    (path / "data.txt").write_text(TEXT)
    before, first = path, 0
    for step in STEPS:
        target = path / "checkpoints" / f"step{step}"
        target.mkdir(parents=True)
        subprocess.run(
            [python, "train.py", str(before), str(target), str(first), str(step), "7"],
            cwd=path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        before, first = target, step
    shutil.copy(before / "model.safetensors", path / "model.safetensors")
    recipe = {
        "command": COMMAND,
        "variables": {"OMP_NUM_THREADS": "1"},
        "tolerance": {"F32": {"absolute": 1e-4, "relative": 1e-3}},
    }
    description = {
        "schema_version": "1.0",
        "name": "acme/small-lm",
        "version": "1",
        "described_by": "publisher",
        "license": "apache-2.0",
        "components": {
            "training-code": {"files": ["train.py"]},
            "datasets": {"files": ["data.txt"]},
            "model-parameters-final": {"files": ["model.safetensors"]},
            "model-parameters-intermediate": {"files": ["checkpoints"]},
        },
        "training": {"seeds": {"torch": 7}, "replay": recipe},
        "checkpoints": {"directories": ["checkpoints/*"]},
    }
    (path / "release.yaml").write_text(json.dumps(description))
    write_manifest(path, build(path))
    return path


def repeated(release: Path, out: Path, python: str, names: tuple[str, str]) -> ReplayReport:
    return replayed(release, out, python=python, seconds=300.0, names=names)


def segments(release: Path) -> list[tuple[str, str]]:
    manifest = parse_manifest((release / "manifest.json").read_bytes())
    return [one.names for one in segments_of(manifest)]


def test_every_segment_comes_out_bit_for_bit(trained: Path, python: str, tmp_path: Path) -> None:
    found = segments(trained)
    assert found == [("step20", "step40"), ("step40", "step60")]
    for number, names in enumerate(found):
        report = repeated(trained, tmp_path / str(number), python, names)
        assert report.result is Result.BIT_FOR_BIT, report
    whole = repeated(trained, tmp_path / "whole", python, ("step20", "step60"))
    assert whole.result is Result.BIT_FOR_BIT


def test_a_checkpoint_of_another_seed_is_caught(trained: Path, python: str, tmp_path: Path) -> None:
    release = tmp_path / "release"
    shutil.copytree(trained, release)
    target = release / "checkpoints" / "step60"
    subprocess.run(
        [python, "train.py", str(release / "checkpoints/step40"), str(target), "0", "60", "8"],
        cwd=release,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    shutil.copy(target / "model.safetensors", release / "model.safetensors")
    write_manifest(release, build(release))
    assert repeated(release, tmp_path / "a", python, ("step20", "step40")).result is (
        Result.BIT_FOR_BIT
    )
    assert repeated(release, tmp_path / "b", python, ("step40", "step60")).result is Result.DIFFERS
