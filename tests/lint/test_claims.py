"""What counts as a claim on a card, and licenses that do not fit together."""

from __future__ import annotations

from pathlib import Path

import pytest
from lint_releases import HEAD, license_text, write
from processor import untraced

from manifest.lint import LintReport, Verdict, lint, load_release

CARD = "---\nlicense: {license}\n---\n# Sparrow\n\n" + "It answers questions about birds. " * 20
DESCRIBED = (
    HEAD
    + "license: {license}\ncomponents:\n  model-parameters-final: {{files: [model.safetensors]}}\n"
    "  model-architecture: {{files: [config.json]}}\n  model-card: {{files: [README.md]}}\n"
)


def judge(root: Path, license_: str, card: str, **files: str) -> LintReport:
    written = {
        "release.yaml": DESCRIBED.format(license=license_),
        "model.safetensors": "<safetensors w=2x3>",
        "config.json": '{"model_type": "sparrow"}',
        "README.md": card,
        **files,
    }
    return lint(load_release(write(root / "r", dict(written))))


def codes(report: LintReport) -> set[str]:
    return {f.code for f in report.findings}


@pytest.mark.parametrize(
    "sentence",
    [
        "Sparrow is an open-source language model.",
        "Sparrow is open source.",
        "We open-source the weights of Sparrow.",
        "We are open-sourcing our models today.",
        "A fully open source large language model!",
        "The model is truly open-source and free.",
        "OPEN-SOURCE MODEL",
        "the strongest open-sourced LLM",
    ],
)
def test_claims(sentence: str, tmp_path: Path) -> None:
    report = judge(tmp_path, "mit", CARD.format(license="mit") + f"\n\n{sentence}\n")
    (finding,) = (f for f in report.findings if f.code == "CLM002")
    assert finding.location is not None
    assert finding.location.line == 8
    assert report.exit_code == 1


@pytest.mark.parametrize(
    "sentence",
    [
        "Sparrow is an open-weight model.",
        "It is not an open-source model.",
        "We trained it with an open-source library.",
        "The training used open source software for tokenization.",
        "It is open-source software that runs it.",
        "Evaluated on an open-source dataset.",
        "See our open-source code.",
        "Questions about open source are answered.",
        "Python is open source.",
    ],
)
def test_no_claims(sentence: str, tmp_path: Path) -> None:
    report = judge(tmp_path, "mit", CARD.format(license="mit") + f"\n\n{sentence}\n")
    assert "CLM002" not in codes(report)
    assert report.verdict is Verdict.OPEN_WEIGHT
    assert report.exit_code == 0


def test_card_of_another_license(tmp_path: Path) -> None:
    report = judge(tmp_path, "apache-2.0", CARD.format(license="llama3.1"))
    assert "LIC003" in codes(report)
    assert report.exit_code == 1


LLAMA = "LLAMA 3.1 COMMUNITY LICENSE AGREEMENT\nLlama 3.1 Version Release Date: July 23, 2024\n"


@pytest.mark.parametrize(
    ("text", "verdict", "expected"),
    [
        pytest.param(LLAMA, Verdict.WEIGHTS_AVAILABLE, {"LIC002", "LIC003"}, id="not open"),
        pytest.param(
            license_text("Apache-2.0") + "\nNot for military use.\n",
            Verdict.WEIGHTS_AVAILABLE,
            {"LIC002", "LIC003"},
            id="words added",
        ),
        pytest.param(
            license_text("CC-BY-NC-4.0"),
            Verdict.WEIGHTS_AVAILABLE,
            {"LIC002", "LIC003"},
            id="not commercial",
        ),
        pytest.param(license_text("MIT"), Verdict.OPEN_WEIGHT, {"LIC007"}, id="another open one"),
        pytest.param(license_text("Apache-2.0"), Verdict.OPEN_WEIGHT, set(), id="the same"),
        pytest.param(
            "Ask us.\n", Verdict.WEIGHTS_AVAILABLE, {"LIC002", "LIC005"}, id="no license at all"
        ),
    ],
)
def test_relicensing_by_card(
    text: str, verdict: Verdict, expected: set[str], tmp_path: Path
) -> None:
    card = CARD.format(license="apache-2.0")
    report = judge(tmp_path, "apache-2.0", card, LICENSE=text)
    assert report.verdict is verdict
    found = codes(report) & {"LIC002", "LIC003", "LIC005", "LIC007"}
    assert expected <= found
    assert ("LIC003" in found) == ("LIC003" in expected)


