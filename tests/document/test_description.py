"""Descriptions: what is valid, what is refused, and where the message points."""

from __future__ import annotations

import pytest

from manifest.document.components import KINDS, ContentType, resolve_kind
from manifest.document.description import parse_description
from manifest.document.references import ReferenceType
from manifest.errors import DocumentError, UndecidedError

HEAD = 'schema_version: "1.0"\nname: a/b\nversion: "1"\ndescribed_by: publisher\n'
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("nmae: x\n", "release.yaml", "unknown field `nmae`"),
        ("claim: open\n", "release.yaml:5: claim", '"open" is not one of closed'),
        ("release_date: 31.1.2026\n", "release.yaml:5: release_date", "A day, as 2026-01-31"),
        ("components:\n  weights2:\n    files: [x]\n", "release.yaml:6", "not a kind of component"),
        ("components:\n  datasets:\n    files: x\n", "components.datasets.files", "not an array"),
        (
            "components:\n  datasets:\n    files: [x]\n    withheld: {reason: private}\n",
            "components.datasets",
            "withheld and published at once",
        ),
        ("model: {parameters: many}\n", "model.parameters", "not an integer"),
        ("model: {parameters: -1}\n", "model.parameters", "below 0"),
        ("model: {parameters: 1.5}\n", "model.parameters", "not an integer"),
        ("license:\n", "release.yaml:5: license", "is empty"),
        ('release_date: "2026-01-31\\n"\n', "release.yaml:5: release_date", "A day"),
        (
            "components:\n  datasets:\n    references: [{type: git, url: 'ssh://x'}]\n",
            "components.datasets.references[0].url",
            "An http or https address",
        ),
        (
            f"components:\n  datasets:\n    references: [{{type: git, commit: {COMMIT}}}]\n",
            "components.datasets.references[0]",
            "`url` is missing",
        ),
        (
            "components:\n  datasets:\n    references: [{type: svn, url: 'https://x'}]\n",
            "components.datasets.references[0].type",
            "not one of git",
        ),
        (
            "checkpoints:\n  entries: [{name: step1}, {name: step1}]\n",
            "checkpoints.entries[1]",
            "a second checkpoint is called step1",
        ),
        ("exceptions: [{rule: LIC1, reason: x}]\n", "exceptions[0].rule", "form it must have"),
    ],
)
def test_a_bad_field_is_named_with_its_place(text: str, place: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_description((HEAD + text).encode())
    assert place in caught.value.message
    assert message in caught.value.message
    assert caught.value.remedy


def test_every_bad_field_is_named_at_once() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_description((HEAD + "claim: x\nhomepage: y\nlicense:\n").encode())
    assert caught.value.message.count("release.yaml:") == 3


@pytest.mark.parametrize(
    ("version", "error"),
    [("2.0", UndecidedError), ("10.3", UndecidedError), ("1", DocumentError), ("x", DocumentError)],
)
def test_versions(version: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_description(HEAD.replace('"1.0"', f'"{version}"').encode())


def test_a_later_minor_version_and_own_fields_are_read() -> None:
    text = HEAD.replace('"1.0"', '"1.7"') + "x-internal: {ticket: 12}\n"
    assert parse_description(text.encode()).fields["x-internal"] == {"ticket": 12}


def test_everything_is_typed() -> None:
    text = HEAD + (
        "claim: open-source\nlicense: Apache-2.0\nlicenses: {data: CC-BY-4.0}\n"
        "base_models:\n  - {name: b/c, relation: quantized, license: mit,\n"
        f"     reference: {{type: huggingface, repo: b/c, revision: {COMMIT}}}}}\n"
        "components:\n"
        "  model-parameters-final: {files: [model.safetensors]}\n"
        "  corpus: {kind: datasets, withheld: {reason: private, obtain: by contract}}\n"
        f"  training-code:\n    references: [{{type: git, url: 'https://h/r', commit: {COMMIT}}}]\n"
        "data:\n  sources: [{name: web, access: public, url: 'https://x.org', tokens: 12}]\n"
        "checkpoints:\n  entries: [{name: step1, step: 1}]\n"
        "evaluation:\n  results: [{task: t, metric: acc, value: 0.5}]\n"
    )
    d = parse_description(text.encode())
    assert d.claim == "open-source"
    assert [c.kind.id for c in d.components] == [
        "model-parameters-final",
        "datasets",
        "training-code",
    ]
    weights, corpus, code = d.components
    assert d.license_of(weights) == "CC-BY-4.0"
    assert d.license_of(code) == "Apache-2.0"
    assert corpus.withheld is not None
    assert corpus.withheld.obtain == "by contract"
    assert code.references[0].type is ReferenceType.GIT
    assert code.references[0].is_pinned
    assert d.base_models[0].reference is not None
    assert d.base_models[0].reference.pin == COMMIT
    assert (d.sources[0].tokens, d.checkpoints[0].step, d.results[0].value) == (12, 1, 0.5)
    assert d.line("components.corpus.withheld.reason") == 13


@pytest.mark.parametrize("revision", ["main", "v1.0", COMMIT[:12], COMMIT.upper()])
def test_a_branch_or_short_commit_is_no_pin(revision: str) -> None:
    text = HEAD + (
        f"base_models: [{{name: x, reference: {{type: huggingface, repo: a/b, "
        f"revision: {revision}}}}}]\n"
    )
    reference = parse_description(text.encode()).base_models[0].reference
    assert reference is not None
    assert not reference.is_pinned
    assert revision in str(reference)


def test_kinds_are_found_by_id_alias_and_framework_title() -> None:
    for kind in KINDS.values():
        for name in (kind.id, kind.title, kind.title.upper(), *kind.aliases):
            assert resolve_kind(name) is kind
    assert resolve_kind("weights") is KINDS["model-parameters-final"]
    assert resolve_kind("nothing") is None
    assert {k.content_type for k in KINDS.values()} == set(ContentType)
    assert sum(1 for k in KINDS.values() if k.mof_class) == 17
