"""Targets: documents that the toolkit owns, and its proofs."""

from __future__ import annotations

import json
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

from targets import (
    DATA,
    DEMO,
    JSON,
    VECTORS,
    YAML,
    as_json,
    every,
    files,
    given,
    in_file,
    target,
)  # fmt: skip
from weights import T, release, safetensors

from manifest.draft import draft_description
from manifest.errors import ManifestError
from manifest.lint import lint
from manifest.lint.release import release_of
from manifest.render.lint_json import render_lint_json
from manifest.sources.memory import MemorySource


@target(
    "strict-json", "strict_json.loads", seeds=as_json({"a": [1, -2.5, "x", None]}, []), tokens=JSON
)
def _(data: bytes) -> object:
    from manifest import strict_json

    return strict_json.loads(data, what="it", max_bytes=1 << 16, max_depth=16)


@target(
    "yaml",
    "document.yaml_text.parse_yaml",
    "document.yaml_events.read_mapping",
    "document.yaml_edit.places",
    seeds=given("a: 1\nb: [x, {y: z}]\nc: |\n  text\nd: 'q'\n", "schema_version: '1.0'\n"),
    tokens=YAML,
)
def _(data: bytes) -> object:
    from manifest.document.yaml_edit import places
    from manifest.document.yaml_text import parse_yaml

    document = parse_yaml(data, name="it")
    places(data, name="it")
    return document.root


@target(
    "description",
    "document.description.parse_description",
    "document.replay.replay_recipe",
    seeds=lambda: [(DEMO / "release.yaml").read_bytes(), *_yaml_examples()],
    tokens=(*YAML, "components:", "files:", "license:", "roots:", "base_models:", "x-a:"),
)
def _(data: bytes) -> object:
    from manifest.document.description import parse_description
    from manifest.document.replay import replay_recipe

    return replay_recipe(parse_description(data))


def _yaml_examples() -> list[bytes]:
    head = 'schema_version: "1.0"\nname: a/b\nversion: 1\ndescribed_by: publisher\n'
    return [
        f"{head}license: MIT OR Apache-2.0\ncomponents:\n  datasets: {{files: [data/], inventory: "
        "{path: d.jsonl, directory: data/x}}\n".encode(),
        f"{head}checkpoints:\n  pattern: 'step{{step}}'\n  entries: [{{name: a, step: 1}}]\n".encode(),
        f"{head}training: {{replay: {{command: [a, '{{output}}']}}, seeds: {{a: 1}}}}\n".encode(),
    ]


@target(
    "manifest",
    "document.manifest_file.parse_manifest",
    "document.manifest_file.load_manifest_json",
    seeds=lambda: [(VECTORS / "release" / "manifest.json").read_bytes(), _weights_manifest()],
    tokens=JSON,
)
def _(data: bytes) -> object:
    from manifest.document.manifest_file import dump_manifest, parse_manifest

    manifest = parse_manifest(data)
    assert parse_manifest(dump_manifest(manifest)) == manifest
    return manifest.description()


def _weights_manifest() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        release(Path(directory), {"m.safetensors": safetensors(T("a", b"aaaa"), T("b", b""))})
        return (Path(directory) / "manifest.json").read_bytes()


def _inventory() -> list[bytes]:
    from manifest.inventory.lines import InventoryEntry, InventoryWriter

    lines = BytesIO()
    writer = InventoryWriter(lines.write, blake3=True)
    for name in ("a", "b/c", "d\u00e9"):
        writer.add(InventoryEntry(name, 3, "1" * 64, "2" * 64))
    return [lines.getvalue()]


@target("inventory", "inventory.lines.InventoryReader", seeds=_inventory, tokens=JSON)
def _(data: bytes) -> object:
    from manifest.inventory.lines import InventoryReader

    reader = InventoryReader(BytesIO(data).read, what="it")
    list(reader)
    return reader.binding()


@target(
    "names-and-patterns",
    "inventory.globs.compile_glob",
    "inventory.paths.check_path",
    seeds=given("a/b", "**/*.bin", "[!a-z]?", "step{step}-tokens{tokens}", "acme/*", "1.10rc1"),
    tokens=("**", "*", "?", "[", "]", "{step}", "{tokens}", "/", "..", "\\"),
)
def _(data: bytes) -> object:
    from manifest.display import printable
    from manifest.document.name_patterns import match_name, pattern_problem
    from manifest.inventory import compile_glob
    from manifest.inventory.paths import check_path, collisions
    from manifest.policy.names import matches
    from manifest.policy.names import pattern_problem as policy_problem
    from manifest.policy.versions import compare_versions
    from manifest.readers.checkpoint_names import facts_of, parse_count

    text = data[:2000].decode("utf-8", "surrogateescape")
    one, _, other = text.partition("\n")
    assert printable(text).isprintable()
    if pattern_problem(one) is None:
        match_name(one, other[:200])
    if policy_problem(one) is None:
        matches(one, other[:200])
    compare_versions(one, other)
    facts_of(one)
    parse_count(one)
    collisions([part for part in other.split("/") if part])
    for call in (check_path, compile_glob):
        try:
            made = call(one)
        except ManifestError:
            continue
        if not isinstance(made, str):
            made.matches(other[:200])
    return None


