"""Licenses that must agree: laundering, policies, `other`, packages, and parts that do not combine."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from lint_releases import HEAD, license_text, safetensors, write

from manifest.licenses import Clause
from manifest.lint import LintReport, Verdict, lint, load_release
from manifest.lint.use_policies import clauses_of

CARD = "---\n{front}---\n# Sparrow\n\n" + "It answers questions about birds. " * 20
DESCRIBED = (
    HEAD
    + "license: {license}\n{more}components:\n  model-parameters-final: {{files: ['model.*']}}\n"
    "  model-architecture: {{files: [config.json]}}\n  model-card: {{files: [README.md]}}\n"
)


def judge(
    root: Path,
    license_: str = "apache-2.0",
    *,
    more: str = "",
    front: str | None = None,
    files: dict[str, str | bytes] | None = None,
) -> LintReport:
    written: dict[str, str | bytes] = {
        "release.yaml": DESCRIBED.format(license=license_, more=more),
        "model.safetensors": safetensors(w=(2, 3)),
        "config.json": '{"model_type": "sparrow"}',
        "README.md": CARD.format(front=f"license: {license_}\n" if front is None else front),
        **(files or {}),
    }
    return lint(load_release(write(root / "r", written)))


def found(report: LintReport, *codes: str) -> list[str]:
    return [f.message for f in report.findings if f.code in codes]


BASE = "license: apache-2.0\nbase_model: {}\nbase_model_relation: quantized\n"


@pytest.mark.parametrize(
    ("front", "more", "bases"),
    [
        # A quantised Pixtral Large was published as apache-2.0: its base allows research only.
        pytest.param(
            BASE.format("neuralmagic/Pixtral-Large-Instruct-2411-hf"),
            "base_models: [{name: neuralmagic/Pixtral-Large-Instruct-2411-hf}]\n",
            ["neuralmagic/Pixtral-Large-Instruct-2411-hf is under mrl"],
            id="by a well-known name",
        ),
        pytest.param(
            BASE.format("acme/robin"),
            "base_models: [{name: acme/robin, license: cc-by-nc-4.0}]\n",
            ["acme/robin is under cc-by-nc-4.0, which forbids commercial use"],
            id="by the description",
        ),
        pytest.param(
            BASE.format("meta-llama/Llama-3.1-8B"),
            "base_models: [{name: meta-llama/Llama-3.1-8B, license: mit}]\n",
            ["meta-llama/Llama-3.1-8B is under llama3.1"],
            id="the description says otherwise",
        ),
        pytest.param(
            "license: apache-2.0\nbase_model:\n- acme/robin\n- google/gemma-2-9b\n",
            "",
            ["google/gemma-2-9b is under gemma"],
            id="by the card alone, second of two",
        ),
        pytest.param(BASE.format("mistralai/Pixtral-12B-2409"), "", [], id="an open base"),
        pytest.param(BASE.format("acme/robin"), "", [], id="a base that is not known"),
        pytest.param(
            "license: apache-2.0\n",
            "base_models: [{name: meta-llama/Llama-3.1-8B, relation: distilled}]\n",
            [],
            id="distilled: none of its weights are here",
        ),
    ],
)
def test_terms_of_the_base(front: str, more: str, bases: list[str], tmp_path: Path) -> None:
    report = judge(tmp_path, front=front, more=more)
    messages = found(report, "LIC008")
    assert len(messages) == len(bases)
    for message, base in zip(messages, bases, strict=True):
        assert f"the weights are declared apache-2.0, and their base {base}" in message
    assert report.verdict is (Verdict.WEIGHTS_AVAILABLE if bases else Verdict.OPEN_WEIGHT)
    assert report.exit_code == (1 if bases else 0)


def test_honest_derivative_of_a_restricted_base(tmp_path: Path) -> None:
    front = "license: llama3.1\nbase_model: meta-llama/Llama-3.1-8B\n"
    report = judge(tmp_path, "llama3.1", front=front)
    assert found(report, "LIC003", "LIC008") == []
    assert report.exit_code == 0


def gguf(metadata: dict[str, str | int]) -> bytes:
    """A GGUF file of one tensor, written from the format's description."""
    pairs = b""
    for key, value in metadata.items():
        name = key.encode()
        pairs += struct.pack("<Q", len(name)) + name
        if isinstance(value, int):
            pairs += struct.pack("<II", 4, value)
        else:
            pairs += struct.pack("<IQ", 8, len(value)) + value.encode()
    tensor = struct.pack("<Q", 1) + b"w" + struct.pack("<IQIQ", 1, 16, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(metadata)) + pairs + tensor
    return head + bytes(-len(head) % 32) + bytes(64)


