"""The test vectors: what stands in spec/ is what the generator writes, and others agree with it."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "spec"
VECTORS = SPEC / "vectors"

# Written by hand: the scripts, the page about the vectors, and the inputs of the release.
BY_HAND = {
    "generate.py",
    "spec_pages.py",
    "vector_tables.py",
    "vector_signed.py",
    "vector_commitments.py",
    "vector_inventories.py",
    "vector_tensors.py",
    "README.md",
}


def load(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))["cases"]
    assert cases
    return cases


def about(case: dict[str, Any]) -> str:
    return str(case["about"]).replace(" ", "-")


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("spec")
    script = [sys.executable, "-m", "spec.vectors.generate", "--into", str(directory / "vectors")]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return directory


def test_vectors_and_pages_are_those_that_the_generator_writes(again: Path) -> None:
    written = sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    assert written
    for path in written:
        assert (SPEC / path).read_bytes() == (again / path).read_bytes(), f"{path}: `make spec`"
    unknown = {
        p.relative_to(SPEC)
        for p in VECTORS.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    } - set(written)
    assert {p.name for p in unknown} == BY_HAND


# From here on, the vectors are computed again by other means than the package's own.


def root_digest(files: list[dict[str, Any]]) -> str:
    """The root digest of spec/manifest.md, from its text."""
    lines = []
    for file in sorted(files, key=lambda f: (f.get("root", "").encode(), f["path"].encode())):
        parts = [file["root"]] if file.get("root") else []
        lines.append("\0".join([*parts, file["path"], str(file["size"]), file["sha256"]]) + "\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.mark.parametrize("case", load("tree.json"), ids=about)
def test_root_digest_by_hand(case: dict[str, Any]) -> None:
    assert root_digest(case["files"]) == case["root_digest"]


def test_names_are_part_of_the_root_digest() -> None:
    digests = [case["root_digest"] for case in load("tree.json")]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("case", load("tensors.json"), ids=about)
def test_weights_digest_by_hand(case: dict[str, Any]) -> None:
    def text(value: str) -> bytes:
        return len(value.encode()).to_bytes(4, "little") + value.encode()

    parts = [b"weights-digest/1\0", text(case["format"])]
    parts.append(len(case["tensors"]).to_bytes(8, "little"))
    for tensor in sorted(case["tensors"], key=lambda t: t["name"].encode()):
        parts += [text(tensor["name"]), text(tensor["dtype"])]
        parts.append(len(tensor["shape"]).to_bytes(4, "little"))
        parts += [n.to_bytes(8, "little") for n in tensor["shape"]]
        parts.append(blake3(bytes.fromhex(tensor["hex"])).digest())
    assert b"".join(parts).hex() == case["input_hex"]
    assert blake3(b"".join(parts)).hexdigest() == case["weights_digest"]


def test_weights_digests_tell_apart_what_differs() -> None:
    digests = {case["about"]: case["weights_digest"] for case in load("tensors.json")}
    assert digests.pop("two tensors") == digests["two tensors in another order"]
    assert len(set(digests.values())) == len(digests)


@pytest.mark.parametrize("case", load("manifests.json"), ids=about)
def test_manifest_by_hand(case: dict[str, Any]) -> None:
    manifest = json.loads(case["bytes"])
    wanted = sorted(
        ({k: v for k, v in f.items() if v != ""} for f in case["files"]),
        key=lambda f: (f.get("root", "").encode(), f["path"].encode()),
    )
    assert [{k: v for k, v in f.items() if k != "components"} for f in manifest["files"]] == wanted
    assert manifest["root_digest"] == root_digest(manifest["files"])
    assert manifest["file_count"] == len(wanted)
    assert manifest["total_size"] == sum(f["size"] for f in wanted)
    for component in manifest["components"]:
        own = [f for f in manifest["files"] if component["id"] in f.get("components", ())]
        assert component["file_count"] == len(own)
        assert component["size"] == sum(f["size"] for f in own)
        assert component.get("root_digest") == (root_digest(own) if own else None)
    left_out = {"schema_version", "components", "exceptions"}
    release = {k: v for k, v in case["description"].items() if k not in left_out}
    assert manifest["release"] == release
    assert list(manifest["release"]) == sorted(release, key=str.encode)
    # Everything but the list of files is what a plain JSON writer gives for the same values.
    head = {k: v for k, v in manifest.items() if k != "files"}
    text = json.dumps(head, indent=2, ensure_ascii=False)
    assert case["bytes"].startswith(text.removesuffix("\n}") + ',\n  "files": [\n    {')
    assert case["bytes"].endswith("}\n  ]\n}\n")


def merkle_root(leaves: list[bytes]) -> bytes:
    """The root by the text of RFC 6962, section 2.1."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + merkle_root(leaves[:k]) + merkle_root(leaves[k:])).digest()


