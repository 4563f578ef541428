"""What an adversary who controls every byte of a release can try, and what the command answers.

Each case changes a good signed release and is run through the command line: the exit code is that
of spec/exit-codes.md, and the message names the cause.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from releases import FILES, Release

from manifest.cli import cli
from manifest.signing.keys import PrivateKey, generate, public_pem

Attack = Callable[[Release], None]


@dataclasses.dataclass(frozen=True)
class Case:
    """A named attack, the exit code it must meet, and words that its answer must hold."""

    area: str
    name: str
    attack: Attack
    exit_code: int
    message: str
    options: tuple[str, ...] = ()
    strict_exit_code: int | None = None
    """The exit code under ``--strict``, where that is another one."""


CASES: list[Case] = []
AREA = [""]
"""What the attacks from here on are on; see `attack_cases.AREAS`."""


def case(
    name: str, exit_code: int, message: str, *options: str, strict: int | None = None
) -> Callable[[Attack], Attack]:
    def register(attack: Attack) -> Attack:
        CASES.append(Case(AREA[0], name, attack, exit_code, message, options, strict))
        return attack

    return register


def bundle_of(release: Release) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((release.path / "model.sig").read_bytes())
    return loaded


def write_bundle(release: Release, bundle: dict[str, Any]) -> None:
    (release.path / "model.sig").write_text(json.dumps(bundle))


def change_payload(release: Release, change: Callable[[bytes], bytes]) -> None:
    bundle = bundle_of(release)
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(change(payload)).decode()
    write_bundle(release, bundle)


def root_of(statement: dict[str, Any]) -> str:
    digests = [bytes.fromhex(r["digest"]) for r in statement["predicate"]["resources"]]
    return hashlib.sha256(b"".join(digests)).hexdigest()


def signed(change: Callable[[dict[str, Any]], None]) -> Attack:
    """An attack by the publisher: a statement that is changed, made consistent and signed."""

    def attack(release: Release) -> None:
        def change_and_mend(statement: dict[str, Any]) -> None:
            change(statement)
            statement["subject"][0]["digest"] = {"sha256": root_of(statement)}

        release.resign(change_and_mend)

    return attack


def resources(statement: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = statement["predicate"]["resources"]
    return found


def rename_resource(name: str) -> Attack:
    def change(statement: dict[str, Any]) -> None:
        resources(statement)[-1]["name"] = name

    return signed(change)


def bind_manifest(release: Release, text: str) -> None:
    """Replace ``manifest.json`` and sign its new digest: a publisher who contradicts himself."""
    (release.path / "manifest.json").write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()

    def change(statement: dict[str, Any]) -> None:
        for resource in resources(statement):
            if resource["name"] == "manifest.json":
                resource["digest"] = digest

    signed(change)(release)


# The envelope.
AREA[0] = "envelope"


@case("changed-payload", 3, "was changed or the signature is damaged")
def _(release: Release) -> None:
    change_payload(release, lambda p: p.replace(b"notes.txt", b"nodes.txt"))


@case("damaged-signature", 3, "was changed or the signature is damaged")
def _(release: Release) -> None:
    bundle = bundle_of(release)
    raw = bytearray(base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"]))
    raw[-1] ^= 1
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(raw).decode()
    write_bundle(release, bundle)


@case("empty-signature", 3, "sig")
def _(release: Release) -> None:
    bundle = bundle_of(release)
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = ""
    write_bundle(release, bundle)


@case("no-signatures", 3, "signatures")
def _(release: Release) -> None:
    bundle = bundle_of(release)
    bundle["dsseEnvelope"]["signatures"] = []
    write_bundle(release, bundle)


@case("junk-beside-a-good-signature", 3, "signatures")
def _(release: Release) -> None:
    bundle = bundle_of(release)
    bundle["dsseEnvelope"]["signatures"].append({"sig": "AAAA", "keyid": ""})
    write_bundle(release, bundle)


@case("junk-before-a-good-signature", 3, "signatures")
def _(release: Release) -> None:
    bundle = bundle_of(release)
    bundle["dsseEnvelope"]["signatures"].insert(0, {"sig": "AAAA", "keyid": ""})
    write_bundle(release, bundle)


@case("other-payload-type", 3, "was changed or the signature is damaged")
def _(release: Release) -> None:
    bundle = bundle_of(release)
    bundle["dsseEnvelope"]["payloadType"] = "application/json"
    write_bundle(release, bundle)


# The bundle.
AREA[0] = "bundle"


@case("other-media-type", 3, "mediaType")
def _(release: Release) -> None:
    write_bundle(release, bundle_of(release) | {"mediaType": "application/json"})


@case("unknown-bundle-field", 3, 'unknown field "extra"')
def _(release: Release) -> None:
    write_bundle(release, bundle_of(release) | {"extra": 1})


@case("embedded-key-of-the-attacker", 3, "says it was signed by the key")
def _(release: Release) -> None:
    attacker = generate()
    Release(release.path, attacker).resign(lambda _: None)
    bundle = bundle_of(release)
    raw = base64.b64encode(public_pem(attacker.public)).decode()
    bundle["verificationMaterial"]["publicKey"]["rawBytes"] = raw
    write_bundle(release, bundle)


@case("hint-of-the-key-but-signed-by-another", 3, "does not verify with it")
def _(release: Release) -> None:
    Release(release.path, generate()).resign(lambda _: None)
    bundle = bundle_of(release)
    bundle["verificationMaterial"]["publicKey"]["hint"] = release.key.public.fingerprint
    write_bundle(release, bundle)


@case("wrong-key", 3, "says it was signed by the key")
def _(release: Release) -> None:
    Release(release.path, generate()).resign(lambda _: None)


@case("no-signature", 3, "there is no signature: model.sig is missing")
def _(release: Release) -> None:
    (release.path / "model.sig").unlink()


@case("signature-is-a-link", 3, "not a regular file")
def _(release: Release) -> None:
    (release.path / "model.sig").rename(release.path.parent / "elsewhere.sig")
    (release.path / "model.sig").symlink_to("../elsewhere.sig")


@case("signature-is-a-directory", 3, "model.sig is missing")
def _(release: Release) -> None:
    (release.path / "model.sig").unlink()
    (release.path / "model.sig").mkdir()


@case("duplicate-key-in-bundle", 3, "twice")
def _(release: Release) -> None:
    text = (release.path / "model.sig").read_text()
    double = text.replace('"dsseEnvelope"', '"dsseEnvelope": {}, "dsseEnvelope"', 1)
    (release.path / "model.sig").write_text(double)


@case("deep-json", 3, "deep")
def _(release: Release) -> None:
    (release.path / "model.sig").write_text("[" * 100_000)


@case("huge-json", 4, "at most")
def _(release: Release) -> None:
    with (release.path / "model.sig").open("wb") as file:
        file.truncate(100_000_000)


@case("huge-json-given-by-name", 3, "more than", "--signature", "HUGE")
def _(release: Release) -> None:
    (release.path.parent / "HUGE").write_bytes(b"[" + b" " * 100_000_000)


@case("nan-in-bundle", 3, "NaN")
def _(release: Release) -> None:
    text = (
        (release.path / "model.sig").read_text().replace('"tlogEntries": []', '"tlogEntries": NaN')
    )
    (release.path / "model.sig").write_text(text.replace('"tlogEntries":[]', '"tlogEntries":NaN'))


@case("not-json", 3, "model.sig")
def _(release: Release) -> None:
    (release.path / "model.sig").write_bytes(b"\xff\xfe\x00")


# The statement.
AREA[0] = "statement"


@case("other-predicate", 3, "predicateType")
def _(release: Release) -> None:
    release.resign(lambda s: s.update(predicateType="https://slsa.dev/provenance/v1"))


@case("other-statement-type", 3, "_type")
def _(release: Release) -> None:
    release.resign(lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"))


@case("two-subjects", 3, "subject")
def _(release: Release) -> None:
    release.resign(lambda s: s["subject"].append(s["subject"][0]))


@case("wrong-root-digest", 3, "root digest")
def _(release: Release) -> None:
    release.resign(lambda s: s["subject"][0].update(digest={"sha256": "0" * 64}))


@case("duplicate-key-in-statement", 3, "twice")
def _(release: Release) -> None:
    payload = json.dumps(release.statement())
    double = payload.replace('"predicateType"', '"predicateType": "x", "predicateType"', 1)
    release.sign_payload(double.encode())


@case("resource-listed-twice", 3, "a second time")
def _(release: Release) -> None:
    signed(lambda s: resources(s).append(dict(resources(s)[0])))(release)


@case("resource-listed-twice-with-other-digest", 3, "a second time")
def _(release: Release) -> None:
    signed(lambda s: resources(s).append(resources(s)[0] | {"digest": "0" * 64}))(release)


for _name, _path in {
    "parent-path": "../outside",
    "inner-parent-path": "a/../../outside",
    "absolute-path": "/etc/passwd",
    "backslash-path": "a\\b",
    "drive-path": "C:/x",
    "dot-path": "./notes.txt",
    "double-slash-path": "a//b",
    "trailing-slash-path": "a/",
    "nul-path": "a\0b",
    "control-path": "a\x1b[2Jb",
    "empty-path": "",
    "surrogate-path": "a\ud800",
}.items():
    _message = "surrogate" if _name == "surrogate-path" else "name"
    CASES.append(Case("paths", _name, rename_resource(_path), 3, _message))


@case("upper-case-digest", 3, "digest")
def _(release: Release) -> None:
    signed(lambda s: resources(s)[0].update(digest=resources(s)[0]["digest"].upper()))(release)


@case("short-digest", 3, "digest")
def _(release: Release) -> None:
    signed(lambda s: resources(s)[0].update(digest="abcd"))(release)


@case("unknown-algorithm", 3, "algorithm")
def _(release: Release) -> None:
    signed(lambda s: resources(s)[0].update(algorithm="md5", digest="0" * 32))(release)


@case("no-resources", 3, "resources")
def _(release: Release) -> None:
    signed(lambda s: resources(s).clear())(release)


@case("ignored-glob", 3, "ignore_paths")
def _(release: Release) -> None:
    signed(lambda s: s["predicate"]["serialization"].update(ignore_paths=["*"]))(release)


@case("ignored-parent", 3, "ignore_paths")
def _(release: Release) -> None:
    signed(lambda s: s["predicate"]["serialization"].update(ignore_paths=["../x"]))(release)


# The manifest.
AREA[0] = "manifest"


@case("manifest-lists-a-file-that-was-not-signed", 3, "was not signed")
def _(release: Release) -> None:
    signed(
        lambda s: resources(s).remove(next(r for r in resources(s) if r["name"] == "notes.txt"))
    )(release)


@case("signed-file-that-the-manifest-does-not-list", 3, "is not listed in manifest.json")
def _(release: Release) -> None:
    (release.path / "extra.bin").write_bytes(b"x")
    extra = {"name": "extra.bin", "algorithm": "sha256", "digest": hashlib.sha256(b"x").hexdigest()}
    signed(lambda s: resources(s).append(extra))(release)


@case("manifest-disagrees-on-a-digest", 3, "disagree on the sha256 of model.safetensors")
def _(release: Release) -> None:
    def change(statement: dict[str, Any]) -> None:
        for resource in resources(statement):
            if resource["name"] == "model.safetensors":
                resource["digest"] = hashlib.sha256(b"evil").hexdigest()

    signed(change)(release)
    (release.path / "model.safetensors").write_bytes(b"evil")


@case("manifest-changed-after-signing", 5, "changed     manifest.json")
def _(release: Release) -> None:
    text = (release.path / "manifest.json").read_text().replace("apache-2.0", "mit")
    (release.path / "manifest.json").write_text(text)


@case("manifest-removed", 5, "missing     manifest.json")
def _(release: Release) -> None:
    (release.path / "manifest.json").unlink()


@case("manifest-not-signed", 5, "added       manifest.json")
def _(release: Release) -> None:
    signed(
        lambda s: resources(s).remove(next(r for r in resources(s) if r["name"] == "manifest.json"))
    )(release)


@case("duplicate-key-in-signed-manifest", 3, "twice")
def _(release: Release) -> None:
    text = (release.path / "manifest.json").read_text()
    bind_manifest(release, text.replace('"release"', '"release": {}, "release"', 1))


@case("signed-manifest-of-a-newer-format", 4, "version 2.0")
def _(release: Release) -> None:
    text = (release.path / "manifest.json").read_text()
    bind_manifest(release, text.replace('"schema_version": "1.0"', '"schema_version": "2.0"'))


@case("signed-manifest-with-unknown-field", 3, "unknown field")
def _(release: Release) -> None:
    text = (release.path / "manifest.json").read_text()
    bind_manifest(release, text.replace('"file_count"', '"trusted": true, "file_count"'))


@case("signed-manifest-with-wrong-root-digest", 3, "root_digest")
def _(release: Release) -> None:
    plain = json.loads((release.path / "manifest.json").read_text())
    text = (release.path / "manifest.json").read_text()
    bind_manifest(release, text.replace(plain["root_digest"], "0" * 64, 1))


@case("manifest-contradicts-signed-description", 1, "says something else")
def _(release: Release) -> None:
    text = (release.path / "manifest.json").read_text()
    bind_manifest(release, text.replace('"license": "apache-2.0"', '"license": "cc0-1.0"'))


# The tree.
AREA[0] = "files"


@case("changed-byte", 5, "changed     model.safetensors  (hurts model-parameters-final)")
def _(release: Release) -> None:
    data = bytearray(FILES["model.safetensors"])
    data[7] ^= 0x80
    (release.path / "model.safetensors").write_bytes(data)


@case("added-file", 5, "added       evil.py")
def _(release: Release) -> None:
    (release.path / "evil.py").write_text("import os\n")


@case("added-empty-file", 5, "added       __init__.py")
def _(release: Release) -> None:
    (release.path / "__init__.py").touch()


@case("added-file-in-git", 0, "not covered .git/ (1 file", strict=5)
def _(release: Release) -> None:
    (release.path / ".git/hooks").mkdir(parents=True)
    (release.path / ".git/hooks/post-checkout").write_text("#!/bin/sh\n")


@case("git-as-a-link", 0, "not covered .git (link)", strict=5)
def _(release: Release) -> None:
    (release.path / ".git").symlink_to("/tmp")


@case("deeper-git-is-an-ordinary-file", 5, "added       tokenizer/.git/config")
def _(release: Release) -> None:
    (release.path / "tokenizer/.git").mkdir()
    (release.path / "tokenizer/.git/config").write_text("x")


@case("stray-file-in-signatures", 5, "stray       signatures/payload.bin")
def _(release: Release) -> None:
    (release.path / "signatures").mkdir()
    (release.path / "signatures/payload.bin").write_bytes(b"\0" * 100)


@case("directory-in-signatures", 5, "stray       signatures/deep/x.sig")
def _(release: Release) -> None:
    (release.path / "signatures/deep").mkdir(parents=True)
    (release.path / "signatures/deep/x.sig").write_bytes((release.path / "model.sig").read_bytes())


@case("link-in-signatures", 5, "link        signatures/x.sig")
def _(release: Release) -> None:
    (release.path / "signatures").mkdir()
    (release.path / "signatures/x.sig").symlink_to("../model.sig")


@case("too-many-signatures", 5, "more than 64 files")
def _(release: Release) -> None:
    (release.path / "signatures").mkdir()
    for i in range(65):
        (release.path / f"signatures/{i}.sig").write_bytes(
            (release.path / "model.sig").read_bytes()
        )


@case("huge-signatures", 5, "more than 134,217,728 bytes")
def _(release: Release) -> None:
    (release.path / "signatures").mkdir()
    for i in range(3):
        with (release.path / f"signatures/{i}.sig").open("wb") as file:
            file.truncate(60_000_000)


@case("signed-ignore-hides-a-file", 5, "hidden      cache/evil.py")
def _(release: Release) -> None:
    signed(lambda s: s["predicate"]["serialization"]["ignore_paths"].append("cache"))(release)
    (release.path / "cache").mkdir()
    (release.path / "cache/evil.py").write_text("x")


@case("signed-ignore-accepted-by-the-consumer", 0, "ignored     cache", "--ignore", "cache")
def _(release: Release) -> None:
    signed(lambda s: s["predicate"]["serialization"]["ignore_paths"].append("cache"))(release)
    (release.path / "cache").mkdir()
    (release.path / "cache/evil.py").write_text("x")


@case("signed-ignore-that-matches-nothing", 0, "VERIFIED")
def _(release: Release) -> None:
    signed(lambda s: s["predicate"]["serialization"]["ignore_paths"].append("cache"))(release)


AREA[0] = "paths"


@case("added-link-to-a-directory", 5, "link        data")
def _(release: Release) -> None:
    (release.path / "data").symlink_to("/etc", target_is_directory=True)


@case("added-link-to-a-signed-file", 5, "link        copy.txt")
def _(release: Release) -> None:
    (release.path / "copy.txt").symlink_to("notes.txt")


@case("file-replaced-by-a-link-to-the-same-bytes", 5, "link        notes.txt")
def _(release: Release) -> None:
    (release.path / "notes.txt").rename(release.path.parent / "notes.txt")
    (release.path / "notes.txt").symlink_to("../notes.txt")


@case("directory-replaced-by-a-link", 5, "link        tokenizer")
def _(release: Release) -> None:
    (release.path / "tokenizer").rename(release.path.parent / "tokenizer")
    (release.path / "tokenizer").symlink_to("../tokenizer", target_is_directory=True)


@case("symlinks-allowed-by-the-signer", 5, "link        copy.txt")
def _(release: Release) -> None:
    signed(lambda s: s["predicate"]["serialization"].update(allow_symlinks=True))(release)
    (release.path / "copy.txt").symlink_to("notes.txt")


@case("fifo-in-the-tree", 5, "special     pipe")
def _(release: Release) -> None:
    os.mkfifo(release.path / "pipe")


@case("file-replaced-by-a-fifo", 5, "special     notes.txt")
def _(release: Release) -> None:
    (release.path / "notes.txt").unlink()
    os.mkfifo(release.path / "notes.txt")


@case("socket-in-the-tree", 5, "special     s")
def _(release: Release) -> None:
    here = Path.cwd()
    os.chdir(release.path)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("s")
    finally:
        os.chdir(here)


@case("file-replaced-by-a-directory", 5, "missing     notes.txt")
def _(release: Release) -> None:
    (release.path / "notes.txt").unlink()
    (release.path / "notes.txt").mkdir()


@case("name-that-is-not-utf8", 5, "its name is not UTF-8")
def _(release: Release) -> None:
    (release.path / os.fsdecode(b"\xff\xfe")).write_bytes(b"x")


@case("name-with-terminal-escape", 5, "a\\x1b[2Jb")
def _(release: Release) -> None:
    (release.path / "a\x1b[2Jb").write_bytes(b"x")


@case("name-with-bidirectional-override", 5, "\\u202e")
def _(release: Release) -> None:
    (release.path / "cod\u202egnp.py").write_bytes(b"x")


@case("look-alike-name", 5, "missing     tokenizer/vocab naïve.txt")
def _(release: Release) -> None:
    path = release.path / "tokenizer"
    (path / "vocab naïve.txt").rename(path / "vocab nai\u0308ve.txt")
    (path / "vocab nai\u0308ve.txt").write_bytes(b"other")


AREA[0] = "files"


@case("truncated-to-nothing", 5, "changed     model.safetensors")
def _(release: Release) -> None:
    (release.path / "model.safetensors").write_bytes(b"")


@case("large-file-pointer", 4, "not fetched model.safetensors")
def _(release: Release) -> None:
    data = FILES["model.safetensors"]
    (release.path / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{hashlib.sha256(data).hexdigest()}\nsize {len(data)}\n"
    )


@case("large-file-pointer-to-other-bytes", 5, "changed     model.safetensors")
def _(release: Release) -> None:
    (release.path / "model.safetensors").write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 10240\n"
    )


AREA[0] = "rollback"


@case("other-release-by-the-same-signer", 3, "another release", "--expect-name", "acme/large")
def _(release: Release) -> None:
    del release


@case("older-version-by-the-same-signer", 3, "another release", "--expect-version", "1.11")
def _(release: Release) -> None:
    del release


def run(release: Release, *options: str) -> tuple[int, str]:
    options = tuple(str(release.path.parent / o) if o == "HUGE" else o for o in options)
    arguments = ["verify", str(release.path), "--key", str(release.path.parent / "key.pub")]
    result = CliRunner().invoke(cli, [*arguments, *options])
    return result.exit_code, result.output


@pytest.mark.parametrize("attack", CASES, ids=lambda c: c.name)
def test_attack(release: Release, attack: Case) -> None:
    attack.attack(release)
    code, output = run(release, *attack.options)
    assert (code, attack.message in output) == (attack.exit_code, True), output
    assert "\x1b[2J" not in output
    if attack.exit_code:
        assert not output.startswith("VERIFIED")
    strict_code, _ = run(release, *attack.options, "--strict")
    wanted = attack.exit_code if attack.strict_exit_code is None else attack.strict_exit_code
    assert strict_code == wanted


def test_the_release_under_attack_is_good(release: Release) -> None:
    assert run(release)[0] == run(release, "--strict")[0] == 0


def test_every_attack_has_a_name_of_its_own() -> None:
    assert len({c.name for c in CASES}) == len(CASES)


def test_a_file_that_changes_while_it_is_hashed(release: Release, key: PrivateKey) -> None:
    from manifest.verify.run import verify

    big = release.path / "model.safetensors"

    def write_meanwhile(_bytes: int, _files: int) -> None:
        if big.read_bytes()[:1] != b"\xff":
            big.write_bytes(b"\xff" + FILES["model.safetensors"][1:])

    report = verify(release.path, keys=[key.public], on_total=write_meanwhile)
    assert report.exit_code == 4
    assert report.undecided[0].path == "model.safetensors"
    assert "after the tree was read" in report.undecided[0].reason
