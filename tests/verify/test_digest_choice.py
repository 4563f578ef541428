"""Which of a manifest's digests a verification compares, and what it says of the others."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3
from click.testing import CliRunner
from releases import FILES, RELEASE, Release, assert_ok, make_release

from manifest.build import build, check, write_manifest
from manifest.cli import cli
from manifest.document.manifest_file import dump_manifest, parse_manifest
from manifest.errors import BytesDifferError, ExitCode, UsageError
from manifest.inventory import Algorithm, hash_files, recall
from manifest.render.verify_json import verify_plain
from manifest.render.verify_text import render_verify
from manifest.sign import sign
from manifest.signing.signer import sign_payload
from manifest.signing.statement import build_statement
from manifest.verify.reader import open_release

NOTES = FILES["notes.txt"]
EVIL = b"in no component!"


def asked_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Algorithm, ...]]:
    asked: list[tuple[Algorithm, ...]] = []
    real = hash_files

    def hashing(*args: object, **options: object) -> object:
        asked.append(options["algorithms"])  # type: ignore[arg-type]  # passed by name
        return real(*args, **options)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(recall, "hash_files", hashing)
    return asked


@pytest.mark.parametrize(
    ("choice", "compared", "others"),
    [
        ("auto", ("blake3",), ("sha256",)),
        ("blake3", ("blake3",), ("sha256",)),
        ("sha256", ("sha256",), ("blake3",)),
        ("both", ("sha256", "blake3"), ()),
    ],
)
def test_what_is_asked_for_is_computed_in_one_reading_and_said(
    release: Release,
    monkeypatch: pytest.MonkeyPatch,
    choice: str,
    compared: tuple[str, ...],
    others: tuple[str, ...],
) -> None:
    asked = asked_of_the_engine(monkeypatch)
    report = release.verify(digest=choice)
    assert_ok(report)
    assert report.digests == compared
    assert report.digests_not_compared == others
    assert asked == [compared]
    text = render_verify(report)
    assert f", {', '.join(compared)})" in text.splitlines()[0]
    assert ("--digest both" in text) is bool(others)
    plain = verify_plain(report)
    assert (plain["digests"], plain["digests_not_compared"]) == (list(compared), list(others))


def test_named_roots_are_compared_by_the_same_digest(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "ckpt"
    root.mkdir()
    (root / "a.bin").write_bytes(b"a")
    (release.path / "release.yaml").write_text(
        RELEASE + "  training-logs:\n    files: ['ckpt:*.bin']\nroots:\n  ckpt: {type: directory}\n"
    )
    write_manifest(release.path, build(release.path, roots={"ckpt": root}))
    (release.path / "model.sig").unlink()
    sign(release.path, release.key, roots={"ckpt": root})
    asked = asked_of_the_engine(monkeypatch)
    assert_ok(release.verify(roots={"ckpt": root}, digest="both"))
    assert asked == [("sha256", "blake3")] * 2
    (root / "a.bin").write_bytes(b"b")
    (problem,) = release.verify(roots={"ckpt": root}).problems
    assert (problem.path, problem.algorithm) == ("ckpt:a.bin", "blake3")


def without_blake3(release: Release) -> None:
    (release.path / "release.yaml").write_text(RELEASE + "digests: [sha256]\n")
    write_manifest(release.path, build(release.path))
    release.sign_again()


def test_a_manifest_of_one_digest_verifies_by_it(release: Release) -> None:
    without_blake3(release)
    report = release.verify()
    assert_ok(report)
    assert (report.digests, report.digests_not_compared) == (("sha256",), ())


def drop_manifest(release: Release) -> None:
    (release.path / "manifest.json").unlink()
    files = [f for f in release.path.rglob("*") if f.is_file() and f.name != "model.sig"]
    named = [(str(f.relative_to(release.path)), sha256(f.read_bytes())) for f in files]
    release.sign_payload(build_statement("x", named, []))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("prepare", [without_blake3, drop_manifest])
@pytest.mark.parametrize("choice", ["blake3", "both"])
def test_a_digest_that_nothing_holds_is_no_answer(
    release: Release, prepare: Callable[[Release], None], choice: str
) -> None:
    prepare(release)
    assert_ok(release.verify())
    report = release.verify(digest=choice)
    assert report.exit_code is ExitCode.UNDECIDED
    assert "blake3" in report.undecided_reason
    assert report.digests == ()


def test_a_changed_manifest_is_the_answer_whatever_digest_is_asked_for(release: Release) -> None:
    """None of its digests may be relied on: the statement's own are compared."""
    path = release.path / "manifest.json"
    path.write_bytes(path.read_bytes().replace(blake3(NOTES).hexdigest().encode(), b"0" * 64))
    report = release.verify(digest="blake3")
    assert report.exit_code is ExitCode.DIFFERENT
    assert [p.path for p in report.problems] == ["manifest.json"]
    assert report.digests == ("sha256",)
    part = release.verify(digest="blake3", only=["notes.txt"])
    assert part.exit_code is ExitCode.UNDECIDED