@pytest.mark.parametrize("case", [c for c in load("inventories.json") if c["accepted"]], ids=about)
def test_inventory_by_hand(case: dict[str, Any]) -> None:
    data = base64.b64decode(case["base64"])
    lines = data.removesuffix(b"\n").split(b"\n")
    plain = [json.loads(line) for line in lines]
    assert case["sha256"] == hashlib.sha256(data).hexdigest()
    assert case["file_count"] == len(lines)
    assert case["total_size"] == sum(entry["size"] for entry in plain)
    assert case["merkle_root"] == merkle_root(lines).hex()
    paths = [entry["path"].encode() for entry in plain]
    assert paths == sorted(set(paths))


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
def test_root_digest_by_jq() -> None:
    page = (SPEC / "manifest.md").read_text("utf-8")
    command = next(line for line in page.splitlines() if line.startswith("$ jq -j")).removeprefix(
        "$ "
    )
    done = subprocess.run(
        ["bash", "-c", command], cwd=VECTORS / "release", capture_output=True, text=True, check=True
    )
    manifest = json.loads((VECTORS / "release" / "manifest.json").read_text("utf-8"))
    assert done.stdout.split()[0] == manifest["root_digest"]


@pytest.mark.parametrize("case", load("dsse.json"), ids=lambda c: c["payload_type"])
def test_pre_authentication_encoding_by_hand(case: dict[str, Any]) -> None:
    kind, payload = case["payload_type"].encode(), bytes.fromhex(case["payload_hex"])
    parts = (b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload)
    assert bytes.fromhex(case["pae_hex"]) == b" ".join(parts)


def test_pre_authentication_encoding_of_the_dsse_specification() -> None:
    known = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert known.hex() in {case["pae_hex"] for case in load("dsse.json")}


@pytest.mark.parametrize(
    "case", [c for c in load("statements.json") if "root_digest" in c], ids=about
)
def test_statement_root_digest_by_hand(case: dict[str, Any]) -> None:
    statement = json.loads(case["statement"])
    digests = [bytes.fromhex(r["digest"]) for r in statement["predicate"]["resources"]]
    assert hashlib.sha256(b"".join(digests)).hexdigest() == case["root_digest"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
@pytest.mark.parametrize("case", [c for c in load("signatures.json") if c["accepted"]], ids=about)
def test_signature_by_openssl(case: dict[str, Any]) -> None:
    envelope = json.loads(case["bundle"])["dsseEnvelope"]
    payload = base64.urlsafe_b64decode(envelope["payload"].replace("+", "-").replace("/", "_"))
    text = envelope["signatures"][0]["sig"].replace("-", "+").replace("_", "/")
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(payload), payload)
    with tempfile.TemporaryDirectory() as name:
        where = Path(name)
        (where / "key").write_text(case["key"])
        (where / "sig").write_bytes(base64.b64decode(text))
        (where / "data").write_bytes(signed)
        if case["about"].startswith("ed25519"):
            how = ["pkeyutl", "-verify", "-pubin", "-inkey", "key", "-rawin", "-in", "data", "-sigfile", "sig"]  # fmt: skip
        else:
            hashes = {"ecdsa-p384": "-sha384", "ecdsa-p521": "-sha512"}
            hash_ = hashes.get(case["about"].split(",")[0], "-sha256")
            how = ["dgst", hash_, "-verify", "key", "-signature", "sig", "data"]
        done = subprocess.run(
            ["openssl", *how], cwd=where, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr


def test_release_is_signed_file_by_file() -> None:
    bundle = json.loads((VECTORS / "release" / "model.sig").read_text("utf-8"))
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (VECTORS / "release").iterdir()
        if path.name != "model.sig"
    }
    assert {r["name"]: r["digest"] for r in statement["predicate"]["resources"]} == found
