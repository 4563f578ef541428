"""Several sources say something of one license: the strictest decides, and the reason names two."""

from __future__ import annotations

from pathlib import Path

import pytest
from lint_releases import HEAD, license_text, safetensors, write

from manifest.lint import LintReport, Verdict, lint, load_release
from manifest.lint.card_terms import stated_terms

APACHE = license_text("Apache-2.0")
CARD = "---\nlicense: {license}\n---\n# Sparrow\n\n{body}\n\n" + "It knows garden birds. " * 30
DESCRIBED = (
    HEAD + "license: {license}\ncomponents:\n  model-parameters-final: {{files: ['model.*']}}\n"
    "  model-architecture: {{files: [config.json]}}\n  model-card: {{files: [README.md]}}\n"
)


def judge(
    root: Path,
    *,
    declared: str = "apache-2.0",
    card: str = "apache-2.0",
    body: str = "",
    **files: str,
) -> LintReport:
    written: dict[str, str | bytes] = {
        "release.yaml": DESCRIBED.format(license=declared),
        "model.safetensors": safetensors(w=(2, 3)),
        "config.json": '{"model_type": "sparrow"}',
        "README.md": CARD.format(license=card, body=body),
        "LICENSE": APACHE,
        **{name.replace("__", "."): text for name, text in files.items()},
    }
    return lint(load_release(write(root / "r", written)))


def reason(report: LintReport) -> str:
    """Why the license of the weights does not count; empty when it does."""
    return next((r.outcome.reason for r in report.missing if r.code == "LIC002"), "")


def lines(report: LintReport, code: str) -> list[tuple[str, int | None]]:
    found = [f.location for f in report.findings if f.code == code]
    return [(place.path, place.line) for place in found if place is not None]


def test_sources_that_agree(tmp_path: Path) -> None:
    report = judge(tmp_path)
    assert (report.verdict, reason(report)) == (Verdict.OPEN_WEIGHT, "")
    assert not [f for f in report.findings if f.code in ("LIC003", "LIC007", "LIC010")]


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ("cc-by-nc-4.0", "the card README.md says cc-by-nc-4.0, which forbids commercial use"),
        ("llama3.1", "the card README.md says llama3.1, which requires a separate license above"),
        ("acme-1.0", "the card README.md says acme-1.0, which 'acme-1.0' is not a license that"),
    ],
)
def test_a_card_that_grants_less(card: str, says: str, tmp_path: Path) -> None:
    report = judge(tmp_path, card=card)
    assert report.verdict is Verdict.WEIGHTS_AVAILABLE
    assert reason(report).startswith("release.yaml says apache-2.0, and ")
    assert says.split(", which '", maxsplit=1)[0] in reason(report)
    assert lines(report, "LIC003") == [("README.md", 1)]


def test_a_card_that_grants_as_much_is_an_error_and_no_less_open(tmp_path: Path) -> None:
    report = judge(tmp_path, card="mit")
    assert report.verdict is Verdict.OPEN_WEIGHT
    assert lines(report, "LIC003") == [("README.md", 1)]


def test_a_card_cannot_give_what_the_description_does_not(tmp_path: Path) -> None:
    report = judge(tmp_path, declared="cc-by-nc-4.0")
    assert report.verdict is Verdict.WEIGHTS_AVAILABLE


TEXTS = {
    "another text beside the right one": (
        {"LICENSE-MODEL": license_text("CC-BY-NC-4.0")},
        "LICENSE-MODEL is the text of CC-BY-NC-4.0, which forbids commercial use",
    ),
    "a changed text beside the right one": (
        {"MODEL_LICENSE": APACHE + "\nNot for commercial use.\n"},
        "MODEL_LICENSE adds terms to the Apache-2.0 license: it forbids commercial use, at line",
    ),
    "words whose effect is not known": (
        {"LICENSE": APACHE + "\nHospitals use the free edition.\n"},
        "LICENSE adds words of its own to the Apache-2.0 license, at line",
    ),
    "a text that nobody knows": (
        {"LICENSE": "Sparrow License\n\nFriends may use it.\n"},
        "LICENSE is no license text that is known here, at line",
    ),
    "several licenses in one file": (
        {"LICENSE": APACHE + "\nThe fonts are by others:\n\n" + license_text("MIT")},
        "LICENSE holds Apache-2.0 and MIT and words of its own",
    ),
}


@pytest.mark.parametrize(("files", "says"), TEXTS.values(), ids=TEXTS)
def test_texts_that_grant_less(files: dict[str, str], says: str, tmp_path: Path) -> None:
    report = judge(tmp_path, **files)
    assert report.verdict is Verdict.WEIGHTS_AVAILABLE
    assert reason(report).startswith("release.yaml says apache-2.0, and ")
    assert says in reason(report)


OTHERS = {
    "third parties' licenses": {
        "LICENSE-third-party": "Fonts\n\n" + license_text("CC-BY-NC-4.0"),
    },
    "a text for the code": {"LICENSE-CODE": license_text("MIT")},
    "a text for data": {"LICENSE-DATA": license_text("CC-BY-NC-4.0")},
    "a notice": {"NOTICE": "Sparrow\nCopyright 2026 Acme\n\nThis product includes a font.\n"},
    "another open text": {"LICENSE-MIT": license_text("MIT")},
}


