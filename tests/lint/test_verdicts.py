"""Each verdict is reached, and missed when any single thing that it needs is taken away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lint_releases import OPEN_DESCRIPTION, OPEN_FILES, write

from manifest.document.components import MofClass
from manifest.errors import ExitCode
from manifest.findings import Severity
from manifest.lint import LintOptions, LintReport, Status, Verdict, all_rules, lint, load_release
from manifest.lint.frameworks.eu import eu_table
from manifest.render.github import render_summary
from manifest.render.junit import render_junit
from manifest.render.lint_json import lint_plain
from manifest.render.lint_text import render_lint
from manifest.render.sarif import sarif_plain

V = Verdict


def judge(
    root: Path, files: dict[str, str], options: LintOptions | None = None, *, pinned: bool = False
) -> LintReport:
    return lint(load_release(write(root, files), accept_pinned=pinned), options)


def changed(old: str, new: str = "") -> dict[str, str]:
    assert old in OPEN_DESCRIPTION, old
    return {**OPEN_FILES, "release.yaml": OPEN_DESCRIPTION.replace(old, new)}


def without(*paths: str) -> dict[str, str]:
    assert set(paths) <= set(OPEN_FILES)
    return {k: v for k, v in OPEN_FILES.items() if k not in paths}


def with_file(path: str, text: str) -> dict[str, str]:
    assert path in OPEN_FILES
    return {**OPEN_FILES, path: text}


def test_open_all_the_way(tmp_path: Path) -> None:
    report = judge(tmp_path, OPEN_FILES)
    assert report.verdict is V.REPLAYABLE
    assert report.declared_verdict is V.REPLAYABLE
    assert report.mof.mof_class is MofClass.I
    assert report.osaid.status is Status.MET
    assert report.eu.status is Status.MET
    assert report.next_verdict is None
    assert report.missing == ()
    assert {f.code for f in report.findings} == {"PRV001"}
    assert report.exit_code is ExitCode.OK


def component(kind: str, files: str) -> str:
    return f"  {kind}: {{files: [{files}]}}\n"


# What is taken away, the rule that says so, and the verdict that is left.
REMOVALS: dict[str, tuple[dict[str, str], str, Verdict]] = {
    "final weights": (
        changed(component("model-parameters-final", "model.safetensors")),
        "WGT001",
        V.CLOSED,
    ),
    "final weights' file": (without("model.safetensors"), "WGT001", V.CLOSED),
    "half of the weights": (
        with_file("model.safetensors", "\x05\0\0\0\0\0\0\0{}   "),
        "WGT001",
        V.CLOSED,
    ),
    "open license": (
        changed("licenses: {data: apache-2.0,", "licenses: {data: llama3.1,"),
        "LIC002",
        V.WEIGHTS_AVAILABLE,
    ),
    "known license": (
        changed("licenses: {data: apache-2.0,", "licenses: {data: homemade-1.0,"),
        "LIC002",
        V.WEIGHTS_AVAILABLE,
    ),
    "every license": (
        changed(
            "license: apache-2.0\nlicenses: {data: apache-2.0, document: apache-2.0}\n",
        ),
        "LIC002",
        V.WEIGHTS_AVAILABLE,
    ),
    "architecture": (
        changed(component("model-architecture", "config.json, code/model.py")),
        "WGT003",
        V.WEIGHTS_AVAILABLE,
    ),
    "tokenizer": (
        changed(component("tokenizer", "tokenizer.json")),
        "WGT004",
        V.WEIGHTS_AVAILABLE,
    ),
    "architecture code": (changed(", code/model.py]", "]"), "COD005", V.OPEN_WEIGHT),
    "training code": (
        changed(component("training-code", "code/train.py")),
        "COD001",
        V.OPEN_WEIGHT,
    ),
    "what is in train.py": (with_file("code/train.py", ""), "COD001", V.OPEN_WEIGHT),
    "training in train.py": (
        with_file("code/train.py", "def a():\n    b = 1\n    c = 2\n    d = 3\n    return b\n"),
        "COD001",
        V.OPEN_WEIGHT,
    ),
    "preprocessing code": (with_file("code/prepare.py", "x = 1\n"), "COD002", V.OPEN_WEIGHT),
    "evaluation code": (
        changed(component("evaluation-code", "code/evaluate.py")),
        "COD003",
        V.OPEN_WEIGHT,
    ),
    "inference code": (
        changed(component("inference-code", "code/generate.py")),
        "COD004",
        V.OPEN_WEIGHT,
    ),
    "data sources": (
        changed(OPEN_DESCRIPTION[OPEN_DESCRIPTION.index("  sources:") :].split("  processing")[0]),
        "DAT001",
        V.OPEN_WEIGHT,
    ),
    "a source's description": (
        changed("      description: Notes about garden birds.\n"),
        "DAT002",
        V.OPEN_WEIGHT,
    ),
    "where a source is": (changed("      files: [data/train.jsonl]\n"), "DAT002", V.OPEN_WEIGHT),
    "data card": (changed(component("data-card", "DATA.md")), "DAT003", V.OPEN_WEIGHT),
    "origin in the data card": (
        with_file("DATA.md", "# Data\n\n" + "Very good and very large. " * 30),
        "DAT003",
        V.OPEN_WEIGHT,
    ),
    "processing": (changed("  processing: Lines were joined.\n"), "DAT004", V.OPEN_WEIGHT),
    "filtering": (changed("  filtering: Nothing was removed.\n"), "DAT004", V.OPEN_WEIGHT),
    "training settings": (
        changed(component("training-configuration", "recipe.yaml")),
        "REP001",
        V.OPEN_WEIGHT,
    ),
    "approved license on code": (
        changed(
            component("training-code", "code/train.py"),
            "  training-code: {files: [code/train.py], license: cc-by-4.0}\n",
        ),
        "LIC004",
        V.OPEN_WEIGHT,
    ),
    "license of the release": (
        changed("\nlicense: apache-2.0\n", "\n"),
        "LIC001",
        V.OPEN_WEIGHT,
    ),
    "license text": (without("LICENSE"), "LIC005", V.OPEN_WEIGHT),
    "words in the license text": (with_file("LICENSE", "Apache-2.0\n"), "LIC005", V.OPEN_WEIGHT),
    "datasets": (changed(component("datasets", "data/train.jsonl")), "DAT005", V.OPEN_SOURCE),
    "records": (with_file("data/train.jsonl", ""), "DAT005", V.OPEN_SOURCE),
    "checkpoints": (
        changed(component("model-parameters-intermediate", "checkpoints")),
        "CKP001",
        V.OPEN_SOURCE,
    ),
    "all checkpoints but one": (
        without("checkpoints/step10/model.safetensors"),
        "CKP001",
        V.OPEN_SOURCE,
    ),
    "evaluation results": (with_file("results.json", '{"a": "b"}'), "EVA001", V.OPEN_SOURCE),
    "evaluation data": (
        changed(component("evaluation-data", "data/heldout.jsonl")),
        "EVA002",
        V.OPEN_SOURCE,
    ),
    "model card": (with_file("README.md", "# Sparrow\n"), "DOC001", V.OPEN_SOURCE),
    "paper": (changed(component("research-paper", "PAPER.md")), "DOC002", V.OPEN_SOURCE),
    "open license on documents": (
        changed("document: apache-2.0}", "document: cc-by-nc-4.0}"),
        "LIC006",
        V.OPEN_SOURCE,
    ),
    "data order": (changed(component("data-order", "data/order.csv")), "REP005", V.OPEN_SCIENCE),
    "seeds": (changed("  seeds: {initialization: 7}\n"), "REP003", V.OPEN_SCIENCE),
    "command": (changed("  command: python code/train.py\n"), "REP002", V.OPEN_SCIENCE),
    "sources of nondeterminism": (changed("  nondeterminism: []\n"), "REP006", V.OPEN_SCIENCE),
    "lock file": (without("requirements.lock"), "REP004", V.OPEN_SCIENCE),
    "what the lock file holds": (with_file("requirements.lock", ""), "REP004", V.OPEN_SCIENCE),
    "chain": (
        changed(OPEN_DESCRIPTION[OPEN_DESCRIPTION.index("checkpoints:\n  entries") :]),
        "CKP002",
        V.OPEN_SCIENCE,
    ),
    "a link of the chain": (changed(" parent: step10,"), "CKP002", V.OPEN_SCIENCE),
    "order of steps": (changed("step: 20,", "step: 5,"), "CKP002", V.OPEN_SCIENCE),
    "data between checkpoints": (changed("data: 10-19", "data: 15-19"), "CKP002", V.OPEN_SCIENCE),
    "the last checkpoint's identity": (
        with_file("checkpoints/step20/model.safetensors", "<safetensors w=3x3>"),
        "CKP002",
        V.OPEN_SCIENCE,
    ),
}


@pytest.mark.parametrize("what", REMOVALS)
def test_without_one_thing(what: str, tmp_path: Path) -> None:
    files, code, left = REMOVALS[what]
    report = judge(tmp_path, files)
    assert report.verdict is left
    assert code in {f.code for f in report.findings}
    above = left.next
    assert report.next_verdict is above
    assert code in {r.code for r in report.missing}
    assert all(r.verdict is not None and r.verdict.rank <= left.rank + 1 for r in report.missing)
    # Open science is open source and class I.
    assert (report.verdict.rank >= V.OPEN_SCIENCE.rank) == (
        report.verdict.rank >= V.OPEN_SOURCE.rank and report.mof.mof_class is MofClass.I
    )


def test_every_gate_is_missed_once() -> None:
    gates = {r.code for r in all_rules() if r.needs}
    assert gates == {code for _, code, _ in REMOVALS.values()}


def test_a_license_of_another_type_counts(tmp_path: Path) -> None:
    report = judge(tmp_path, changed("data: apache-2.0", "data: cc-by-4.0"))
    # The card still says apache-2.0, and so does the license file: that is no contradiction.
    assert report.verdict is V.OPEN_WEIGHT
    assert {"LIC005"} == {r.code for r in report.missing}


def test_no_exception_and_no_selection_changes_the_verdict(tmp_path: Path) -> None:
    files = changed(component("training-code", "code/train.py"))
    files["release.yaml"] += "exceptions:\n  - {rule: COD001, reason: It is not ours.}\n"
    report = judge(tmp_path, files)
    assert "COD001" not in {f.code for f in report.findings}
    assert [(e.rule, e.hidden) for e in report.exceptions] == [("COD001", 1)]
    assert report.verdict is V.OPEN_WEIGHT
    selected = judge(tmp_path, files, LintOptions(select=("WGT",), ignore=("WGT001",)))
    assert selected.findings == ()
    assert selected.verdict is V.OPEN_WEIGHT


REFERENCE = """  training-code:
    references:
      - {type: git, url: https://git.example/sparrow, commit: %s}
"""


def test_pinned_counts_when_accepted(tmp_path: Path) -> None:
    files = changed(component("training-code", "code/train.py"), REFERENCE % ("a" * 40))
    assert judge(tmp_path, files).verdict is V.OPEN_WEIGHT
    report = judge(tmp_path, files, pinned=True)
    assert report.verdict is V.REPLAYABLE
    assert report.pinned_accepted == 1


def test_each_column_says_what_it_takes_on_trust(tmp_path: Path) -> None:
    pinned = REFERENCE % ("a" * 40)
    files = changed(component("training-code", "code/train.py"), pinned)
    text = files["release.yaml"].replace(
        "  datasets: {files: [data/train.jsonl]}\n", pinned.replace("training-code", "datasets")
    )
    report = judge(tmp_path, files | {"release.yaml": text}, pinned=True)
    assert report.verdict is V.REPLAYABLE
    # OSAID asks for the code and not for the data; the EU's precondition for neither.
    trusted = report.pinned_accepted, report.mof.trusted, report.osaid.trusted, report.eu.trusted
    assert trusted == (2, 2, 1, 0)
    words = render_lint(report)
    assert re.search(r"evidenced +replayable +2 taken on trust\n", words)
    assert re.search(r"MOF 1.0 +class I +2 taken on trust\n", words)
    assert re.search(r"OSAID 1.0 +criteria met +on this evidence, 1 taken on trust\n", words)
    assert re.search(r"EU 53\(2\) +precondition holds +on this evidence\n", words)
    summary = render_summary(report)
    assert "| evidence | replayable (on this evidence, 2 taken on trust) |" in summary
    assert "| class I (on this evidence, 2 taken on trust) |" in summary
    assert "| criteria met (on this evidence, 1 taken on trust) |" in summary
    plain = lint_plain(report)
    assert plain["mof_pinned_accepted"] == 2
    assert [plain[k]["pinned_accepted"] for k in ("osaid", "eu")] == [1, 0]
    assert plain["options"]["accept_pinned"]
    assert sarif_plain(report)["runs"][0]["properties"]["pinnedAccepted"] == 2
    assert "2 pinned references taken on trust" in render_junit(report)
    without = judge(tmp_path, files | {"release.yaml": text})
    assert (without.mof.trusted, without.osaid.trusted, without.pinned_accepted) == (0, 0, 0)


def test_a_criterion_that_is_not_met_says_what_the_others_take_on_trust(tmp_path: Path) -> None:
    files = changed(component("training-code", "code/train.py"), REFERENCE % ("a" * 40))
    files["release.yaml"] = files["release.yaml"].replace(
        component("evaluation-code", "code/evaluate.py"), ""
    )
    report = judge(tmp_path, files, pinned=True)
    assert report.osaid.trusted == 1
    assert "lacks evaluation code; 1 taken on trust" in render_lint(report)
    assert report.mof.mof_class is MofClass.III
    assert report.mof.trusted == 1  # of class II, which lacks the other one


def test_the_table_of_the_eu_says_what_it_takes_on_trust(tmp_path: Path) -> None:
    pinned = REFERENCE.replace("training-code", "model-parameters-final") % ("a" * 40)
    files = changed(component("model-parameters-final", "model.safetensors"), pinned)
    files["release.yaml"] += "monetized: false\n"
    files["release.yaml"] = files["release.yaml"].replace(
        "training:\n", "training:\n  compute_flops: 1.0e+20\n"
    )
    release = load_release(write(tmp_path, files), accept_pinned=True)
    assert lint(release).eu.trusted == 1
    rows = {r.subject: r for r in eu_table(release).conditions + eu_table(release).duties}
    assert "taken on trust: the final weights are declared" in rows["public weights"].detail
    waived = rows["technical documentation, Annex XI"]
    assert waived.status == "waived"
    assert waived.detail.startswith("on this evidence, 1 taken on trust, the conditions")


@pytest.mark.parametrize("pinned", [False, True])
def test_what_is_not_pinned_never_counts(tmp_path: Path, *, pinned: bool) -> None:
    reference = REFERENCE.replace("commit: %s", "branch: main")
    files = changed(component("training-code", "code/train.py"), reference)
    report = judge(tmp_path, files, pinned=pinned)
    assert report.verdict is V.OPEN_WEIGHT
    assert report.declared_verdict is V.REPLAYABLE


def test_withheld_is_not_declared(tmp_path: Path) -> None:
    withheld = "  training-code: {withheld: {reason: It is not ours.}}\n"
    report = judge(tmp_path, changed(component("training-code", "code/train.py"), withheld))
    assert report.verdict is V.OPEN_WEIGHT
    assert report.declared_verdict is V.OPEN_WEIGHT
    assert [f.message for f in report.findings if f.code == "COD001"] == [
        "the training code is withheld: It is not ours."
    ]


def test_a_pointer_is_undecided(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    report = judge(tmp_path, with_file("model.safetensors", pointer))
    assert report.verdict is V.CLOSED
    assert report.eu.status is Status.UNDECIDED
    options = LintOptions(require=V.WEIGHTS_AVAILABLE)
    assert judge(tmp_path, OPEN_FILES | {"model.safetensors": pointer}, options).exit_code == 4


def test_declarations_alone(tmp_path: Path) -> None:
    files = {"release.yaml": OPEN_FILES["release.yaml"]}
    report = judge(tmp_path, files, LintOptions(declared=True))
    assert report.verdict is V.REPLAYABLE
    assert judge(tmp_path, files).verdict is V.CLOSED


@pytest.mark.parametrize(
    ("files", "options", "code"),
    [
        pytest.param(OPEN_FILES, LintOptions(require=V.REPLAYABLE), 0, id="required and reached"),
        pytest.param(without("requirements.lock"), LintOptions(), 0, id="advice does not fail"),
        pytest.param(
            without("requirements.lock"), LintOptions(require=V.REPLAYABLE), 1, id="required"
        ),
        pytest.param(
            with_file("code/train.py", ""), LintOptions(), 0, id="a warning does not fail"
        ),
        pytest.param(
            with_file("code/train.py", ""),
            LintOptions(fail_on=Severity.WARNING),
            1,
            id="a warning fails when asked",
        ),
        pytest.param(without("model.safetensors"), LintOptions(), 1, id="files that are missing"),
    ],
)
def test_exit_codes(files: dict[str, str], options: LintOptions, code: int, tmp_path: Path) -> None:
    assert judge(tmp_path, files, options).exit_code == code


def test_claim_beyond_evidence_fails(tmp_path: Path) -> None:
    files = changed(component("training-code", "code/train.py"))
    files["release.yaml"] += "claim: open-source\n"
    report = judge(tmp_path, files)
    assert report.exit_code is ExitCode.FINDINGS
    (finding,) = (f for f in report.findings if f.code == "CLM001")
    assert "training code" in finding.message
    assert finding.location is not None
    assert finding.location.line == files["release.yaml"].count("\n")
    files["release.yaml"] += "exceptions:\n  - {rule: CLM001, reason: Marketing insists.}\n"
    report = judge(tmp_path, files)
    assert report.exit_code is ExitCode.FINDINGS
    assert {"CLM001", "EXC001"} <= {f.code for f in report.findings}


def test_findings_alike_share_their_remedy_and_are_not_all_shown(tmp_path: Path) -> None:
    report = judge(tmp_path, {f"model-{i}.pt": "<pickle>" for i in range(9)})
    text = render_lint(report)
    assert text.count("  SAF001  ") == 3
    assert "          and 6 more like it: --verbose shows them\n" in text
    assert text.count("Publish the weights as safetensors") == 1
    full = render_lint(report, verbose=True)
    assert full.count("  SAF001  ") == 9
    assert full.count("Publish the weights as safetensors") == 1