def test_what_the_header_of_the_weights_says(tmp_path: Path) -> None:
    header: dict[str, str | int] = {
        "general.architecture": "llama",
        "general.license": "llama3.2",
        "general.base_model.count": 1,
        "general.base_model.0.name": "Llama 3.2 1B",
        "general.base_model.0.repo_url": "https://huggingface.co/meta-llama/Llama-3.2-1B",
    }
    report = judge(tmp_path, files={"model.gguf": gguf(header)})
    assert found(report, "LIC003") == [
        "the header of model.gguf says llama3.2, and release.yaml says apache-2.0"
    ]
    assert "meta-llama/Llama-3.2-1B is under llama3.2" in found(report, "LIC008")[0]


@pytest.mark.parametrize(
    ("path", "text", "count"),
    [
        pytest.param(
            "adapter_config.json",
            '{\n  "base_model_name_or_path": "meta-llama/Llama-2-7b-hf",\n  "r": 8}',
            1,
            id="adapter",
        ),
        pytest.param("train.yaml", "model_name_or_path: google/gemma-2b\nlr: 1\n", 1, id="recipe"),
        pytest.param("train.toml", 'hf_model_id = "meta-llama/Llama-2-70b-hf"\n', 1, id="toml"),
        pytest.param("train.yaml", "model_name_or_path: ./out/gemma-2b\n", 0, id="a path"),
        pytest.param("train.yaml", "teacher: google/gemma-2b\nlr: 1\n", 0, id="another field"),
        pytest.param("train.yaml", "base_model: acme/robin\nlr: 1\n", 0, id="not known"),
    ],
)
def test_what_settings_begin_with(path: str, text: str, count: int, tmp_path: Path) -> None:
    described = DESCRIBED.format(license="apache-2.0", more="")
    described += "  training-configuration: {files: ['train.*']}\n" if path[0] == "t" else ""
    report = judge(tmp_path, files={path: text, "release.yaml": described})
    assert len(found(report, "LIC008")) == count


A, M, T, N = Clause.ACCEPTABLE_USE, Clause.MILITARY, Clause.TERRITORY, Clause.NON_COMMERCIAL
R = Clause.RESEARCH_ONLY


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        pytest.param(
            "You agree you will not use, or allow others to use, Llama 3.2 to: … Military, warfare, "
            "nuclear industries … With respect to any multimodal models included in Llama 3.2, the "
            "rights granted under Section 1(a) of the Llama 3.2 Community License Agreement are not "
            "being granted to you if you are an individual domiciled in, or a company with a "
            "principal place of business in, the European Union.",
            (A, M, T),
            id="Llama 3.2",
        ),
        pytest.param("You may not use nor allow others to use Gemma to:", (A,), id="Gemma"),
        pytest.param(
            "You agree not to use Tencent Hunyuan or Model Derivatives: 1. Outside the Territory; "
            "19. For military purposes",
            (A, M),
            id="Hunyuan",
        ),
        pytest.param("Commercial use is prohibited.", (A, N), id="commercial"),
        pytest.param("For non-commercial research purposes only.", (R, N), id="research"),
        pytest.param("This license does not apply in the European Union.", (T,), id="territory"),
        pytest.param(
            "We aim for our tools to be used safely and responsibly. By using them, you agree to "
            "comply with all applicable law.",
            (),
            id="the law applies anyway",
        ),
        pytest.param("Please do not harm birds. We hope for care.", (), id="a hope"),
        pytest.param("It was tested in the European Union.", (), id="a place"),
        pytest.param("You are free to use it for anything.", (), id="freedom"),
        pytest.param("", (), id="empty"),
    ],
)
def test_clauses_of_policies(text: str, clauses: tuple[Clause, ...]) -> None:
    assert clauses_of(text) == clauses


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("USE_POLICY.md", True),
        ("USAGE_POLICY", True),
        ("acceptable-use-policy.txt", True),
        ("original/PROHIBITED_USE.md", True),
        ("AUP.md", True),
        ("usage.md", False),
        ("docs/USE.md", False),
        ("use_policy.py", False),
    ],
)
def test_names_of_policies(name: str, tmp_path: Path, *, read: bool) -> None:
    policy = "You must not use it in the European Union, where no rights are not granted."
    report = judge(tmp_path, files={name: policy})
    assert bool(found(report, "LIC010")) == read
    assert report.verdict is (Verdict.WEIGHTS_AVAILABLE if read else Verdict.OPEN_WEIGHT)
    assert report.exit_code == 0


def test_a_policy_beside_terms_that_name_it_is_no_finding(tmp_path: Path) -> None:
    front = "license: llama3.2\n"
    policy = {"USE_POLICY.md": "You agree you will not use it for war."}
    report = judge(tmp_path, "llama3.2", front=front, files=dict(policy))
    assert found(report, "LIC010") == []


