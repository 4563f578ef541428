"""Targets: readers of what stands in a release, and lint on a file of any name."""

from __future__ import annotations

import datetime as dt
import json
import pickle
import zipfile
from collections.abc import Callable
from io import BytesIO

from lint_releases import onnx, tflite
from targets import DEMO, JSON, YAML, as_json, every, files, given, of_source, target
from weights import T, gguf, safetensors

from manifest.readers.event_log import crc32c, read_events
from manifest.readers.lock_files import read_lock
from manifest.readers.training_settings import read_training_settings
from manifest.sources.memory import MemorySource

CARD = (
    b"---\nlicense: other\nlicense_name: x\nlanguage: [en]\nbase_model: a/b\ndatasets:\n- c/d\n"
    b"model-index:\n- name: a\n  results:\n  - task: {type: t}\n    dataset: {name: d}\n    metrics:\n"
    b"    - {type: acc, value: 0.5}\n---\n# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
)
NUMPY = (
    b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }".ljust(117)
    + b"\n"
    + bytes(12)
)


def _zip() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"w": 1}, protocol=2))
        archive.writestr("archive/data/0", bytes(16))
        archive.writestr("config.json", b'{"a": 1}' * 10, zipfile.ZIP_DEFLATED)
    return out.getvalue()


EVENT = b"\x09" + bytes(8) + b"\x10\x01\x2a\x0d\x0a\x0b\x0a\x04loss\x15\x00\x00\x80\x3f"
"""An event of TensorBoard's: a step, and a summary of one number."""


def _framed(event: bytes) -> bytes:
    """An event in a record whose checksums are right."""
    length = len(event).to_bytes(8, "little")
    return b"".join((length, _sum(length), event, _sum(event)))


