"""Rules that hold what is said against files: what they find, and what they leave alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lint_releases import HEAD, safetensors, write

from manifest.lint import lint, load_release

WEIGHTS = "components:\n  model-parameters-final: {files: ['*.safetensors', '*.index.json']}\n"
CODE = "components:\n  training-code: {files: ['**/*.py']}\n"
RECIPE = "components:\n  training-configuration: {files: [recipe.yaml]}\ntraining:\n"
LOGS = "components:\n  training-logs: {files: [log.jsonl]}\n"
LOG = '{"step": 1, "loss": 3}\n{"step": 400, "loss": 2}\n'


def found(root: Path, description: str, files: dict[str, str | bytes], *codes: str) -> list[str]:
    write(root, {"release.yaml": HEAD + description, **files})
    return [f.code for f in lint(load_release(root)).findings if f.code in codes]


def typed(dtype: str, bits: int, n: int) -> bytes:
    end = n * bits // 8
    raw = json.dumps({"w": {"dtype": dtype, "shape": [n], "data_offsets": [0, end]}}).encode()
    return len(raw).to_bytes(8, "little") + raw + bytes(end)


def config(**fields: object) -> str:
    return json.dumps({"model_type": "x", **fields})


@pytest.mark.parametrize(
    ("said", "files", "false"),
    [
        pytest.param(100, {"a.safetensors": safetensors(w=(10, 10))}, False, id="exact"),
        pytest.param(105, {"a.safetensors": safetensors(w=(10, 10))}, False, id="rounded"),
        pytest.param(120, {"a.safetensors": safetensors(w=(10, 10))}, True, id="false"),
        pytest.param(
            100,
            {"a.safetensors": safetensors(w=(10, 10)), "b.safetensors": safetensors(w=(10, 10))},
            False,
            id="the same twice",
        ),
        pytest.param(
            200,
            {"a.safetensors": safetensors(w=(10, 10)), "b.safetensors": safetensors(v=(10, 10))},
            False,
            id="two shards",
        ),
        pytest.param(900, {"a.safetensors": typed("I32", 32, 100)}, False, id="packed"),
        pytest.param(
            900,
            {"a.safetensors": safetensors(w=(10, 10)), "adapter_config.json": "{}"},
            False,
            id="an adapter",
        ),
    ],
)
def test_parameters(
    said: int, files: dict[str, str | bytes], tmp_path: Path, *, false: bool
) -> None:
    codes = found(tmp_path, f"model: {{parameters: {said}}}\n" + WEIGHTS, files, "WGT007")
    assert bool(codes) is false


@pytest.mark.parametrize(
    ("settings", "weights", "disagrees"),
    [
        pytest.param({"torch_dtype": "float32"}, typed("F32", 32, 8), False, id="same"),
        pytest.param({"dtype": "torch.bfloat16"}, typed("BF16", 16, 8), False, id="new name"),
        pytest.param({"torch_dtype": "float16"}, typed("F32", 32, 8), True, id="another"),
        pytest.param({}, typed("F32", 32, 8), False, id="unsaid"),
        pytest.param(
            {"torch_dtype": "float16", "quantization": {"bits": 4}},
            typed("I32", 32, 8),
            False,
            id="packed by mlx",
        ),
        pytest.param(
            {"torch_dtype": "float16", "quantization_config": {"quant_method": "gptq"}},
            typed("I32", 32, 8),
            False,
            id="quantised",
        ),
        pytest.param(
            {"quantization_config": {"quant_method": "gptq"}},
            typed("F16", 16, 8),
            True,
            id="not quantised at all",
        ),
    ],
)
def test_precision(
    settings: dict[str, object], weights: bytes, tmp_path: Path, *, disagrees: bool
) -> None:
    files: dict[str, str | bytes] = {"config.json": config(**settings), "m.safetensors": weights}
    assert bool(found(tmp_path, WEIGHTS, files, "WGT008")) is disagrees


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("from .a import b\n", True),
        ("from .here import b\n", False),
        ("from .package import b\n", False),
        ("from .native import b\n", False),
        ("from ..here import b\n", True),
        ("from . import b\n", False),
        ("from ._version import b\n", False),
        ("try:\n    from .a import b\nexcept ImportError:\n    b = None\n", False),
        ("if TYPE_CHECKING:\n    from .a import b\n", False),
        ("def f():\n    from .a import b\n", True),
        ("import a\nfrom a import b\n", False),
        ("from .a import (\n", False),
    ],
)
def test_imports(code: str, tmp_path: Path, *, missing: bool) -> None:
    files: dict[str, str | bytes] = {
        "src/train.py": code,
        "src/here.py": "x = 1\n",
        "src/package/part.py": "x = 1\n",
        "src/native.cpython-311-x86_64-linux-gnu.so": b"\x7fELF",
    }
    assert bool(found(tmp_path, CODE, files, "COD007")) is missing


UV_LOCK = "version = 1\n[[package]]\nname = 'a'\nversion = '1'\nsdist = {hash = 'sha256:00'}\n"


@pytest.mark.parametrize(
    ("name", "text", "locked"),
    [
        ("requirements.txt", "numpy==2.3.4 --hash=sha256:" + "0" * 64, True),
        ("requirements.txt", "numpy==2.3.4 \\\n    --hash=sha256:" + "0" * 64, True),
        ("requirements.txt", "a @ git+https://a.example/a@" + "0" * 40, True),
        ("requirements.txt", "# nothing is needed\n", True),
        ("requirements.txt", "numpy==2.3.4", False),
        ("requirements.txt", "numpy", False),
        ("requirements.txt", "", False),
        ("code/uv.lock", "version = 1\n", False),
        ("code/uv.lock", UV_LOCK, True),
        ("poetry.lock", "", False),
        ("pylock.toml", "lock-version = '1.0'\n", False),
        ("pylock.toml", "lock-version = '1.0'\n[[packages]]\nname = 'a'\nversion = '1'\n", True),
    ],
)
def test_dependencies(name: str, text: str, tmp_path: Path, *, locked: bool) -> None:
    files: dict[str, str | bytes] = {"train.py": "x = 1\n", name: text}
    assert bool(found(tmp_path, CODE, files, "COD006")) is not locked


def sources(*entries: str, total: int | None = None) -> str:
    head = "data:\n" + (f"  total_tokens: {total}\n" if total else "") + "  sources:\n"
    return head + "".join(f"    - {{name: s{i}, {e}}}\n" for i, e in enumerate(entries))


@pytest.mark.parametrize(
    ("description", "wrong"),
    [
        pytest.param(sources("share: 0.6", "share: 0.4"), False, id="one"),
        pytest.param(sources("share: 0.333", "share: 0.333", "share: 0.333"), False, id="rounded"),
        pytest.param(sources("share: 0.6", "share: 0.3"), True, id="too little"),
        pytest.param(sources("share: 0.6", "access: private"), False, id="one is silent"),
        pytest.param(sources("share: 0.8", "share: 0.4", "access: private"), True, id="too much"),
        pytest.param(
            sources("share: 1.0", "share: 1.0, used_for: finetuning"), False, id="by stage"
        ),
        pytest.param(
            sources("share: 1.0", "share: 1.0, used_for: evaluation"), False, id="evaluation"
        ),
        pytest.param(sources("tokens: 60", "tokens: 40", total=100), False, id="tokens"),
        pytest.param(sources("tokens: 60", "tokens: 30", total=100), True, id="tokens missing"),
        pytest.param(sources("tokens: 60", "records: 3", total=100), False, id="tokens unsaid"),
        pytest.param(
            sources("tokens: 60, share: 0.4", "tokens: 40, share: 0.6", total=100), True,
            id="shares exchanged",
        ),
        pytest.param(
            sources("tokens: 60, share: 1.0", "tokens: 40, share: 1.0, used_for: finetuning",
                    total=100), False, id="shares of stages",
        ),
    ],
)  # fmt: skip
def test_mixture(description: str, tmp_path: Path, *, wrong: bool) -> None:
    assert bool(found(tmp_path, description, {}, "DAT008")) is wrong


@pytest.mark.parametrize(
    ("said", "recipe", "wrong"),
    [
        ("optimizer: {weight_decay: 0.1}", "optimizer: {weight_decay: 0.1, lr: 1}", False),
        ("optimizer: {weight_decay: 1e-1}", "optimizer: {weight_decay: 0.1, lr: 1}", False),
        ("optimizer: {weight_decay: 0.1}", "optimizer: {weight_decay: 0.2, lr: 1}", True),
        ("optimizer: {adam_beta1: 0.9}", "optimizer: {beta1: 0.8, lr: 1}", True),
        ("optimizer: {clipping: none}", "optimizer: {clipping: 1.0, lr: 1, momentum: 0}", False),
        ("hyperparameters: {lr: 0.1}", "warmup_steps: 3\nlearning_rate: 0.2", True),
        ("hyperparameters: {lr: 0.1}", "a: {lr: 0.2, momentum: 0}\nb: {lr: 0.1}", False),
        ("hyperparameters: {batch_size: 4}", "lr: 1\nbatch_size: 2\nwarmup: 1", False),
        ("hyperparameters: {steps: 9}", "lr: 1\nmax_steps: -1\nwarmup: 1", False),
        ("hyperparameters: {steps: 9}", "lr: 1\nmax_steps: 8\nwarmup: 1", True),
        ("stages: [{name: a, steps: 8}, {name: b, steps: 1}]", "lr: 1\nmax_steps: 8\nwarmup: 1",
         False),
        ("seeds: {all: 7}", "lr: 1\nwarmup: 1\nseed: 7", False),
        ("seeds: {all: 7}", "lr: 1\nwarmup: 1\nseed: 8", True),
    ],
)  # fmt: skip
def test_description_against_recipe(said: str, recipe: str, tmp_path: Path, *, wrong: bool) -> None:
    files: dict[str, str | bytes] = {"recipe.yaml": recipe + "\n"}
    assert bool(found(tmp_path, RECIPE + f"  {said}\n", files, "TRN008")) is wrong


def test_both_lines_are_named(tmp_path: Path) -> None:
    recipe = "lr: 1\noptimizer:\n  weight_decay: 0.2\n"
    description = HEAD + RECIPE + "  optimizer: {weight_decay: 0.1}\n"
    write(tmp_path, {"release.yaml": description, "recipe.yaml": recipe})
    (finding,) = [f for f in lint(load_release(tmp_path)).findings if f.code == "TRN008"]
    assert finding.message == (
        "release.yaml:8 says training.optimizer.weight_decay is 0.1; recipe.yaml:3 says "
        "optimizer.weight_decay is 0.2"
    )


@pytest.mark.parametrize(
    ("training", "log", "short"),
    [
        ("stages: [{name: a, steps: 400}]", LOG, False),
        ("stages: [{name: a, steps: 410}]", LOG, False),
        ("stages: [{name: a, steps: 900}]", LOG, True),
        ("stages: [{name: a, steps: 300}, {name: b, steps: 100}]", LOG, False),
        ("hyperparameters: {max_steps: 900}", LOG, True),
        ("precision: bf16", LOG, False),
        ("stages: [{name: a, steps: 400}]", LOG.replace('"step": 1,', '"step": 200,'), True),
    ],
)
def test_logs(training: str, log: str, tmp_path: Path, *, short: bool) -> None:
    files: dict[str, str | bytes] = {"log.jsonl": log}
    codes = found(tmp_path, LOGS + f"training:\n  {training}\n", files, "TRN004")
    assert bool(codes) is short


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("python train.py", False),
        ("cd code && python train.py --out x", False),
        ("bash ./code/run.sh", True),
        ("python /opt/train/other.py", False),
        ("torchrun -m sparrow.train", False),
        ("python $HOME/other.py", False),
        ("python other.py; python more.py", True),
    ],
)
def test_command(command: str, tmp_path: Path, *, missing: bool) -> None:
    description = f"training:\n  command: {json.dumps(command)}\n"
    files: dict[str, str | bytes] = {"code/train.py": "x = 1\n"}
    assert bool(found(tmp_path, description, files, "REP007")) is missing


@pytest.mark.parametrize(
    ("template", "escapes"),
    [
        ("{{ x.__class__.__mro__ }}", True),
        ("{% set a = ''|attr('__globals__') %}", True),
        ("{{ a['\\x5f\\x5finit\\x5f\\x5f'] }}", True),
        ("{{ self._TemplateReference__context }}", True),
        ("{{ messages | map(attribute='__init__') }}", True),
        ("{%- for m in messages -%}{{ m['content'] | trim }}{%- endfor -%}", False),
        ("class A:\n    def __init__(self): ...{{ content }}", False),
        ("{{ raise_exception('no') }}{{ strftime_now('%d') }}", False),
    ],
)
def test_templates(template: str, tmp_path: Path, *, escapes: bool) -> None:
    one: dict[str, str | bytes] = {"tokenizer_config.json": json.dumps({"chat_template": template})}
    assert bool(found(tmp_path / "1", "", one, "SAF006")) is escapes
    named = {"chat_template": [{"name": "default", "template": template}]}
    two: dict[str, str | bytes] = {"tokenizer_config.json": json.dumps(named)}
    assert bool(found(tmp_path / "2", "", two, "SAF006")) is escapes
    three: dict[str, str | bytes] = {"chat_template.jinja": template}
    assert bool(found(tmp_path / "3", "", three, "SAF006")) is escapes


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("setup.exe", b"MZ", True),
        ("a/__pycache__/b.cpython-311.pyc", b"x", True),
        ("notes", b"\x7fELF\x02\x01", True),
        ("model.bin", b"\x7fELF\x02\x01", True),
        ("libx.so.1.2", b"x", True),
        ("notes", b"text", False),
        ("run.sh", b"ls\n", False),
        ("x.py", b"x = 1\n", False),
    ],
)
def test_programs(name: str, data: bytes, tmp_path: Path, *, told: bool) -> None:
    assert bool(found(tmp_path, "summary: A release.\n", {name: data}, "SAF004")) is told


@pytest.mark.parametrize(
    ("description", "summary", "missing"),
    [
        ("model: {parameters: 7000000000}", "", True),
        ("model: {parameters: 100000000}", "", False),
        ("training: {compute_flops: 2.0e+23}", "", True),
        ("training: {compute_flops: 2.0e+22}\nmodel: {parameters: 7000000000}", "", False),
        ("model: {parameters: 7000000000}", "docs/public_summary.pdf", False),
    ],
)
def test_summary_for_the_eu(
    description: str, summary: str, tmp_path: Path, *, missing: bool
) -> None:
    files: dict[str, str | bytes] = {summary: "%PDF"} if summary else {}
    assert bool(found(tmp_path, description + "\n", files, "DAT011")) is missing


def test_what_a_release_lacks_of_a_signature_reads_as_a_sentence(tmp_path: Path) -> None:
    write(tmp_path, {"release.yaml": HEAD})
    messages = [f.message for f in lint(load_release(tmp_path)).findings if f.code == "PRV001"]
    assert messages == [
        "the release has no manifest.json, which names every file by its digest, and no signature"
    ]