@pytest.mark.parametrize(
    ("front", "files", "lacks"),
    [
        ("license: other\n", {}, "license_name, license_link and its text"),
        ("license: other\nlicense_name: birds-1\n", {}, "license_link and its text"),
        (
            "license: other\nlicense_name: birds-1\nlicense_link: LICENSE\n",
            {"LICENSE": "Birds 1"},
            "",
        ),
        ("license: mit\n", {}, ""),
    ],
)
def test_other_on_the_card(
    front: str, files: dict[str, str | bytes], lacks: str, tmp_path: Path
) -> None:
    report = judge(tmp_path, "LicenseRef-birds-1", front=front, files=files)
    expected = [f"the license is `other`, without {lacks}"] if lacks else []
    assert found(report, "LIC009") == expected


SOURCES = "data:\n  sources:\n    - {{name: Nests, license: {}, files: [data/a.jsonl]{}}}\n"
DATASETS = "  datasets: {{files: [data], license: {}}}\n"
ROWS: dict[str, str | bytes] = {"data/a.jsonl": '{"text": "a"}\n'}


@pytest.mark.parametrize(
    ("license_", "more", "datasets", "count"),
    [
        pytest.param("mit", SOURCES.format("cc-by-nc-4.0", ""), "", 1, id="data not commercial"),
        pytest.param("cc-by-nc-4.0", SOURCES.format("cc-by-nc-4.0", ""), "", 0, id="neither is"),
        pytest.param("mit", SOURCES.format("cc-by-4.0", ""), "", 0, id="attribution"),
        pytest.param(
            "mit",
            SOURCES.format("cc-by-nc-4.0", ", used_for: evaluation"),
            "",
            0,
            id="for evaluation",
        ),
        pytest.param("mit", SOURCES.format("cc-by-sa-4.0", ""), "mit", 1, id="share alike lost"),
        pytest.param(
            "mit", SOURCES.format("cc-by-sa-4.0", ""), "CC-BY-SA-4.0", 0, id="share alike kept"
        ),
        pytest.param("mit", SOURCES.format("cc-by-sa-4.0", ""), "", 0, id="not passed on"),
        pytest.param("mit", "", "cc-by-nc-4.0", 1, id="a dataset of its own"),
    ],
)
def test_data_that_does_not_combine(
    license_: str, more: str, datasets: str, count: int, tmp_path: Path
) -> None:
    described = DESCRIBED.format(license=license_, more=more)
    described += DATASETS.format(datasets) if datasets else ""
    report = judge(tmp_path, license_, files={**ROWS, "release.yaml": described})
    assert len(found(report, "LIC011")) == count


@pytest.mark.parametrize(
    ("training", "inference", "count"),
    [
        ("GPL-2.0-only", "Apache-2.0", 1),
        ("GPL-2.0-or-later", "Apache-2.0", 0),
        ("GPL-3.0-only", "Apache-2.0", 0),
        ("GPL-3.0-only", "BUSL-1.1", 1),
        ("MIT", "BUSL-1.1", 0),
        ("MIT", "Apache-2.0", 0),
    ],
)
def test_code_that_does_not_combine(
    training: str, inference: str, count: int, tmp_path: Path
) -> None:
    described = DESCRIBED.format(license="apache-2.0", more="") + (
        f"  training-code: {{files: [train.py], license: {training}}}\n"
        f"  inference-code: {{files: [run.py], license: {inference}}}\n"
    )
    code = "def f(steps):\n    for step in range(steps):\n        x = step\n        y = x\n    return y\n"
    files: dict[str, str | bytes] = {"release.yaml": described, "train.py": code, "run.py": code}
    assert len(found(judge(tmp_path, files=files), "LIC011")) == count


METADATA = "Metadata-Version: 2.4\nName: sparrow\nVersion: 1\nLicense-Expression: {}\n\n"


@pytest.mark.parametrize(
    ("expression", "text", "codes"),
    [
        ("MIT", None, ["LIC012"]),
        # One fact, one finding: the license text says it already.
        ("MIT", license_text("MIT"), ["LIC007"]),
        ("Apache-2.0", None, []),
        ("MIT OR Apache-2.0", None, []),
    ],
)
def test_package_beside_card(
    expression: str, text: str | None, codes: list[str], tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {
        "sparrow-1.dist-info/METADATA": METADATA.format(expression),
    }
    if text is not None:
        files["LICENSE"] = text
    report = judge(tmp_path, files=files)
    assert [f.code for f in report.findings if f.code in ("LIC003", "LIC007", "LIC012")] == codes
    assert report.verdict is Verdict.OPEN_WEIGHT