def test_an_unknown_digest_is_a_usage_error(release: Release) -> None:
    with pytest.raises(UsageError, match="md5"):
        release.verify(digest="md5")
    result = CliRunner().invoke(cli, ["verify", str(release.path), "--digest", "md5"])
    assert result.exit_code == ExitCode.USAGE


def test_the_option_reaches_the_report(release: Release) -> None:
    arguments = ["verify", str(release.path), "--integrity-only", "--format", "json"]
    result = CliRunner().invoke(cli, [*arguments, "--digest", "both"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["digests"] == ["sha256", "blake3"]


def bind_two_contents(release: Release) -> None:
    """A publisher signs a manifest whose SHA-256 and BLAKE3 of one file are of two contents."""
    path = release.path / "manifest.json"
    manifest = parse_manifest(path.read_bytes())
    files = tuple(
        f._replace(blake3=blake3(EVIL).hexdigest()) if f.path == "notes.txt" else f
        for f in manifest.files
    )
    data = dump_manifest(dataclasses.replace(manifest, files=files))
    path.write_bytes(data)
    named = [(f.path, f.sha256) for f in files] + [("manifest.json", sha256(data))]
    release.sign_payload(build_statement("x", named, []))


@pytest.mark.parametrize(
    ("content", "choice", "exit_code"),
    [
        (NOTES, "sha256", ExitCode.OK),
        (NOTES, "auto", ExitCode.DIFFERENT),
        (NOTES, "both", ExitCode.NOT_TRUSTED),
        (EVIL, "sha256", ExitCode.DIFFERENT),
        (EVIL, "auto", ExitCode.OK),
        (EVIL, "both", ExitCode.DIFFERENT),
    ],
    ids=lambda value: value.name if isinstance(value, ExitCode) else str(value)[:6],
)
def test_two_contents_bound_by_two_digests_pass_neither_check_of_both(
    release: Release, content: bytes, choice: str, exit_code: ExitCode
) -> None:
    assert len(EVIL) == len(NOTES)
    bind_two_contents(release)
    (release.path / "notes.txt").write_bytes(content)
    report = release.verify(digest=choice)
    assert report.exit_code is exit_code, report
    if exit_code is ExitCode.NOT_TRUSTED:
        assert "different bytes of notes.txt by sha256 and by blake3" in report.refusal


def test_a_changed_file_under_a_blake3_signature_is_changed_not_contradicted(
    release: Release,
) -> None:
    def change(statement: dict[str, object]) -> None:
        from typing import Any, cast

        predicate = cast("dict[str, Any]", statement["predicate"])
        predicate["serialization"]["hash_type"] = "blake3"
        digests = []
        for resource in predicate["resources"]:
            digest = blake3((release.path / resource["name"]).read_bytes())
            resource |= {"algorithm": "blake3", "digest": digest.hexdigest()}
            digests.append(digest.digest())
        subject = cast("list[dict[str, Any]]", statement["subject"])[0]
        subject["digest"] = {"sha256": sha256(b"".join(digests))}

    release.resign(change)
    report = release.verify()
    assert_ok(report)
    assert report.digests == ("blake3", "sha256")
    (release.path / "notes.txt").write_bytes(EVIL)
    report = release.verify()
    assert report.exit_code is ExitCode.DIFFERENT
    assert [p.path for p in report.problems] == ["notes.txt"]


@pytest.mark.parametrize(
    ("line", "digests"),
    [
        ("", ("sha256", "blake3")),
        ("digests: [sha256]\n", ("sha256",)),
        ("digests: [blake3, sha256]\n", ("sha256", "blake3")),
    ],
    ids=["silent", "one", "both"],
)
def test_the_description_says_which_digests_a_manifest_holds(
    release: Release, line: str, digests: tuple[str, ...]
) -> None:
    (release.path / "release.yaml").write_text(RELEASE + line)
    result = build(release.path)
    assert result.manifest.digests == digests
    assert parse_manifest(result.data) == result.manifest
    notes = next(f for f in result.manifest.files if f.path == "notes.txt")
    assert notes.sha256 == sha256(NOTES)
    assert notes.blake3 == (blake3(NOTES).hexdigest() if "blake3" in digests else "")
    assert "digests" not in result.manifest.release


def strip_blake3(release: Release) -> None:
    path = release.path / "manifest.json"
    manifest = parse_manifest(path.read_bytes())
    files = tuple(f._replace(blake3="") for f in manifest.files)
    path.write_bytes(dump_manifest(dataclasses.replace(manifest, digests=("sha256",), files=files)))


def test_a_manifest_from_before_blake3_signs_verifies_and_is_told_apart(release: Release) -> None:
    strip_blake3(release)
    release.sign_again()
    report = release.verify()
    assert_ok(report)
    assert report.digests == ("sha256",)
    compared = check(release.path / "manifest.json", build(release.path))
    assert (compared.changed, compared.claims) == ((), ("digests",))


def test_a_manifest_of_other_digests_than_its_description_names_is_a_finding(
    release: Release,
) -> None:
    (release.path / "release.yaml").write_text(RELEASE + "digests: [sha256, blake3]\n")
    write_manifest(release.path, build(release.path))
    strip_blake3(release)
    data = (release.path / "manifest.json").read_bytes()
    named = [(f.path, f.sha256) for f in parse_manifest(data).files]
    payload = build_statement("x", [*named, ("manifest.json", sha256(data))], [])
    (release.path / "model.sig").write_bytes(sign_payload(payload, release.key))
    report = release.verify()
    assert report.exit_code is ExitCode.FINDINGS
    assert "digests" in report.findings[0]


@pytest.mark.parametrize("digests", ["[blake3]", "[]", "[sha256, md5]", "[sha256, sha256]"])
def test_sha256_is_always_there(release: Release, digests: str) -> None:
    from manifest.errors import DocumentError

    (release.path / "release.yaml").write_text(RELEASE + f"digests: {digests}\n")
    with pytest.raises(DocumentError, match="digests"):
        build(release.path)


def test_progress_covers_every_reading(tmp_path: Path, release: Release) -> None:
    expected: list[tuple[int, int]] = []
    done: list[tuple[int, int]] = []
    release.verify(
        on_total=lambda *n: expected.append(n), progress=lambda *n: done.append(n), digest="both"
    )
    assert [sum(column) for column in zip(*done, strict=True)] == list(expected[0])
    assert len(expected) == 1
    again = make_release_of_ranges(tmp_path / "ranges", release)
    expected.clear()
    done.clear()
    assert_ok(
        again.verify(on_total=lambda *n: expected.append(n), progress=lambda *n: done.append(n))
    )
    assert [sum(column) for column in zip(*done, strict=True)] == list(expected[0])
    manifest_size = (again.path / "manifest.json").stat().st_size
    assert expected[0][0] == 2 * sum(map(len, FILES.values())) + manifest_size


def make_release_of_ranges(path: Path, like: Release) -> Release:
    path.mkdir()
    release = make_release(path, like.key)

    def change(statement: dict[str, object]) -> None:
        from typing import Any, cast

        predicate = cast("dict[str, Any]", statement["predicate"])
        resources = []
        for name in sorted([*FILES, "manifest.json"]):
            data = (path / name).read_bytes()
            if data:
                resources.append(
                    {
                        "name": f"{name}:0:{len(data)}",
                        "algorithm": "sha256",
                        "digest": sha256(data),
                    }
                )
        predicate["serialization"] |= {"method": "shards", "shard_size": 1 << 20}
        predicate["resources"] = resources
        root = b"".join(bytes.fromhex(r["digest"]) for r in resources)
        cast("list[dict[str, Any]]", statement["subject"])[0]["digest"]["sha256"] = sha256(root)

    release.resign(change)
    return release


def test_a_reader_relies_on_no_digest_that_the_manifest_does_not_name(release: Release) -> None:
    path = release.path / "manifest.json"
    bind_two_contents(release)
    named_one = dataclasses.replace(parse_manifest(path.read_bytes()), digests=("sha256",))
    path.write_bytes(dump_manifest(named_one))
    named = [(f.path, f.sha256) for f in named_one.files]
    named.append(("manifest.json", sha256(path.read_bytes())))
    release.sign_payload(build_statement("x", named, []))
    with open_release(release.path, keys=[release.key.public]) as reader:
        assert reader.load_bytes("notes.txt") == NOTES
        (release.path / "notes.txt").write_bytes(EVIL)
        with pytest.raises(BytesDifferError, match=r"notes\.txt"):
            reader.load_bytes("notes.txt")
