"""Each refusal of a signature with its place, its words and its remedy, as users read them.

Golden files (``UPDATE_GOLDEN=1`` writes them).
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

from everything import AUDITOR, PUBLISHER, STRANGER
from golden import assert_golden, plain

from manifest.errors import ManifestError
from manifest.signing.bundle import parse_bundle
from manifest.signing.keys import load_private, load_public, private_pem, public_pem
from manifest.signing.pkcs11_uri import parse_pkcs11_uri
from manifest.signing.remote import GROUP, load_plug_in
from manifest.signing.signer import sign_payload
from manifest.signing.statement import build_statement, parse_statement
from manifest.signing.verification import verify_signature

if TYPE_CHECKING:
    import pytest

GOLDEN = Path(__file__).parent / "golden"
ZERO = "0" * 64
STATEMENT = build_statement("tiny", [("a.txt", ZERO), ("b.txt", "1" * 64)], ["model.sig"])
BUNDLE = sign_payload(STATEMENT, PUBLISHER)


def said(work: Callable[[], object]) -> Any:
    """What a call refuses, or gives."""
    try:
        return plain(work())
    except ManifestError as error:
        return {
            "raised": type(error).__name__,
            "text": error.message,
            "remedy": error.remedy,
        }


def changed(data: bytes, path: str, value: Any) -> bytes:
    """JSON with another value at a path of names and numbers; without it where value is None."""
    whole = json.loads(data)
    *parents, last = [int(p) if p.isdigit() else p for p in path.split("/")]
    place = whole
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(whole).encode()


def resealed(data: bytes) -> bytes:
    whole = json.loads(data)
    digests = [str(r.get("digest", "")) for r in whole["predicate"]["resources"]]
    if all(len(d) == 64 and not set(d) - set("0123456789abcdef") for d in digests):
        root = hashlib.sha256(bytes.fromhex("".join(digests))).hexdigest()
        whole["subject"][0]["digest"] = {"sha256": root, "other": "known to nobody"}
    return json.dumps(whole).encode()


def sharded(*names: str, size: Any = 400) -> bytes:
    whole = json.loads(STATEMENT)
    whole["predicate"]["serialization"] |= {"method": "shards", "shard_size": size}
    whole["predicate"]["resources"] = [
        {"name": name, "algorithm": "sha256", "digest": ZERO} for name in names
    ]
    return resealed(json.dumps(whole).encode())


FIRST = "predicate/resources/0"
SETTINGS = "predicate/serialization"
STATEMENTS = {
    "good": STATEMENT,
    "further fields": resealed(changed(STATEMENT, f"{FIRST}/x", 1)),
    "no name": changed(STATEMENT, f"{FIRST}/name", None),
    "name is a number": changed(STATEMENT, f"{FIRST}/name", 7),
    "name twice": resealed(changed(STATEMENT, "predicate/resources/1/name", "a.txt")),
    "name leads out": changed(STATEMENT, f"{FIRST}/name", "../a"),
    "name is a dot": changed(STATEMENT, f"{FIRST}/name", "."),
    "long name": changed(STATEMENT, f"{FIRST}/name", "/" + "x" * 200),
    "name of eighty": changed(STATEMENT, f"{FIRST}/name", "/" + "x" * 79),
    "name of eighty-one": changed(STATEMENT, f"{FIRST}/name", "/" + "x" * 80),
    "algorithm is a number": changed(STATEMENT, f"{FIRST}/algorithm", 7),
    "another algorithm": changed(STATEMENT, f"{FIRST}/algorithm", "blake3"),
    "digest is a number": changed(STATEMENT, f"{FIRST}/digest", 7),
    "digest is short": changed(STATEMENT, f"{FIRST}/digest", "00"),
    "digest is upper case": changed(STATEMENT, f"{FIRST}/digest", "A" * 64),
    "no resources": changed(STATEMENT, "predicate/resources", []),
    "resource is a text": changed(STATEMENT, FIRST, "a.txt"),
    "root digest": changed(STATEMENT, "subject/0/digest/sha256", ZERO),
    "root digest of another algorithm": changed(STATEMENT, "subject/0/digest", {"md5": "0" * 32}),
    "no subject": changed(STATEMENT, "subject", []),
    "subject without a name": changed(STATEMENT, "subject/0/name", None),
    "another method": changed(STATEMENT, f"{SETTINGS}/method", "parts"),
    "another hash": changed(STATEMENT, f"{SETTINGS}/hash_type", "md5"),
    "links": changed(STATEMENT, f"{SETTINGS}/allow_symlinks", "no"),
    "size without ranges": changed(STATEMENT, f"{SETTINGS}/shard_size", 400),
    "ignores a pattern": changed(STATEMENT, f"{SETTINGS}/ignore_paths/0", "*.txt"),
    "ignores what leads out": changed(STATEMENT, f"{SETTINGS}/ignore_paths/0", "../x"),
    "ranges": sharded("a:0:400", "a:400:401"),
    "ranges with further fields": resealed(changed(sharded("a:0:400"), f"{FIRST}/x", 1)),
    "ranges with two further fields": resealed(
        changed(changed(sharded("a:0:400", "a:400:800"), f"{FIRST}/x", 1), f"{FIRST}/y", 1)
    ),
    "ranges of no size": sharded("a:0:400", size=0),
    "ranges of the largest size": sharded("a:0:400", size=(1 << 63) - 1),
    "ranges of a larger size": sharded("a:0:400", size=1 << 63),
    "ranges of no whole size": sharded("a:0:400", size=0.5),
    "range without numbers": sharded("a"),
    "range of a path that leads out": sharded("../a:0:400"),
    "range with a gap": sharded("a:0:400", "a:500:600"),
    "third range begins elsewhere": sharded("a:0:400", "a:400:800", "a:900:950"),
    "range that is too long": sharded("a:0:401"),
    "range twice": sharded("a:0:400", "a:0:400"),
    "another predicate": changed(STATEMENT, "predicateType", "https://slsa.dev/provenance/v1"),
    "a later predicate": changed(
        STATEMENT, "predicateType", "https://model_signing/signature/v2.0"
    ),
    "no statement": b"{}",
    "no JSON": b"{",
    "too deep": b"[" * 300,
}


def test_statements(tmp_path: Path) -> None:
    found = {
        name: said(lambda data=data: parse_statement(data, what="model.sig"))  # type: ignore[misc]  # bound now
        for name, data in STATEMENTS.items()
    }
    assert_golden(found, GOLDEN / "statements.json", tmp_path)


def test_statements_that_are_not_written(tmp_path: Path) -> None:
    cases: dict[str, tuple[list[tuple[str, str]], list[str]]] = {
        "nothing": ([], []),
        "a dot": ([(".", ZERO)], []),
        "a digest in upper case": ([("a", "A" * 64)], []),
        "an odd digest": ([("a", "0" * 63)], []),
        "a name twice": ([("a", ZERO), ("a", ZERO)], []),
        "a name that leads out": ([("../a", ZERO)], []),
        "a pattern that is ignored": ([("a", ZERO)], ["*"]),
    }
    found = {
        name: said(lambda each=each: build_statement("tiny", each[0], each[1]))  # type: ignore[misc]  # bound now
        for name, each in cases.items()
    }
    assert_golden(found, GOLDEN / "statements-not-written.json", tmp_path)


ENVELOPE = "dsseEnvelope"
MATERIAL = "verificationMaterial"


def certificate_of(size: int) -> bytes:
    raw = base64.b64encode(b"x" * size).decode()
    chain = {"certificates": [{"rawBytes": raw}]}
    return changed(BUNDLE, MATERIAL, {"x509CertificateChain": chain})


def timestamp_of(size: int) -> bytes:
    token = {"signedTimestamp": base64.b64encode(b"x" * size).decode()}
    return changed(BUNDLE, f"{MATERIAL}/timestampVerificationData", {"rfc3161Timestamps": [token]})


BUNDLES = {
    "good": BUNDLE,
    "no envelope": changed(BUNDLE, ENVELOPE, None),
    "no material": changed(BUNDLE, MATERIAL, None),
    "no signature": changed(BUNDLE, f"{ENVELOPE}/signatures", []),
    "two signatures": changed(
        BUNDLE,
        f"{ENVELOPE}/signatures",
        json.loads(BUNDLE)[ENVELOPE]["signatures"] * 2,
    ),
    "no type": changed(BUNDLE, f"{ENVELOPE}/payloadType", ""),
    "one-letter type": changed(BUNDLE, f"{ENVELOPE}/payloadType", "x"),
    "longest type": changed(BUNDLE, f"{ENVELOPE}/payloadType", "x" * 255),
    "longer type": changed(BUNDLE, f"{ENVELOPE}/payloadType", "x" * 256),
    "type that is not ASCII": changed(BUNDLE, f"{ENVELOPE}/payloadType", "é"),
    "payload in no base64": changed(BUNDLE, f"{ENVELOPE}/payload", "!"),
    "payload in two alphabets": changed(BUNDLE, f"{ENVELOPE}/payload", "-_+/"),
    "payload in two alphabets without a plus": changed(BUNDLE, f"{ENVELOPE}/payload", "-_-/"),
    "payload in two alphabets without a slash": changed(BUNDLE, f"{ENVELOPE}/payload", "-_-+"),
    "payload in the other alphabet": changed(BUNDLE, f"{ENVELOPE}/payload", "-_-_"),
    "payload with a tail": changed(BUNDLE, f"{ENVELOPE}/payload", "QUI"),
    "no payload": changed(BUNDLE, f"{ENVELOPE}/payload", ""),
    "another media type": changed(BUNDLE, "mediaType", "application/x"),
    "an old media type": changed(
        BUNDLE, "mediaType", "application/vnd.dev.sigstore.bundle+json;version=0.2"
    ),
    "empty certificate": certificate_of(0),
    "certificate of one byte": certificate_of(1),
    "largest certificate": certificate_of(1 << 16),
    "larger certificate": certificate_of((1 << 16) + 1),
    "largest timestamp": timestamp_of(1 << 16),
    "larger timestamp": timestamp_of((1 << 16) + 1),
    "empty timestamp": timestamp_of(0),
    "timestamp of one byte": timestamp_of(1),
}


def test_bundles(tmp_path: Path) -> None:
    def read(data: bytes) -> Any:
        bundle = parse_bundle(data, what="model.sig")
        return {
            "method": bundle.method.value,
            "type": bundle.envelope.payload_type,
            "payload": hashlib.sha256(bundle.envelope.payload).hexdigest(),
            "timestamps": [len(t) for t in bundle.timestamps],
            "certificates": len(bundle.certificates),
        }

    found = {name: said(lambda data=data: read(data)) for name, data in BUNDLES.items()}  # type: ignore[misc]  # bound now
    assert_golden(found, GOLDEN / "bundles.json", tmp_path)


def without_hint() -> bytes:
    return changed(BUNDLE, f"{MATERIAL}/publicKey", {})


def other_content(bundle: bytes) -> bytes:
    payload = base64.b64encode(STATEMENT.replace(b"tiny", b"tinY")).decode()
    return changed(bundle, f"{ENVELOPE}/payload", payload)


def test_keys_that_do_not_verify(tmp_path: Path) -> None:
    publisher, auditor, stranger = (k.public for k in (PUBLISHER, AUDITOR, STRANGER))
    short = changed(BUNDLE, f"{MATERIAL}/publicKey", {"hint": "abcdefghijklmnop"})
    one_more = changed(BUNDLE, f"{MATERIAL}/publicKey", {"hint": "abcdefghijklmnopq"})
    cases: dict[str, tuple[bytes, dict[str, Any]]] = {
        "right": (BUNDLE, {"keys": [stranger, publisher]}),
        "none": (BUNDLE, {}),
        "none, and no hint": (without_hint(), {}),
        "another": (BUNDLE, {"keys": [stranger]}),
        "two others": (BUNDLE, {"keys": [stranger, auditor]}),
        "a hint of sixteen": (short, {"keys": [stranger]}),
        "a hint of seventeen": (one_more, {"keys": [stranger]}),
        "another, and no hint": (without_hint(), {"keys": [stranger]}),
        "two others, and no hint": (without_hint(), {"keys": [stranger, auditor]}),
        "right, and no hint": (without_hint(), {"keys": [stranger, publisher]}),
        "a timestamp that nobody asks for": (timestamp_of(1), {"keys": [publisher]}),
        "other content": (other_content(BUNDLE), {"keys": [publisher]}),
        "another type": (
            changed(BUNDLE, f"{ENVELOPE}/payloadType", "text/plain"),
            {"keys": [publisher]},
        ),
    }
    found = {
        name: said(
            lambda case=case: {  # type: ignore[misc]  # bound now
                "warnings": verify_signature(case[0], what="model.sig", **case[1]).warnings
            }
        )
        for name, case in cases.items()
    }
    assert_golden(found, GOLDEN / "keys-that-do-not-verify.json", tmp_path)


def test_keys_that_are_none(tmp_path: Path) -> None:
    pem = public_pem(PUBLISHER.public)
    private = private_pem(PUBLISHER, None)
    secret = private_pem(PUBLISHER, b"secret")
    two = pem + public_pem(AUDITOR.public)
    many = b"".join(
        b"-----BEGIN %s-----\nAA==\n-----END %s-----\n" % (n, n)
        for n in (b"ONE", b"TWO", b"THREE", b"FOUR", b"FIVE")
    )
    cases: dict[str, Callable[[], object]] = {
        "private for public": lambda: load_public(private, what="key.pub"),
        "two": lambda: load_public(two, what="key.pub"),
        "many": lambda: load_public(many, what="key.pub"),
        "nothing": lambda: load_public(b"", what="key.pub"),
        "not the content": lambda: load_public(pem.replace(b"M", b"!"), what="key.pub"),
        "public for private": lambda: load_private(pem),
        "no passphrase": lambda: load_private(secret),
        "wrong passphrase": lambda: load_private(secret, passphrase=b"other"),
        "passphrase that is not needed": lambda: load_private(private, passphrase=b"other"),
        "no uri": lambda: parse_pkcs11_uri("pkcs12:x"),
        "no token": lambda: parse_pkcs11_uri("pkcs11:"),
        "an attribute twice": lambda: parse_pkcs11_uri("pkcs11:token=a;token=b"),
    }
    found = {
        name: said(lambda work=work: type(work()).__name__)  # type: ignore[misc]  # bound now
        for name, work in cases.items()
    }
    assert_golden(found, GOLDEN / "keys-that-are-none.json", tmp_path)


URIS = [
    "pkcs11:token=t;object=o?module-path=/lib/x.so",
    "pkcs11:object=o?module-path=/lib/x.so",
    "pkcs11:id=%01%FF?module-path=/lib/x.so",
    "pkcs11:object=a=b?module-path=/lib/x.so",
    "pkcs11:object=a%3Db;token=t%20u?module-path=/lib/x.so",
    "pkcs11:object=%FF",
    "pkcs11:token=%FF;object=o",
    "pkcs11:object=o?module-path=%FF",
    "pkcs11:object=",
    "pkcs11:object",
    "pkcs11:object=o;slot-id=1",
    "pkcs11:object=o?pin-value=1234",
    "pkcs11:object=o?pin-source=file:/x",
    "pkcs11:object=o;x-mine=1",
    "pkcs11:object=%0A?module-path=/lib/x.so",
    "pkcs11:object=%zz",
    "pkcs11:manufacturer=m;object=o",
    "PKCS11:object=o",
    "pkcs11:object=o",
    "pkcs11:object=\udc80?module-path=/lib/x.so",
]


def test_uris_of_tokens(tmp_path: Path) -> None:
    def shown(text: str) -> Any:
        key = parse_pkcs11_uri(text)
        return {name: repr(value) for name, value in dataclasses.asdict(key).items()}

    found = {ascii(text): said(lambda text=text: shown(text)) for text in URIS}  # type: ignore[misc]  # bound now
    assert_golden(found, GOLDEN / "uris.json", tmp_path)


def test_plug_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    there = [
        EntryPoint("two", "os:getcwd", GROUP),
        EntryPoint("two", "os:getpid", GROUP),
        EntryPoint("broken", "no_such_module_at_all:x", GROUP),
        EntryPoint("lacking", "os:no_such_attribute", GROUP),
        EntryPoint("none", "builtins:str", GROUP),
    ]

    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        return [p for p in points if p.group == group and name in (None, p.name)]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    found = {}
    for points in (there, []):
        for name in ("two", "one", "broken:x", "lacking:x", "none:x:y"):
            found[f"{name} of {len(points)}"] = said(lambda name=name: load_plug_in(name))  # type: ignore[misc]  # bound now
    assert_golden(found, GOLDEN / "plug-ins.json", tmp_path)
