"""What the vectors of signatures and verification say, decided by hand."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

ENVELOPES: list[tuple[str, bytes]] = [
    ("http://example.com/HelloWorld", b"hello world"),
    ("application/vnd.in-toto+json", b"{}"),
    ("application/vnd.in-toto+json", "é".encode()),
    ("a", b"\x00\n 5 "),
]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


IGNORED = [".git", ".gitattributes", ".github", ".gitignore", "model.sig", "signatures"]
RESOURCES = [("README.md", _sha256("readme")), ("manifest.json", _sha256("manifest")), ("w", _sha256("w"))]  # fmt: skip


def _root(value: dict[str, Any]) -> None:
    joined = b"".join(bytes.fromhex(r["digest"]) for r in value["predicate"]["resources"])
    value["subject"][0]["digest"]["sha256"] = hashlib.sha256(joined).hexdigest()


def _with(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], None]:
    """A change after which the root digest is made right again, so that it hides nothing."""

    def changed(value: dict[str, Any]) -> None:
        change(value)
        _root(value)

    return changed


def _name(name: str) -> Callable[[dict[str, Any]], None]:
    return _with(lambda v: v["predicate"]["resources"][0].update(name=name))


def _digest(digest: str) -> Callable[[dict[str, Any]], object]:
    return lambda v: v["predicate"]["resources"][0].update(digest=digest)


def _settings(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return _with(lambda v: v["predicate"]["serialization"].update(fields))


def _one(name: str) -> Callable[[dict[str, Any]], object]:
    def change(value: dict[str, Any]) -> None:
        value["predicate"]["resources"] = [{**value["predicate"]["resources"][0], "name": name}]

    return change


def _ranges(value: dict[str, Any]) -> None:
    value["predicate"]["serialization"].update(
        method="shards", hash_type="sha256-sharded-400", shard_size=400.0
    )
    for entry in value["predicate"]["resources"]:
        entry.update(name=f"{entry['name']}:0:7", algorithm="sha256-sharded-400")


def _before_oms(value: dict[str, Any]) -> None:
    value["subject"] = [
        {
            "name": entry["name"],
            "digest": {"sha256": entry["digest"]},
            "annotations": {"actual_hash_algorithm": "file-sha256"},
        }
        for entry in value["predicate"]["resources"]
    ]
    value["predicateType"] = "https://model_signing/Digests/v0.1"
    value["predicate"] = {"unused": "Unused, just passed due to API requirements"}


def _before_oms_by_blake2b(value: dict[str, Any]) -> None:
    _before_oms(value)
    value["subject"][0]["annotations"]["actual_hash_algorithm"] = "file-blake2b"


STATEMENTS: list[tuple[str, Callable[[dict[str, Any]], object], bool]] = [
    ("as it is written", lambda _: None, True),
    ("resources in another order", _with(lambda v: v["predicate"]["resources"].reverse()), True),
    (
        "an unknown field of a resource",
        lambda v: v["predicate"]["resources"][0].update(uri="x"),
        True,
    ),
    ("no ignored paths", lambda v: v["predicate"]["serialization"].pop("ignore_paths"), True),
    ("another subject name", lambda v: v["subject"][0].update(name="model"), True),
    ("another root digest", lambda v: v["subject"][0]["digest"].update(sha256="0" * 64), False),
    (
        "a resource twice",
        _with(lambda v: v["predicate"]["resources"].append(v["predicate"]["resources"][0])),
        False,
    ),
    (
        "a resource twice, with two digests",
        _with(
            lambda v: v["predicate"]["resources"].append(
                {**v["predicate"]["resources"][0], "digest": _sha256("other")}
            )
        ),
        False,
    ),
    ("a path that climbs", _name("../x"), False),
    ("an absolute path", _name("/x"), False),
    ("a backslash", _name("a\\b"), False),
    ("an empty path", _name(""), False),
    ("a digest in upper case", _digest(RESOURCES[0][1].upper()), False),
    ("a digest cut short", _with(_digest("ab" * 31)), False),
    ("a digest that is empty", _with(_digest("")), False),
    (
        "another algorithm than the statement's",
        lambda v: v["predicate"]["resources"][0].update(algorithm="blake3"),
        False,
    ),
    ("an unknown hash", _settings(hash_type="md5"), False),
    ("an unknown method", _settings(method="tree"), False),
    ("a shard size with whole files", _settings(shard_size=10), False),
    ("an ignored path with a wildcard", _settings(ignore_paths=["*"]), False),
    ("an ignored path that climbs", _settings(ignore_paths=["../a"]), False),
    ("an unknown setting", _settings(follow="all"), False),
    ("no resources", _with(lambda v: v["predicate"]["resources"].clear()), False),
    ("two subjects", lambda v: v["subject"].append(v["subject"][0]), False),
    (
        "another predicate type",
        lambda v: v.update(predicateType="https://slsa.dev/provenance/v1"),
        False,
    ),
    (
        "another statement type",
        lambda v: v.update(_type="https://in-toto.io/Statement/v0.1"),
        False,
    ),
    ("an unknown field", lambda v: v.update(extra=1), False),
    ("one file without its name", _with(_one(".")), True),
    ("a name of one file beside others", _name("."), False),
    (
        "byte ranges that the hash names too",
        _with(_ranges),
        True,
    ),
    ("the format before OMS 1.0", _before_oms, True),
    (
        "the format before OMS 1.0, with another digest under SHA-256's name",
        _before_oms_by_blake2b,
        False,
    ),
    (
        "two formats at once",
        lambda v: v.update(predicateType="https://model_signing/Digests/v0.1"),
        False,
    ),
]
DUPLICATE = '{"_type":"https://in-toto.io/Statement/v1","_type":"https://in-toto.io/Statement/v1"}'

Change = Callable[[dict[str, Any], str], str | None]


def _signature(bundle: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = bundle["dsseEnvelope"]["signatures"][0]
    return entry


def _der_hint(bundle: dict[str, Any], pem: str) -> None:
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    bundle["verificationMaterial"]["publicKey"]["hint"] = hashlib.sha256(der).hexdigest()


def _other_payload(bundle: dict[str, Any], _: str) -> None:
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"]).replace(
        b"README.md", b"readme.md"
    )
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()


def _flipped(bundle: dict[str, Any], _: str) -> None:
    raw = bytearray(base64.b64decode(_signature(bundle)["sig"]))
    raw[-1] ^= 1
    _signature(bundle)["sig"] = base64.b64encode(raw).decode()


def _junk_beside(bundle: dict[str, Any], _: str) -> None:
    bundle["dsseEnvelope"]["signatures"].append({"sig": "AAAA", "keyid": ""})


def _duplicate_key(bundle: dict[str, Any], _: str) -> str:
    return json.dumps(bundle).replace('"payloadType"', '"payload": "e30=", "payloadType"', 1)


def _url_safe(bundle: dict[str, Any], _: str) -> None:
    bundle["dsseEnvelope"]["payload"] = (
        bundle["dsseEnvelope"]["payload"].replace("+", "-").replace("/", "_")
    )
    _signature(bundle)["sig"] = _signature(bundle)["sig"].replace("+", "-").replace("/", "_")


def _sets(*place: str, value: Any) -> Change:
    """A change that puts a value at a place of the bundle."""

    def change(bundle: dict[str, Any], _: str) -> None:
        for name in place[:-1]:
            bundle = bundle[name]
        bundle[place[-1]] = value

    return change


_MATERIAL = ("verificationMaterial", "publicKey")
BUNDLES: list[tuple[str, Change, bool]] = [
    ("a hint over the DER form of the key", _der_hint, True),
    ("no hint", _sets(*_MATERIAL, value={}), True),
    ("no keyid", lambda b, _: _signature(b).pop("keyid") and None, True),
    ("the keyid is null", lambda b, _: _signature(b).update(keyid=None), True),
    ("the URL-safe alphabet", _url_safe, True),
    ("the payload changed", _other_payload, False),
    ("the signature changed", _flipped, False),
    ("junk beside the good signature", _junk_beside, False),
    ("no signature", _sets("dsseEnvelope", "signatures", value=[]), False),
    ("another payload type", _sets("dsseEnvelope", "payloadType", value="text/plain"), False),
    ("a hint of another key", _sets(*_MATERIAL, "hint", value="0" * 64), False),
    ("a keyid that is not the hint", lambda b, _: _signature(b).update(keyid="x"), False),
    ("a duplicate key", _duplicate_key, False),
    ("another bundle version", _sets("mediaType", value="application/vnd.dev.sigstore.bundle+json;version=0.1"), False),
    ("an unknown field", _sets("extra", value=1), False),
    ("base64 without padding", lambda b, _: _signature(b).update(sig=_signature(b)["sig"].rstrip("=") + "A"), False),
    ("base64 with a line break", lambda b, _: _signature(b).update(sig=_signature(b)["sig"] + "\n"), False),
]  # fmt: skip

Do = list[list[str]]
_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"
_ABSENT = "0" * 64


def scenarios(sha256: str, size: int) -> list[tuple[str, Do, dict[str, Any], int, list[list[str]]]]:
    """What is done to the release, how it is verified, the exit code, and what is said of files.

    Args:
        sha256: Of ``model.safetensors``.
        size: Of the same, in bytes.
    """
    pointer = [["write", "model.safetensors", _POINTER.format(sha256, size)]]
    other = [["write", "model.safetensors", _POINTER.format(_ABSENT, size)]]
    git = [["write", ".git/config", "x"]]
    return [
        ("as it was signed", [], {}, 0, []),
        ("a changed file", [["append", "README.md", "x"]], {}, 5, [["changed", "README.md"]]),
        ("other bytes of the same size", [["write", "config.json", "x" * 82]], {}, 5, [["changed", "config.json"]]),
        ("a missing file", [["remove", "LICENSE"]], {}, 5, [["missing", "LICENSE"]]),
        ("an added file", [["write", "a/b.py", "x"]], {}, 5, [["added", "a/b.py"]]),
        ("a renamed file", [["rename", "config.json", "c.json"]], {}, 5, [["renamed", "config.json"]]),
        ("a link in place of a file", [["rename", "config.json", "../c"], ["link", "config.json", "../c"]], {}, 5, [["link", "config.json"]]),
        ("an added link to a directory", [["link", "more", "/etc"]], {}, 5, [["link", "more"]]),
        ("a file in .git", git, {}, 0, []),
        ("a file in .git, strictly", git, {"strict": True}, 5, [["not-covered", ".git/"]]),
        ("a deeper .gitignore", [["write", "sub/.gitignore", "x"]], {}, 5, [["added", "sub/.gitignore"]]),
        ("notes of a hub client", [["write", ".cache/huggingface/x.metadata", "x"]], {}, 0, []),
        ("another cache", [["write", ".cache/x", "x"]], {}, 5, [["added", ".cache/x"]]),
        ("a stray file in signatures/", [["write", "signatures/x.txt", "x"]], {}, 5, [["stray", "signatures/x.txt"]]),
        ("a large-file pointer to what was signed", pointer, {}, 4, []),
        ("a large-file pointer to something else", other, {}, 5, [["changed", "model.safetensors"]]),
        ("a changed manifest", [["append", "manifest.json", " "]], {}, 5, [["changed", "manifest.json"]]),
        ("a missing manifest", [["remove", "manifest.json"]], {}, 5, [["missing", "manifest.json"]]),
        ("a changed description", [["append", "release.yaml", "#"]], {}, 5, [["changed", "release.yaml"]]),
        ("no signature", [["remove", "model.sig"]], {}, 3, []),
        ("a damaged signature", [["append", "model.sig", "{}"]], {}, 3, []),
        ("no key", [], {"key": False}, 3, []),
        ("no key, integrity only", [], {"key": False, "integrity_only": True}, 0, []),
        ("no key, integrity only, a changed file", [["append", "README.md", "x"]], {"key": False, "integrity_only": True}, 5, [["changed", "README.md"]]),
        ("no key, a changed file", [["append", "README.md", "x"]], {"key": False}, 3, [["changed", "README.md"]]),
        ("a part, while another is changed", [["append", "README.md", "x"]], {"only": ["*.safetensors"]}, 0, []),
        ("a part that is changed", [["append", "README.md", "x"]], {"components": ["model-card"]}, 5, [["changed", "README.md"]]),
        ("an added file that is ignored", [["write", "notes/x", "x"]], {"ignore": ["notes"]}, 0, []),
        ("the name that is expected", [], {"expect_name": "example/tiny"}, 0, []),
        ("another name than is expected", [], {"expect_name": "example/huge"}, 3, []),
        ("another version than is expected", [], {"expect_version": "1.1"}, 3, []),
    ]  # fmt: skip