def test_a_second_license_file_beside_the_declared_one(tmp_path: Path) -> None:
    report = judge(
        tmp_path,
        "apache-2.0",
        CARD.format(license="apache-2.0"),
        LICENSE=license_text("Apache-2.0"),
        **{"LICENSE-THIRD-PARTY": LLAMA},
    )
    # Whose text that is cannot be told: it is an error to explain, and no proof against the weights.
    assert report.verdict is Verdict.OPEN_WEIGHT
    assert "LIC003" in codes(report)


def test_a_third_party_claims_nothing_for_the_publisher(tmp_path: Path) -> None:
    described = DESCRIBED.format(license="mit").replace("publisher", "third-party")
    described += "claim: open-source\nsummary: Sparrow is an open-source model.\n"
    card = CARD.format(license="mit")
    report = judge(tmp_path, "mit", card, **{"release.yaml": described})
    assert codes(report) & {"CLM001", "CLM002", "CLM004"} == {"CLM004"}
    assert report.claim is None
    assert report.exit_code == 0


def test_the_publishers_summary_is_a_claim(tmp_path: Path) -> None:
    described = DESCRIBED.format(license="mit") + "summary: Sparrow is an open-source model.\n"
    report = judge(tmp_path, "mit", CARD.format(license="mit"), **{"release.yaml": described})
    (finding,) = (f for f in report.findings if f.code == "CLM002")
    assert finding.location is not None
    assert (finding.location.path, finding.location.line) == (
        "release.yaml",
        described.count("\n"),
    )


SAYS = "Sparrow is an open-source language model."
UNREAD: dict[str, tuple[str, str]] = {
    "front matter with an anchor": (
        CARD.replace("license: {license}", "license: &l mit\na: *l") + f"\n{SAYS}\n",
        "front matter that was not read: line 2: anchors and aliases are not read",
    ),
    "front matter of many values": (
        CARD.replace("license: {license}", "license: mit\ntags: [" + "x, " * 60_000 + "x]")
        + f"\n{SAYS}\n",
        "more than 60,000 values",
    ),
    "more than is read": (
        CARD.format(license="mit") + f"\n{SAYS}\n" + "a word " * 700_000,
        "what it says after 4.2 MB was not read",
    ),
}


@pytest.mark.parametrize(("card", "words"), UNREAD.values(), ids=UNREAD)
def test_a_card_that_is_not_read_whole_says_so_and_hides_no_claim(
    card: str, words: str, tmp_path: Path
) -> None:
    with untraced():
        report = judge(tmp_path, "mit", card)
    (finding,) = (f for f in report.findings if f.code == "CLM005")
    assert words in finding.message
    assert "CLM002" in codes(report)


def test_a_claim_far_along_a_line_is_seen(tmp_path: Path) -> None:
    card = CARD.format(license="mit") + "\n" + "It knows birds. " * 50_000 + SAYS
    assert {"CLM002"} == codes(judge(tmp_path, "mit", card)) & {"CLM002", "CLM005"}


def test_cards_beyond_those_that_are_looked_at_are_told_of(tmp_path: Path) -> None:
    cards = {f"cards/{n}.md": CARD.format(license="mit") for n in range(9)}
    description = DESCRIBED.format(license="mit").replace("[README.md]", "[cards]")
    report = judge(
        tmp_path, "mit", CARD.format(license="mit"), **cards, **{"release.yaml": description}
    )
    assert "cards/8.md" in next(f.message for f in report.findings if f.code == "CLM005")