@pytest.mark.parametrize("files", OTHERS.values(), ids=OTHERS)
def test_texts_that_are_about_something_else(files: dict[str, str], tmp_path: Path) -> None:
    report = judge(tmp_path, **files)
    assert (report.verdict, reason(report)) == (Verdict.OPEN_WEIGHT, "")


BESIDE = {
    "notice": ("NOTICE", "Sparrow\n\nFor non-commercial use only.\n", 3),
    "notice in Markdown": (
        "NOTICE.md",
        "# Notice\n\nUse is limited to academic research use.\n",
        3,
    ),
    "terms": ("TERMS.md", "# Terms\n\nA.\n\nCommercial use requires a separate license.\n", 5),
    "terms of use": ("TERMS_OF_USE.txt", "Research use only.\n", 1),
    "policy": ("USE_POLICY.md", "You agree you will not use it for trade.\n", None),
    "acceptable use": ("ACCEPTABLE_USE_POLICY.md", "You must not use it at night.\n", None),
    "threshold": ("TERMS", "Above 5 million monthly active users ask us.\n", 1),
    "addendum": ("LICENSE_ADDENDUM.md", "Military use is prohibited.\n", None),
}


@pytest.mark.parametrize(("name", "text", "line"), BESIDE.values(), ids=BESIDE)
def test_terms_in_files_beside_a_plain_license(
    name: str, text: str, line: int | None, tmp_path: Path
) -> None:
    report = judge(tmp_path, **{name: text})
    assert report.verdict is Verdict.WEIGHTS_AVAILABLE
    assert name in reason(report)
    if name != "LICENSE_ADDENDUM.md":  # a license file by its name
        assert lines(report, "LIC010") == [(name, line)]


STATED = {
    "license line": "License: CC BY-NC 4.0",
    "bold license line": "**License**: CC BY-NC-SA 4.0",
    "license in code": "- **License:** `cc-by-nc-4.0`",
    "table": "| License | CC-BY-NC-4.0 |",
    "bare": "For research purposes only.",
    "under a heading": "## License\n\nNon-commercial use only.",
    "named": "Sparrow is released for research purposes only.",
    "weights": "Commercial use of the weights requires a separate license.",
    "model and data": "The model and the data are for non-commercial use only.",
    "addressed": "You may not use it commercially.",
    "an AI license": "This model is licensed under the Llama 3.1 Community License.",
    "terms of others": "Use of this model is governed by the Gemma Terms of Use.",
    "threshold": "Products with more than 700 million monthly active users need our license.",
    "after data": "It was trained on public data and is for non-commercial use of the model only.",
}
NOT_STATED = {
    "data": "The dataset is for non-commercial use only.",
    "a heading of data": "## Training data\n\nReleased under CC BY-NC 4.0.",
    "a list of data": "Trained on Wikipedia (CC BY-SA) and ImageNet (non-commercial research only).",
    "another model": "Llama 2 is available for research purposes only.",
    "another model's license": "Mistral Large is licensed under the Mistral AI Research License.",
    "compared": "Unlike LLaMA, which is for non-commercial use only, Sparrow is Apache-2.0.",
    "base": "The base model is licensed under the Llama 2 Community License.",
    "quoted": "> non-commercial use only",
    "code": "```\nnon-commercial use only\n```",
    "images": "The code is licensed under MIT; images are CC BY-NC 4.0.",
    "both": "Sparrow may be used for commercial and non-commercial purposes.",
    "denied": "This model is not limited to non-commercial use.",
    "asked": "Is commercial use prohibited?",
    "a hope": "Out of scope: the model should not be used for military purposes.",
    "intended": "Intended for research use.",
}


@pytest.mark.parametrize("body", STATED.values(), ids=STATED)
def test_terms_in_the_prose_of_a_card(body: str, tmp_path: Path) -> None:
    report = judge(tmp_path, body=body)
    assert report.verdict is Verdict.WEIGHTS_AVAILABLE
    assert reason(report).startswith("the weights are declared apache-2.0, and README.md ")
    line = 6 + body.count("\n")
    assert lines(report, "LIC010") == [("README.md", line)]


@pytest.mark.parametrize("body", NOT_STATED.values(), ids=NOT_STATED)
def test_prose_that_is_not_about_the_weights(body: str, tmp_path: Path) -> None:
    assert list(stated_terms(body, ("acme", "Sparrow"))) == []
    report = judge(tmp_path, body=body)
    assert (report.verdict, reason(report)) == (Verdict.OPEN_WEIGHT, "")


def test_an_honest_restricted_release_is_told_once(tmp_path: Path) -> None:
    report = judge(
        tmp_path,
        declared="cc-by-nc-4.0",
        card="cc-by-nc-4.0",
        body="Non-commercial use only.",
        LICENSE=license_text("CC-BY-NC-4.0"),
    )
    assert report.verdict is Verdict.WEIGHTS_AVAILABLE
    assert not [f for f in report.findings if f.code in ("LIC003", "LIC010")]