def _sum(data: bytes) -> bytes:
    crc = crc32c(data)
    return ((((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")


def _safetensors() -> list[bytes]:
    pair = T("a", b"aaaa"), T("b", b"bb", "BF16", (1,))
    return [safetensors(*pair, metadata={"format": "pt"}), safetensors()]


def _gguf() -> list[bytes]:
    tensors = [("a", (4,), 0, bytes(16)), ("b", (32,), 8, bytes(34))]
    return [gguf(tensors, alignment=64), gguf(tensors)]


def _safetensors_file(source: MemorySource, path: str) -> object:
    from manifest.readers.safetensors import read_safetensors
    from manifest.readers.tensors import read_tensor_layout

    every(b"", lambda _: read_safetensors(source, path))
    return read_tensor_layout(source, path)


def _gguf_file(source: MemorySource, path: str) -> object:
    from manifest.readers.gguf import read_gguf
    from manifest.readers.tensors import read_tensor_layout

    every(b"", lambda _: read_gguf(source, path))
    return read_tensor_layout(source, path)


of_source(
    "safetensors", "m.safetensors",
    "readers.safetensors.read_safetensors", "readers.tensors.read_tensor_layout",
    seeds=_safetensors, tokens=(*JSON, '"dtype"', '"shape"', '"data_offsets"', '"F32"'),
    reader=_safetensors_file,
)  # fmt: skip
of_source(
    "gguf", "m.gguf", "readers.gguf.read_gguf",
    seeds=_gguf, tokens=("general.alignment", "general.architecture", "tokenizer.ggml.tokens"),
    reader=_gguf_file,
)  # fmt: skip


def reader(module: str, function: str) -> Callable[[MemorySource, str], object]:
    """A reader by its name, imported when it runs."""

    def run(source: MemorySource, path: str) -> object:
        from importlib import import_module

        return getattr(import_module(f"manifest.readers.{module}"), function)(source, path)

    return run


def simple(
    name: str,
    path: str,
    module: str,
    function: str,
    seeds: Callable[[], list[bytes]],
    tokens: tuple[str, ...] = (),
) -> None:
    """A reader of one file of a release, by its name."""
    of_source(
        name, path, f"readers.{module}.{function}",
        seeds=seeds, tokens=tokens, reader=reader(module, function),
    )  # fmt: skip


INDEX = as_json(
    {"metadata": {"total_size": 4}, "weight_map": {"a": "m-00001-of-00002.safetensors"}}
)
PICKLES = given(
    pickle.dumps({"a": [1, 2.5, "x"], "b": b"bytes"}, protocol=2),
    pickle.dumps(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), protocol=4),
    pickle.dumps(print, protocol=0),
)
CONFIG = as_json(
    {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
     "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100, "intermediate_size": 128}
)  # fmt: skip
RESULTS = as_json(
    {"results": {"arc": {"acc,none": 0.5, "acc_stderr,none": 0.01}}, "versions": {"arc": 1},
     "config": {"model": "hf"}, "lm_eval_version": "0.4"}
)  # fmt: skip
RECIPE = given(
    "optimizer: {name: adamw, lr: 1e-3}\nbatch_size: 32\nseed: 7\n",
    json.dumps({"learning_rate": 1e-3, "max_steps": 5, "seed": 1}),
)
CROISSANT = as_json(
    {"@context": {"@vocab": "https://schema.org/"}, "@type": "sc:Dataset", "name": "x",
     "distribution": [{"@type": "cr:FileObject", "contentUrl": "a.csv", "sha256": "1" * 64}],
     "recordSet": [{"@type": "cr:RecordSet", "field": []}]}
)  # fmt: skip
LOCK = given(
    "numpy==1.26.4 \\\n    --hash=sha256:" + "1" * 64 + "\nrequests>=2\n-r other.txt\n",
    'lock-version = "1.0"\n[[packages]]\nname = "a"\nversion = "1"\n',
)
RECIPES = given(
    "global_train_batch_size: 8\noptimizer: {name: adamw, betas: [0.9, 0.95]}\nscheduler: {name: x}\n",
    '{"train-iters": 5, "train_micro_batch_size_per_gpu": 1, "optimizer": {"params": {"lr": 1e-3}}}',
    '[training]\nsteps = 5\nseq_len = 8\n[optimizer]\nname = "AdamW"\nlr = 3e-4\n',
    "learning_rate = 6e-4\nmax_iters = 5 * 8\n",
)
TRAINER = as_json({"global_step": 5, "max_steps": 10, "log_history": [{"step": 1, "loss": 2.5}]})
LOG = given(
    "step 1 loss 2.5\nstep 2 loss 2.0\n",
    '{"step": 1, "loss": 2}\n{"step": 2}\n',
    "step,loss\n1,2\n",
)
CITATION = given("cff-version: 1.2.0\ntitle: T\nauthors:\n- {family-names: A}\ndoi: 10.1/x\n")
PACKAGE = given(
    "Metadata-Version: 2.1\nName: a\nVersion: 1\nLicense: MIT\nClassifier: License :: OSI Approved :: MIT License\n\nText\n"
)

simple(
    "safetensors-index",
    "m.safetensors.index.json",
    "safetensors",
    "read_safetensors_index",
    INDEX,
    JSON,
)
simple(
    "pickle",
    "m.pkl",
    "pickles",
    "scan_pickle",
    PICKLES,
    ("cos\nsystem\n", "\x80", ".", "(", "R", "c"),
)
simple("unpickled", "m.bin", "unpickled", "holds_pickle", PICKLES, ("cos\nsystem\n", "\x80", "R"))
simple("zip-names", "m.zip", "unpickled", "archived_names", lambda: [_zip()], ("PK\x05\x06",))
simple("zip", "m.zip", "archives", "list_archive", lambda: [_zip()], ("PK\x01\x02", "PK\x05\x06"))
simple("containers", "m.npy", "containers", "check_container", lambda: [NUMPY, _zip()])
simple("array-header", "m.npy", "containers", "read_array_header", lambda: [NUMPY])
simple("onnx", "m.onnx", "graphs", "onnx_problem", lambda: [onnx()])
simple("tflite", "m.tflite", "graphs", "tflite_problem", lambda: [tflite()])
simple(
    "msgpack",
    "m.msgpack",
    "msgpack_shape",
    "msgpack_problem",
    given(b"\x82\xa1a\x93\x01\x02\x03\xa1b\xc4\x03abc"),
)
simple(
    "weight-format", "m.bin", "formats", "format_of", lambda: [_zip(), onnx(), NUMPY, *PICKLES()]
)
simple("card", "README.md", "card", "read_card", given(CARD), YAML)
simple("config", "config.json", "config", "read_config", CONFIG, JSON)
simple("model-size", "config.json", "model_sizes", "read_size_bound", CONFIG, JSON)
simple("evaluation", "results.json", "evaluation", "read_evaluation_results", RESULTS, JSON)
simple("recipe", "train.yaml", "recipe", "read_recipe", RECIPE, YAML)
simple("croissant", "croissant.json", "croissant", "read_croissant", CROISSANT, JSON)
simple("citation", "CITATION.cff", "citation", "read_citation", CITATION, YAML)
simple(
    "package",
    "a.dist-info/METADATA",
    "package",
    "read_package_metadata",
    PACKAGE,
    ("[", "]", "=", '"'),
)
simple("trainer-state", "trainer_state.json", "trainer_state", "read_trainer_state", TRAINER, JSON)
simple(
    "training-log", "log.txt", "training_log", "read_training_log", LOG, ("step", "loss", ":", ",")
)


@target("event-log", "readers.event_log.read_events", seeds=given(_framed(EVENT), EVENT))
def _(data: bytes) -> object:
    path = "events.out.tfevents.1"
    every(data, lambda d: read_events(MemorySource({path: d}), path))
    return read_events(MemorySource({path: _framed(data)}), path)


@target(
    "training-settings",
    "readers.training_settings.read_training_settings",
    seeds=lambda: [*RECIPES(), *TRAINER()],
    tokens=(*YAML, "learning_rate", "max_steps", " = ", "[training]", "5 * 8", "1e999", "-"),
)
def _(data: bytes) -> object:
    def of(path: str) -> Callable[[bytes], object]:
        return lambda d: read_training_settings(MemorySource({path: d}), path)

    every(data, *map(of, ("a.yaml", "a.json", "a.toml", "a.py")))
    return None


@target(
    "lock-file",
    "readers.lock_files.read_lock",
    seeds=LOCK,
    tokens=("==", " --hash=sha256:", " ; ", "[[", "]]", "- pip:\n", "dependencies:\n"),
)
def _(data: bytes) -> object:
    def of(path: str) -> Callable[[bytes], object]:
        return lambda d: read_lock(MemorySource({path: d}), path)

    every(data, *map(of, ("requirements.txt", "poetry.lock", "environment.yml", "Pipfile.lock")))
    return None


@target(
    "checkpoint-index",
    "readers.checkpoint_index.parse_checkpoint_index",
    "readers.branch_names.parse_branch_names",
    "readers.chunk_index.parse_chunk_index",
    "readers._index_tables.tables_of",
    seeds=lambda: [
        *files("checkpoints/*.csv", at_most=4000)(),
        b"step,tokens\n1,2\n2,4\n",
        b"| step | link |\n|---|---|\n| 1 | [a](b) |\n",
        b"stage1-step1000-tokens5B\nckpt_358\nmain\n",
        b'{"first": 0, "last": 9, "path": "a.jsonl", "sha256": "' + b"1" * 64 + b'"}\n',
    ],
    tokens=(",", "\t", "|", '"', "\n", "step", "tokens", "B", "https://"),
)
def _(data: bytes) -> object:
    from manifest.lint.indexes import problems_of  # all arithmetic on rows
    from manifest.readers.branch_names import parse_branch_names
    from manifest.readers.checkpoint_index import parse_checkpoint_index
    from manifest.readers.chunk_index import parse_chunk_index

    every(
        data,
        lambda d: parse_checkpoint_index(d, "it"),
        lambda d: problems_of(d, "it"),
        lambda d: parse_branch_names(d, "it"),
        lambda d: parse_chunk_index(d, "it"),
    )
    return None


@target("mot", "readers.mot.parse_mot", seeds=files("mot/Amber.yml", "mot/case-*.yml"), tokens=YAML)
def _(data: bytes) -> object:
    from manifest.readers.mot import as_the_tool_reads, parse_mot

    return as_the_tool_reads(parse_mot(data, name="it"))


@target("python-code", "lint.content.syntax.read_program", seeds=files("code/*.py", root=DEMO))
def _(data: bytes) -> object:
    from manifest.lint.content.syntax import read_program

    return read_program(data.decode("utf-8", "replace"))


PATHS = (
    "README.md", "LICENSE", "config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json",
    "train.py", "a.ipynb", "train.yaml", "requirements.txt", "poetry.lock", "Dockerfile", "log.jsonl",
    "events.out.tfevents.1", "trainer_state.json", "data/a.jsonl", "data/a.csv", "data/a.parquet",
    "data/README.md", "results.json", "paper.pdf", "paper.md", "croissant.json", "adapter_config.json",
    "model.safetensors", "model.safetensors.index.json", "m.gguf", "m.onnx", "m.tflite", "m.pt", "m.bin",
    "m.npz", "m.h5", "m.msgpack", "m.keras", "CITATION.cff", "pyproject.toml", "index.csv", "order.npy",
)  # fmt: skip


@target(
    "lint",
    "lint.release.release_of",
    seeds=lambda: [
        CARD, *_safetensors(), *_gguf(), _zip(), NUMPY, *PICKLES(), *CONFIG(), *RESULTS(), *RECIPE(),
        *TRAINER(), *LOG(), *CROISSANT(), *LOCK(), onnx(), tflite(), b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n",
        *files("code/*.py", root=DEMO)(), *files("licenses/MIT.txt")(),
    ],
    tokens=(*JSON, *YAML),
)  # fmt: skip
def _(data: bytes) -> object:
    """A release of one file, drafted and judged: whatever its name makes of it."""
    from manifest.draft import draft_description
    from manifest.lint import lint
    from manifest.lint.release import release_of

    path = PATHS[(data[0] if data else 0) % len(PATHS)]
    source = MemorySource({path: data[1:]})
    return lint(release_of(draft_description(source), source)).verdict
