"""Writes the test vectors that stand beside this script, and the examples in the pages above.

    python -m spec.vectors.generate                  write them where they stand
    python -m spec.vectors.generate --into X/vectors  write them there, and the pages into X

What is accepted and what is refused is decided in `vector_tables.py` and `vector_signed.py`, by
hand; the script stops when the implementation disagrees. Digests and bytes are computed.
Signatures that still verify are kept, because ECDSA gives others each time; when what they sign
has changed, new throw-away keys are made and their private halves forgotten.
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import hashlib
import io
import json
import struct
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from manifest import strict_json
from manifest.build import assemble, build
from manifest.document.description import description_from_plain
from manifest.document.manifest_file import ManifestFile, dump_manifest
from manifest.document.schema import load_schema
from manifest.document.yaml_text import parse_yaml, to_plain
from manifest.errors import DocumentError, ManifestError
from manifest.inventory import (
    FileEntry,
    collisions,
    compile_glob,
    glob_problem,
    path_problem,
    tree_digest,
)
from manifest.inventory.clashes import Clashes
from manifest.inventory.lines import Binding, InventoryReader
from manifest.licenses import assess
from manifest.signing import dsse, keys
from manifest.signing.signer import sign_payload
from manifest.signing.statement import build_statement, parse_statement
from manifest.signing.verification import verify_signature
from manifest.verify.run import verify
from spec.vectors import spec_pages
from spec.vectors import vector_commitments as committed
from spec.vectors import vector_inventories as bytes_of
from spec.vectors import vector_signed as signed
from spec.vectors import vector_tables as tables
from spec.vectors import vector_tensors as tensors

HERE = Path(__file__).resolve().parent
SPEC = HERE.parent


class DisagreementError(Exception):
    """The implementation does not do what a table says."""


def expect(wanted: object, found: object, case: object) -> None:
    """Stop when the implementation and the table differ."""
    if wanted != found:
        raise DisagreementError(f"{case!r}: the table says {wanted!r}, the code {found!r}")


def accepts(function: Callable[[], Any]) -> bool:
    """Whether a call returns instead of refusing."""
    try:
        function()
    except ManifestError:
        return False
    return True


def vectors(about: str, cases: list[Any]) -> bytes:
    """A vector file: one case a line."""
    lines = ",\n".join(f"    {json.dumps(case)}" for case in cases)
    return f'{{\n  "about": {json.dumps(about)},\n  "cases": [\n{lines}\n  ]\n}}\n'.encode()


def paths() -> bytes:
    """Which paths are accepted."""
    cases = []
    for path, accepted in tables.PATHS:
        expect(accepted, path_problem(path) is None, path)
        cases.append({"path": path, "accepted": accepted})
    return vectors("Whether a path may stand in a manifest or a statement.", cases)


def name_collisions() -> bytes:
    """Which names are one file on some systems."""
    cases = []
    for names, groups in tables.COLLISIONS:
        expect(groups, [list(group) for group in collisions(names)], names)
        cases.append({"paths": names, "collide": groups})
    return vectors("Groups of names that differ only in letter case or Unicode form.", cases)


def globs() -> bytes:
    """What patterns match."""
    cases: list[dict[str, Any]] = []
    for pattern, matches, misses in tables.GLOBS:
        matcher = compile_glob(pattern)
        for path in (*matches, *misses):
            expect(path in matches, matcher.matches(path), (pattern, path))
        cases.append({"glob": pattern, "accepted": True, "matches": matches, "misses": misses})
    for pattern in tables.BAD_GLOBS:
        expect(False, glob_problem(pattern) is None, pattern)
        cases.append({"glob": pattern, "accepted": False})
    return vectors("Which paths a glob matches, and which globs are refused.", cases)


def trees() -> bytes:
    """Root digests over lists of files."""
    cases = []
    for about, contents in tables.TREES:
        entries = [
            FileEntry(path, len(data), hashlib.sha256(data.encode()).hexdigest())
            for path, data in contents
        ]
        files = [{"path": e.path, "size": e.size, "sha256": e.sha256} for e in entries]
        cases.append({"about": about, "files": files, "root_digest": tree_digest(entries)})
    return vectors("The root digest of files of one root, in whatever order they come.", cases)


def manifests() -> bytes:
    """The bytes of manifest.json for descriptions and lists of files."""
    cases = []
    for about, description, listed in tables.MANIFESTS:
        files = [
            ManifestFile(path, size, hashlib.sha256(path.encode()).hexdigest(), root=root)
            for root, path, size in listed
        ]
        manifest = assemble(description_from_plain(description), files)
        plain = [
            {"root": f.root, "path": f.path, "size": f.size, "sha256": f.sha256} for f in files
        ]
        text = dump_manifest(manifest).decode()
        cases.append({"about": about, "description": description, "files": plain, "bytes": text})
    return vectors("The only bytes of a manifest, as text in UTF-8.", cases)


def json_documents() -> bytes:
    """Which JSON is read."""
    cases = []
    for about, document, accepted in tables.JSON:
        found = accepts(
            lambda d=document: strict_json.loads(d, what="x", max_bytes=10_000, max_depth=64)  # type: ignore[misc]  # bound at once
        )
        expect(accepted, found, about)
        encoded = base64.b64encode(document).decode()
        cases.append({"about": about, "base64": encoded, "accepted": accepted})
    return vectors("Whether a JSON document is read, with at most 64 levels.", cases)


def yaml_documents() -> bytes:
    """What YAML says under the schema of a description."""
    schema = load_schema("description")
    cases: list[dict[str, Any]] = []
    for about, text, value in tables.YAML:
        plain = to_plain(parse_yaml(text.encode(), name="x"), schema)
        expect(json.dumps(value), json.dumps(plain), about)
        cases.append({"about": about, "yaml": text, "accepted": True, "value": plain})
    for about, text in tables.BAD_YAML:
        found = accepts(lambda t=text: to_plain(parse_yaml(t.encode(), name="x"), schema))  # type: ignore[misc]  # bound at once
        expect(False, found, about)
        cases.append({"about": about, "yaml": text, "accepted": False})
    return vectors("Plain values of YAML read under the schema of a description.", cases)


def encodings() -> bytes:
    """Pre-authentication encodings."""
    cases = [
        {
            "payload_type": kind,
            "payload_hex": payload.hex(),
            "pae_hex": dsse.pae(kind, payload).hex(),
        }
        for kind, payload in signed.ENVELOPES
    ]
    return vectors("The bytes that are signed for a payload and its type (DSSE).", cases)


def statements() -> bytes:
    """Statements accepted and refused."""
    good = build_statement("example/tiny", signed.RESOURCES, signed.IGNORED)
    cases: list[dict[str, Any]] = []
    for about, change, accepted in signed.STATEMENTS:
        value = json.loads(good)
        change(value)
        text = json.dumps(value, separators=(",", ":"))
        expect(accepted, accepts(lambda t=text: parse_statement(t.encode())), about)  # type: ignore[misc]  # bound at once
        case = {"about": about, "statement": text, "accepted": accepted}
        if accepted and (root := parse_statement(text.encode()).root_digest):
            case["root_digest"] = root  # the format before OMS 1.0 has none
        cases.append(case)
    cases.append({"about": "a duplicate key", "statement": signed.DUPLICATE, "accepted": False})
    expect(False, accepts(lambda: parse_statement(signed.DUPLICATE.encode())), "duplicate key")
    return vectors("Whether a signed statement is accepted, whoever signed it.", cases)


def license_assessments() -> bytes:
    """Which licenses are open for which content."""
    cases = []
    for expression, content, status in tables.LICENSES:
        expect(status, str(assess(expression, content).status), (expression, content))
        cases.append({"license": expression, "content_type": content, "status": status})
    return vectors("Whether a license is open for a type of content.", cases)


def commitments() -> dict[str, bytes]:
    """Commitments to records, and proofs accepted and refused."""
    cases, example = committed.cases()
    about = "Records, the commitment to them under a secret, and whether a proof holds under it."
    return {"commitments.json": vectors(about, cases), "commitment.json": example}


def inventories() -> bytes:
    """Which bytes are an inventory, and what binds it."""

    def bound(data: bytes) -> Binding:
        clashes = Clashes()
        reader = InventoryReader(io.BytesIO(data).read, what="inventory")
        for batch in reader.batches():
            clashes.add(entry.path for entry in batch)
        if clashes.suspects():
            raise DocumentError("names clash")
        return reader.binding()

    cases: list[dict[str, Any]] = []
    for wanted, table in ((True, bytes_of.GOOD), (False, bytes_of.BAD)):
        for about, data in table:
            expect(wanted, accepts(lambda data=data: bound(data)), about)  # type: ignore[misc]
            case = {"about": about, "base64": base64.b64encode(data).decode(), "accepted": wanted}
            cases.append(case | (dataclasses.asdict(bound(data)) if wanted else {}))
    return vectors("Which bytes are an inventory, and what a manifest binds it by.", cases)


def is_good(bundle: bytes, public: str, payload: bytes) -> bool:
    """Whether a bundle is by this key, over this payload."""
    try:
        key = keys.load_public(public.encode())
        return verify_signature(bundle, keys=[key]).payload == payload
    except ManifestError:
        return False


def kept_or_new(kind: keys.KeyKind, payload: bytes, old: tuple[str, str] | None) -> tuple[str, str]:
    """A public key and a bundle by it over the payload: the old ones while they are good."""
    if old is not None and is_good(old[1].encode(), old[0], payload):
        return old
    private = keys.generate(kind)
    return keys.public_pem(private.public).decode(), sign_payload(payload, private).decode()


def signatures() -> bytes:
    """Bundles accepted and refused."""
    payload = build_statement("example/tiny", signed.RESOURCES, signed.IGNORED)
    before: dict[str, tuple[str, str]] = {}
    if (HERE / "signatures.json").exists():
        for case in json.loads((HERE / "signatures.json").read_text())["cases"]:
            before.setdefault(case["about"], (case["key"], case["bundle"]))
    cases = []
    good: dict[keys.KeyKind, tuple[str, str]] = {}
    for kind in keys.KeyKind:
        about = f"{kind}, as it is written"
        good[kind] = kept_or_new(kind, payload, before.get(about))
        public, bundle = good[kind]
        cases.append({"about": about, "key": public, "bundle": bundle, "accepted": True})
    public, bundle = good[keys.KeyKind.ECDSA_P256]
    for about, change, accepted in signed.BUNDLES:
        value = json.loads(bundle)
        changed = change(value, public) or json.dumps(value)
        expect(accepted, is_good(changed.encode(), public, payload), about)
        cases.append({"about": about, "key": public, "bundle": changed, "accepted": accepted})
    other = good[keys.KeyKind.ED25519][0]
    expect(False, is_good(bundle.encode(), other, payload), "another key")
    cases.append({"about": "another key", "key": other, "bundle": bundle, "accepted": False})
    return vectors("Whether a bundle is by this key, over the payload it holds.", cases)


def tiny_safetensors() -> bytes:
    """One tensor of four numbers."""
    header = json.dumps({"table": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}})
    padded = header + " " * (-len(header) % 8)
    return struct.pack("<Q", len(padded)) + padded.encode() + struct.pack("<4f", 0.0, 0.5, 1.0, 2.0)


def release() -> dict[str, bytes]:
    """A whole release: built, and signed by a throw-away key."""
    source = HERE / "release"
    inputs = {p.name: p.read_bytes() for p in source.iterdir()}
    inputs.pop("manifest.json", None)
    old_signature = inputs.pop("model.sig", b"")
    inputs["model.safetensors"] = tiny_safetensors()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "tiny"
        directory.mkdir()
        for path, data in inputs.items():
            (directory / path).write_bytes(data)
        inputs["manifest.json"] = build(directory).data
    resources = [(path, hashlib.sha256(data).hexdigest()) for path, data in inputs.items()]
    payload = build_statement("tiny", resources, signed.IGNORED)
    old_key = HERE / "key.pub"
    old = (old_key.read_text(), old_signature.decode()) if old_key.exists() else None
    public, bundle = kept_or_new(keys.KeyKind.ECDSA_P256, payload, old)
    files = {f"release/{path}": data for path, data in inputs.items()}
    return {**files, "release/model.sig": bundle.encode(), "key.pub": public.encode()}


def change(directory: Path, step: list[str]) -> None:
    """Do to a release what a scenario says."""
    path = directory / step[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    match step[0]:
        case "write":
            path.write_bytes(step[2].encode())
        case "append":
            path.write_bytes(path.read_bytes() + step[2].encode())
        case "remove":
            path.unlink()
        case "rename":
            path.rename(directory / step[2])
        case "link":
            path.symlink_to(step[2])


def verifications(files: Mapping[str, bytes]) -> bytes:
    """What verification says of the release after something was done to it."""
    cases = []
    weights = files["release/model.safetensors"]
    key = keys.load_public(files["key.pub"])
    for about, steps, options, code, problems in signed.scenarios(
        hashlib.sha256(weights).hexdigest(), len(weights)
    ):
        with tempfile.TemporaryDirectory() as name:
            for path, data in files.items():
                (Path(name) / path).parent.mkdir(exist_ok=True)
                (Path(name) / path).write_bytes(data)
            for step in steps:
                change(Path(name) / "release", step)
            given: dict[str, Any] = {k: v for k, v in options.items() if k != "key"}
            trusted = [key] if options.get("key", True) else []
            report = verify(Path(name) / "release", keys=trusted, **given)
        found = [[str(p.kind), p.path] for p in report.problems]
        expect((code, problems), (int(report.exit_code), found), about)
        cases.append(
            {"about": about, "do": steps, "options": options, "exit_code": code, "files": problems}
        )
    return vectors(
        "The release after something was done to it: exit code, and what differs.", cases
    )


def all_vectors() -> dict[str, bytes]:
    """Every generated file by its name."""
    files = release()
    return {
        "verification.json": verifications(files),
        "paths.json": paths(),
        "collisions.json": name_collisions(),
        "globs.json": globs(),
        "tree.json": trees(),
        "manifests.json": manifests(),
        "json.json": json_documents(),
        "yaml.json": yaml_documents(),
        "dsse.json": encodings(),
        "statements.json": statements(),
        "signatures.json": signatures(),
        "licenses.json": license_assessments(),
        "inventories.json": inventories(),
        "tensors.json": vectors(
            "The digest over tensors, each given by its bytes, in whatever order they come.",
            list(tensors.cases()),
        ),
        **commitments(),
        **files,
    }


def main() -> None:
    """Write the vectors, and the pages of the folder above them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=HERE, help="a folder of its own")
    target: Path = parser.parse_args().into
    generated = all_vectors()
    for path in sorted(SPEC.glob("*.md")):
        generated[f"../{path.name}"] = spec_pages.page(path.read_text("utf-8"), generated).encode()
    for name, data in generated.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(data)


if __name__ == "__main__":
    main()