@target(
    "license-expression",
    "licenses.expressions.assess",
    seeds=given(
        "MIT OR (Apache-2.0 AND CC-BY-4.0)", "GPL-2.0-only WITH Classpath-exception-2.0", "llama3.1"
    ),
    tokens=(" OR ", " AND ", " WITH ", "(", ")", "LicenseRef-a", "MIT", "+"),
)
def _(data: bytes) -> object:
    from manifest.licenses import assess, same_license
    from manifest.licenses.expressions import is_allowed

    text = data[:4000].decode("utf-8", "replace")
    same_license(text, "MIT")
    is_allowed(text, ["MIT"])
    return assess(text, "data")


@target(
    "license-text",
    "licenses.texts.recognise",
    "licenses.terms.restrictions",
    seeds=files("licenses/MIT.txt", "licenses/BSD-3-Clause.txt", "licenses/CC0-1.0.txt"),
    tokens=("Copyright (c) ", "non-commercial", "research purposes only", "not permitted", ". "),
)
def _(data: bytes) -> object:
    from manifest.licenses import recognise
    from manifest.licenses.terms import restrictions

    list(restrictions(data.decode("utf-8", "replace")))
    return recognise(data)


@target(
    "policy",
    "policy.reading.parse_policy",
    seeds=lambda: [_policy()],
    tokens=(
        *YAML,
        "signers:",
        "attestations:",
        "type: replay",
        "sha256:",
        "valid_until: ",
        "tofu: true",
    ),
)
def _(data: bytes) -> object:
    from manifest.policy.reading import parse_policy

    return parse_policy(data, name="it", directory=Path("/nonexistent"))


def _policy() -> bytes:
    from manifest.policy.drafting import draft_policy
    from manifest.signing.keys import load_public

    return draft_policy({"a": load_public((DATA / "oms" / "p256.pub").read_bytes())}, release="a/b")


@target(
    "policy-state",
    "policy.state.read_state",
    seeds=as_json(
        {
            "schema_version": "1.0",
            "releases": {"a/b": {"version": "1", "manifest_sha256": "1" * 64}},
            "pins": {},
        }
    ),
    tokens=JSON,
)
def _(data: bytes) -> object:
    from manifest.policy.state import read_state

    return in_file(data, read_state)


@target("baseline", "lint.baseline.parse_baseline", seeds=lambda: [_lint_report()], tokens=JSON)
def _(data: bytes) -> object:
    from manifest.lint.baseline import parse_baseline

    return parse_baseline(data, name="it")


def _lint_report() -> bytes:
    source = MemorySource({"README.md": b"# A model\n", "model.safetensors": b"broken"})
    report = lint(release_of(draft_description(source), source))
    return render_lint_json(report).encode()


# Commitments.


def _proofs() -> list[bytes]:
    plain = json.loads((VECTORS / "commitments.json").read_bytes())
    found = [json.dumps(plain).encode()]

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            found.append(json.dumps(node).encode())
            for inner in node.values():
                walk(inner)
        elif isinstance(node, list):
            for inner in node:
                walk(inner)

    walk(plain)
    return [(VECTORS / "commitment.json").read_bytes(), *found[:40]]


@target(
    "commitments",
    "commitments.forms.parse_commitment",
    "commitments.forms.parse_proof",
    "commitments.forms.parse_secrets",
    "commitments.verification.check_proof",
    "commitments.vrf.is_valid_key",
    "commitments.vrf.verify",
    seeds=_proofs,
    tokens=(*JSON, "presence", "absence", "root", "path", "index"),
)
def _(data: bytes) -> object:
    from manifest.commitments import vrf
    from manifest.commitments.forms import parse_commitment, parse_proof, parse_secrets
    from manifest.commitments.verification import check_proof

    commitment = parse_commitment((VECTORS / "commitment.json").read_bytes())
    vrf.is_valid_key(data[:32])
    vrf.verify(data[:32], b"alpha", data[32:112])
    every(data, parse_commitment, parse_secrets, lambda d: check_proof(parse_proof(d), commitment))
    return None


@target(
    "records",
    "commitments.records.cut",
    "commitments.parquet.cut_parquet",
    seeds=lambda: [b'{"a": 1}\n{"a": 2}\r\n\n"x"\n', "é\n\n".encode(), *_parquet()],
    tokens=(*JSON, "\n", "\r\n", "PAR1"),
)
def _(data: bytes) -> object:
    from manifest.commitments.records import Format, cut, list_sources

    def read(path: Path) -> object:
        for form in (Format.JSONL, Format.TEXT, Format.PARQUET):
            if form is Format.PARQUET and data[:4] != b"PAR1":
                continue
            try:
                for _ in cut(list_sources([path]), form):
                    pass
            except ManifestError:
                continue
        return None

    return in_file(data, read, "records.jsonl")


def _parquet() -> list[bytes]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return []
    out = BytesIO()
    pq.write_table(pa.table({"text": ["a", "b", None], "n": [1, 2, 3]}), out)
    return [out.getvalue()]
