"""What an adversary, or the publisher, can try with an inventory and the directory that it owns.

Each case changes a good signed release whose data are kept in an inventory, and is run through the
command line: the exit code is that of spec/exit-codes.md, and the message names the cause.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import blake3
import pytest
from click.testing import CliRunner
from permissions import permissions_hold
from releases import Release

from manifest.build import build, check, write_manifest
from manifest.cli import cli
from manifest.document.manifest_entries import files_digest
from manifest.document.manifest_file import dump_manifest, parse_manifest
from manifest.errors import BytesDifferError, DocumentError, ManifestError, TreeError
from manifest.inventory.lines import InventoryReader
from manifest.inventory.merkle import leaf_hash, root_of
from manifest.sign import sign
from manifest.signing.keys import PrivateKey, private_pem, public_pem
from manifest.signing.statement import parse_statement
from manifest.verify.report import ProblemKind, StepStatus
from manifest.verify.run import verify

DESCRIPTION = """\
schema_version: "1.0"
name: acme/corpus
version: "1"
described_by: publisher
components:
  datasets:
    inventory:
      path: data/train.jsonl
      directory: data/train/
  evaluation-data:
    inventory:
      path: data/test.jsonl
      directory: data/test
"""
TRAIN = {f"part-{n % 3}/shard-{n:03d}.bin": b"%d\n" % n * (n + 1) for n in range(12)}
TEST = {"a.txt": b"a", "b.txt": b"b"}

Attack = Callable[[Release], None]


def populate(path: Path, description: str = DESCRIPTION) -> None:
    (path / "release.yaml").write_text(description)
    (path / "README.md").write_text("# data\n")
    for directory, files in (("train", TRAIN), ("test", TEST)):
        for name, data in files.items():
            file = path / "data" / directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


@pytest.fixture
def corpus(tmp_path: Path, key: PrivateKey) -> Release:
    path = tmp_path / "release"
    path.mkdir()
    populate(path)
    write_manifest(path, build(path))
    sign(path, key)
    (tmp_path / "key.pub").write_bytes(public_pem(key.public))
    return Release(path, key)


def run(corpus: Release, *options: str) -> tuple[int, str]:
    key = corpus.path.parent / "key.pub"
    arguments = ["verify", str(corpus.path), "--key", str(key), *options]
    done = CliRunner().invoke(cli, arguments)
    return done.exit_code, done.output


def test_a_good_corpus_is_verified(corpus: Release) -> None:
    code, text = run(corpus)
    assert (code, text.partition("  ")[0]) == (0, "VERIFIED")
    assert "all 19 files" in text  # 14 owned, two inventories, release.yaml, README.md, manifest
    report = corpus.verify()
    assert report.files_checked == report.files_expected == 19
    assert report.ok


def test_the_manifest_lists_the_inventories_and_not_the_files(corpus: Release) -> None:
    manifest = parse_manifest((corpus.path / "manifest.json").read_bytes())
    assert [f.path for f in manifest.files] == [
        "README.md", "data/test.jsonl", "data/train.jsonl", "release.yaml",
    ]  # fmt: skip
    bound = {b.component: b.binding for b in manifest.inventories}
    data = (corpus.path / "data/train.jsonl").read_bytes()
    lines = data.splitlines()
    assert [json.loads(line)["path"] for line in lines] == sorted(TRAIN)
    for line in lines:
        entry = json.loads(line)
        content = TRAIN[entry["path"]]
        assert entry["size"] == len(content)
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    assert bound["datasets"].sha256 == hashlib.sha256(data).hexdigest()
    assert bound["datasets"].file_count == len(TRAIN)
    assert bound["datasets"].total_size == sum(map(len, TRAIN.values()))
    assert bound["datasets"].merkle_root == root_of(map(leaf_hash, lines)).hex()


def test_the_signature_ignores_what_inventories_own_and_the_peer_accepts_it(
    corpus: Release,
) -> None:
    ignored = corpus.statement()["predicate"]["serialization"]["ignore_paths"]
    assert {"data/test", "data/train"} <= set(ignored)
    parse_statement(json.dumps(corpus.statement()).encode())


@pytest.mark.peer
def test_the_peer_verifies_the_inventory(corpus: Release) -> None:
    pytest.importorskip("model_signing")
    done = subprocess.run(
        [
            sys.executable, "-m", "model_signing", "verify", "key", str(corpus.path),
            "--signature", str(corpus.path / "model.sig"),
            "--public_key", str(corpus.path.parent / "key.pub"),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Verification succeeded" in done.stdout + done.stderr


def test_signing_says_whom_the_files_in_it_are_bound_by(corpus: Release) -> None:
    notes = " ".join(sign(corpus.path, corpus.key).notes)
    assert "12 files in data/train/ are bound through data/train.jsonl" in notes
    assert "other OMS verifiers check that inventory and not the files in it" in notes


# What lies in the owned directory.


def change(release: Release) -> None:
    (release.path / "data/train/part-1/shard-004.bin").write_bytes(b"5\n" * 5)


def enlarge(release: Release) -> None:
    (release.path / "data/train/part-1/shard-004.bin").write_bytes(b"5\n" * 50)


def remove(release: Release) -> None:
    (release.path / "data/train/part-1/shard-004.bin").unlink()


def add(release: Release) -> None:
    (release.path / "data/train/part-1/added").write_bytes(b"")


def add_in_a_new_directory(release: Release) -> None:
    (release.path / "data/train/zz/y").mkdir(parents=True)
    (release.path / "data/train/zz/y/added").write_bytes(b"x")


def rename(release: Release) -> None:
    directory = release.path / "data/train"
    (directory / "part-1/shard-004.bin").rename(directory / "zz.bin")


def link(release: Release) -> None:
    (release.path / "data/train/added").symlink_to("part-1")


def link_in_place(release: Release) -> None:
    remove(release)
    (release.path / "data/train/part-1/shard-004.bin").symlink_to("shard-001.bin")


def directory_link_in_place(release: Release) -> None:
    moved = release.path.parent / "elsewhere"
    (release.path / "data/train/part-1").rename(moved)
    (release.path / "data/train/part-1").symlink_to(moved)


def owned_link(release: Release) -> None:
    moved = release.path.parent / "elsewhere"
    (release.path / "data/train").rename(moved)
    (release.path / "data/train").symlink_to(moved)


def pipe(release: Release) -> None:
    os.mkfifo(release.path / "data/train/pipe")


def file_as_directory(release: Release) -> None:
    remove(release)
    (release.path / "data/train/part-1/shard-004.bin").mkdir()
    (release.path / "data/train/part-1/shard-004.bin/x").write_bytes(b"x")


def gone(release: Release) -> None:
    shutil.rmtree(release.path / "data/train")


def emptied(release: Release) -> None:
    gone(release)
    (release.path / "data/train").mkdir()


def pointer(release: Release) -> None:
    file = release.path / "data/train/part-1/shard-004.bin"
    data = file.read_bytes()
    file.write_text(
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{hashlib.sha256(data).hexdigest()}\nsize {len(data)}\n"
    )


# The inventory itself.


def edit_inventory(release: Release) -> None:
    file = release.path / "data/train.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    (release.path / "data/train" / max(TRAIN)).unlink()


def swap_inventories(release: Release) -> None:
    data = release.path / "data"
    (data / "train.jsonl").rename(data / "x")
    (data / "test.jsonl").rename(data / "train.jsonl")
    (data / "x").rename(data / "test.jsonl")


def swap_everything(release: Release) -> None:
    swap_inventories(release)
    data = release.path / "data"
    (data / "train").rename(data / "x")
    (data / "test").rename(data / "train")
    (data / "x").rename(data / "test")


def remove_inventory(release: Release) -> None:
    (release.path / "data/train.jsonl").unlink()


def link_inventory(release: Release) -> None:
    file = release.path / "data/train.jsonl"
    file.rename(release.path.parent / "x.jsonl")
    file.symlink_to(release.path.parent / "x.jsonl")


CASES = [
    ("changed", change, 5, "changed     data/train/part-1/shard-004.bin"),
    ("changed-size", enlarge, 5, "changed     data/train/part-1/shard-004.bin"),
    ("missing", remove, 5, "missing     data/train/part-1/shard-004.bin"),
    ("added", add, 5, "added       data/train/part-1/added"),
    ("added-directory", add_in_a_new_directory, 5, "added       data/train/zz/y/added"),
    ("renamed", rename, 5, "is now data/train/zz.bin"),
    ("link", link, 5, "link        data/train/added"),
    ("link-in-place", link_in_place, 5, "link        data/train/part-1/shard-004.bin"),
    ("directory-link", directory_link_in_place, 5, "link        data/train/part-1"),
    ("owned-directory-is-a-link", owned_link, 5, "link        data/train"),
    ("special", pipe, 5, "special     data/train/pipe"),
    ("file-as-directory", file_as_directory, 5, "added       data/train/part-1/shard-004.bin/x"),
    ("owned-directory-gone", gone, 5, "missing     data/train/"),
    ("owned-directory-empty", emptied, 5, "12 missing"),
    ("large-file-pointer", pointer, 4, "not fetched data/train/part-1/shard-004.bin"),
    ("inventory-shortened", edit_inventory, 5, "changed     data/train.jsonl"),
    ("inventories-swapped", swap_inventories, 5, "changed     data/train.jsonl"),
    ("inventories-and-files-swapped", swap_everything, 5, "changed     data/train.jsonl"),
    ("inventory-missing", remove_inventory, 5, "missing     data/train.jsonl"),
    ("inventory-is-a-link", link_inventory, 5, "link        data/train.jsonl"),
]


@pytest.mark.parametrize(
    ("attack", "code", "message"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_what_is_changed_is_named(corpus: Release, attack: Attack, code: int, message: str) -> None:
    attack(corpus)
    found, text = run(corpus)
    assert message in text
    assert found == code
    # With a component or a pattern of the part that was attacked the answer is the same.
    assert run(corpus, "--component", "datasets")[0] == code


@pytest.mark.parametrize("attack", [change, remove, edit_inventory, gone])
def test_what_is_changed_elsewhere_is_no_part_of_a_check(corpus: Release, attack: Attack) -> None:
    attack(corpus)
    code, text = run(corpus, "--component", "evaluation-data")
    assert code == 0
    assert "VERIFIED IN PART" in text


def test_an_unknown_list_is_said_to_be_unknown(corpus: Release) -> None:
    edit_inventory(corpus)
    code, text = run(corpus)
    assert code == 5
    assert "data/train/ (12 files): its inventory is not the one that was signed" in text
    # The pattern names files of the directory only, and the list is what is wrong.
    code, text = run(corpus, "--only", "data/train/part-0/*")
    assert (code, "data/train.jsonl" in text) == (5, True)
    report = corpus.verify(components=["datasets"])
    assert [p.path for p in report.problems] == ["data/train.jsonl"]


def test_only_reaches_into_an_owned_directory(corpus: Release) -> None:
    report = corpus.verify(only=["data/train/part-1/*"])
    assert report.ok
    assert report.files_checked == 4
    change(corpus)
    assert corpus.verify(only=["data/train/part-0/*"]).ok
    assert not corpus.verify(only=["data/train/part-1/*", "README.md"]).ok
    code, text = run(corpus, "--only", "data/train/part-9/*")
    assert code == 2
    assert "matches no signed file" in text


@pytest.mark.parametrize("pattern", ["evil.bin", "evil*", "part-1/../evil.bin", "**/evil.*"])
def test_a_pattern_that_only_an_added_file_matches_has_no_signed_file(
    corpus: Release, pattern: str
) -> None:
    (corpus.path / "data/train/evil.bin").write_bytes(b"nobody signed this")
    code, text = run(corpus, "--only", f"data/train/{pattern}")
    assert (code, "VERIFIED" in text) == (2, False)
    code, _ = run(corpus, "--only", f"data/train/{pattern}", "--component", "evaluation-data")
    assert code == 2


def test_a_pattern_within_a_component_that_is_asked_for_as_a_whole(corpus: Release) -> None:
    report = corpus.verify(only=["data/train/part-1/*"], components=["datasets"])
    assert (report.ok, report.files_checked) == (True, 13)


def test_a_pattern_in_an_owned_directory_that_is_gone(corpus: Release) -> None:
    shutil.rmtree(corpus.path / "data/train")
    report = corpus.verify(only=["data/train/part-1/*"])
    assert [(p.kind, p.path) for p in report.problems] == [(ProblemKind.MISSING, "data/train/")]


@pytest.mark.parametrize("path", ["data/train", "data", "data/train/part-1"])
def test_a_consumer_cannot_ignore_what_an_inventory_owns(corpus: Release, path: str) -> None:
    code, _ = run(corpus, "--ignore", path)
    assert code == 2


def test_without_a_trusted_manifest_nothing_is_owned(corpus: Release) -> None:
    """The ignored paths of a signature hide nothing by themselves."""
    (corpus.path / "manifest.json").write_text("{}")
    report = corpus.verify()
    kinds = {p.path: p.kind for p in report.problems}
    assert kinds["manifest.json"] is ProblemKind.CHANGED
    assert kinds["data/train/part-1/shard-004.bin"] is ProblemKind.HIDDEN
    assert report.exit_code == 5


# What a publisher could sign: every byte below is as it was signed.


def rebind(corpus: Release, lines: bytes, **claims: Any) -> None:
    """Replace an inventory and everything that binds it, and sign the statement again."""
    (corpus.path / "data/train.jsonl").write_bytes(lines)
    path = corpus.path / "manifest.json"
    manifest = parse_manifest(path.read_bytes())
    try:
        reader = InventoryReader(io.BytesIO(lines).read, what="x")
        list(reader)
        binding = dataclasses.replace(reader.binding(), **claims)
    except ManifestError:
        binding = dataclasses.replace(
            manifest.inventories[0].binding, sha256=hashlib.sha256(lines).hexdigest(), **claims
        )
    files = tuple(
        f._replace(size=len(lines), sha256=binding.sha256, blake3=blake3.blake3(lines).hexdigest())
        if f.path == "data/train.jsonl"
        else f
        for f in manifest.files
    )
    mine = [f for f in files if "datasets" in f.components]
    components = tuple(
        dataclasses.replace(
            c,
            binding=binding,
            size=sum(f.size for f in mine),
            root_digest=files_digest(mine),
        )
        if c.id == "datasets"
        else c
        for c in manifest.components
    )
    manifest = dataclasses.replace(
        manifest,
        files=files,
        components=components,
        root_digest=files_digest(files),
        total_size=sum(f.size for f in files),
    )
    data = dump_manifest(manifest)
    path.write_bytes(data)

    def resign(statement: dict[str, Any]) -> None:
        digests = {f.path: f.sha256 for f in files}
        digests["manifest.json"] = hashlib.sha256(data).hexdigest()
        resources = statement["predicate"]["resources"]
        for one in resources:
            one["digest"] = digests[one["name"]]
        joined = b"".join(bytes.fromhex(one["digest"]) for one in resources)
        statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(joined).hexdigest()

    corpus.resign(resign)


def good_lines(corpus: Release) -> list[bytes]:
    return (corpus.path / "data/train.jsonl").read_bytes().splitlines(keepends=True)


def test_the_same_inventory_bound_again_is_accepted(corpus: Release) -> None:
    rebind(corpus, b"".join(good_lines(corpus)))
    assert corpus.verify().ok


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda lines: lines[::-1], "out of order", id="unsorted"),
        pytest.param(lambda lines: [lines[0], *lines], "listed twice", id="duplicate"),
        pytest.param(
            lambda lines: [lines[0].replace(b'"path":"', b'"path":"../../'), *lines[1:]],
            '".."', id="parent",
        ),
        pytest.param(
            lambda lines: [lines[0].replace(b'"path":"', b'"path":"/'), *lines[1:]],
            "absolute", id="absolute",
        ),
        pytest.param(
            lambda lines: [lines[0].replace(b"part-0", b"Part-0"), *lines],
            "letter case", id="case",
        ),
        pytest.param(
            lambda lines: [
                *lines,
                lines[-1].replace(b"part-2", "z\u0301".encode()),
                lines[-1].replace(b"part-2", "\u017a".encode()),
            ],
            "Unicode form", id="unicode-form",
        ),
        pytest.param(
            lambda lines: [lines[0].replace(b"{", b'{"path":"a",', 1), *lines[1:]],
            "form", id="duplicate-key",
        ),
        pytest.param(lambda lines: [b"\xef\xbb\xbf", *lines], "byte order mark", id="bom"),
        pytest.param(
            lambda lines: [line.replace(b"\n", b"\r\n") for line in lines], "CR LF", id="crlf"
        ),
        pytest.param(
            lambda lines: [*lines[:-1], lines[-1][:-1]], "cut off", id="no-final-newline"
        ),
        pytest.param(lambda _: [b"x" * 3_000_000], "longer than", id="huge-line"),
        pytest.param(
            lambda lines: [line[:-1].partition(b',"blake3"')[0] + b"}\n" for line in lines],
            "other digests", id="one-digest-of-two",
        ),
    ],
)  # fmt: skip
def test_an_inventory_that_is_none_is_not_trusted(
    corpus: Release, change: Callable[[list[bytes]], list[bytes]], message: str
) -> None:
    rebind(corpus, b"".join(change(good_lines(corpus))))
    code, text = run(corpus)
    assert message in text
    assert code == 3
    assert "NOT TRUSTED" in text


@pytest.mark.parametrize(
    "claims",
    [{"file_count": 11}, {"file_count": 13}, {"total_size": 0}, {"merkle_root": "0" * 64}],
    ids=["count-low", "count-high", "size", "root"],
)
def test_a_binding_that_does_not_hold_is_not_trusted(
    corpus: Release, claims: dict[str, Any]
) -> None:
    rebind(corpus, b"".join(good_lines(corpus)), **claims)
    code, text = run(corpus)
    assert code == 3
    assert next(iter(claims)) in text


def test_a_publisher_who_leaves_a_file_out_of_the_list_is_found_out(corpus: Release) -> None:
    rebind(corpus, b"".join(good_lines(corpus)[:-1]))
    code, text = run(corpus)
    assert code == 5
    assert f"added       data/train/{max(TRAIN)}" in text


def test_two_digests_of_different_bytes_are_not_trusted(corpus: Release) -> None:
    lines = good_lines(corpus)
    other = lines[1].partition(b'"blake3":"')[2]
    lines[0] = lines[0].partition(b'"blake3":"')[0] + b'"blake3":"' + other
    rebind(corpus, b"".join(lines))
    assert not corpus.verify().ok
    assert corpus.verify(digest="sha256").ok
    report = corpus.verify(digest="both")
    assert report.exit_code == 3
    assert "binds different bytes" in report.refusal
    with pytest.raises(BytesDifferError, match="blake3"):
        sign(corpus.path, corpus.key)


# Samples.


def test_a_sample_compares_all_names_and_sizes_and_some_bytes(corpus: Release) -> None:
    report = corpus.verify(sample=5, components=["datasets"])
    assert report.ok
    assert "sample" in report.part
    (sample,) = report.samples
    assert (sample.files, sample.sampled) == (12, 5)
    assert sample.misses[0].probability == pytest.approx(1 - 5 / 12)
    assert report.files_checked == 5 + 1  # and the inventory itself


@pytest.mark.parametrize("attack", [enlarge, remove, add, rename, link_in_place, edit_inventory])
def test_no_sample_misses_names_and_sizes(corpus: Release, attack: Attack) -> None:
    attack(corpus)
    assert not corpus.verify(sample=1).ok


def test_a_sample_of_everything_misses_nothing_and_chance_decides(corpus: Release) -> None:
    change(corpus)
    assert corpus.verify(sample=12).exit_code == 5
    found = [corpus.verify(sample=6, components=["datasets"]).ok for _ in range(30)]
    assert True in found  # each with probability one half
    assert False in found


def test_a_sample_states_what_it_may_have_missed(corpus: Release) -> None:
    code, text = run(corpus, "--sample", "3")
    assert code == 0
    assert "VERIFIED IN PART" in text
    assert "had 1 file been changed, this sample would have missed it with probability 0.75" in text
    code, text = run(corpus, "--sample", "3", "--format", "json")
    plain = json.loads(text)
    train = next(s for s in plain["samples"] if s["inventory"] == "data/train.jsonl")
    assert train["missed"][0] == {"damaged": 1, "share": None, "probability": 0.75}
    assert code == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--sample", "0"),
        ("--sample", "3", "--only", "data/**"),
        ("--sample", "x"),
    ],
)
def test_a_sample_that_makes_no_sense_is_a_usage_error(
    corpus: Release, options: tuple[str, ...]
) -> None:
    assert run(corpus, *options)[0] == 2


def test_a_release_without_inventories_has_no_sample(release: Release) -> None:
    code, text = run(release, "--sample", "3")
    assert code == 2
    assert "has an inventory" in text


# What a description may not say.


@pytest.mark.parametrize(
    ("path", "directory", "message"),
    [
        pytest.param("a.jsonl", ".", "whole of a root", id="the-release"),
        pytest.param("a.jsonl", "./", "whole of a root", id="the-release-with-a-slash"),
        pytest.param("a.jsonl", "/", "whole of a root", id="a-slash"),
        pytest.param("a.jsonl", "/data", "absolute", id="absolute"),
        pytest.param("a.jsonl", '"data/[x]"', "ignored path", id="wildcard"),
        pytest.param("a.jsonl", "data/../..", '".."', id="parent"),
        pytest.param("a.jsonl", "data//train", "empty component", id="empty-component"),
        pytest.param("a.jsonl", "signatures", "no inventory can own signatures", id="signatures"),
        pytest.param("a.jsonl", "Signatures/x", "no inventory can own", id="in-signatures"),
        pytest.param("a.jsonl", "model.sig", "no inventory can own", id="model.sig"),
        pytest.param("a.jsonl", ".git", "no inventory can own", id="git"),
        pytest.param("a.jsonl", ".cache", "no inventory can own", id="cache"),
        pytest.param("a.jsonl", "manifest.json", "no inventory can own", id="manifest"),
        pytest.param("a.jsonl", "release.yaml", "no inventory can own", id="description"),
        pytest.param("data/train/a.jsonl", "data/train", "lies in what", id="inside-itself"),
        pytest.param("data/test/a.jsonl", "data/train", "lies in what", id="inside-another"),
        pytest.param("manifest.json", "data/train", "not the name", id="named-manifest"),
        pytest.param("release.yaml", "data/train", "not the name", id="named-description"),
        pytest.param("signatures/a", "data/train", "not the name", id="named-signature"),
        pytest.param("../a.jsonl", "data/train", '".."', id="named-outside"),
        pytest.param("a.jsonl", "data/test", "is what the inventory of", id="the-same"),
        pytest.param("a.jsonl", "data/test/x", "lies in what that of", id="nested"),
        pytest.param("a.jsonl", "data", "lies in what that of", id="around"),
        pytest.param("a.jsonl", "DATA/Test/x", "lies in what that of", id="nested-by-case"),
        pytest.param("data/test.jsonl", "data/train", "too", id="one-file-twice"),
    ],
)
def test_a_description_owns_nothing_that_it_must_not(
    tmp_path: Path, path: str, directory: str, message: str
) -> None:
    text = DESCRIPTION.replace("data/train/", directory).replace("data/train.jsonl", path)
    populate(tmp_path, text)
    with pytest.raises(DocumentError) as caught:
        build(tmp_path)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "attack",
    [link, pipe, gone, emptied, owned_link],
)
def test_a_build_refuses_what_no_inventory_lists(corpus: Release, attack: Attack) -> None:
    before = (corpus.path / "data/train.jsonl").read_bytes()
    attack(corpus)
    with pytest.raises(ManifestError) as caught:
        build(corpus.path)
    assert caught.value.exit_code in (1, 4)
    assert (corpus.path / "data/train.jsonl").read_bytes() == before


def test_a_build_refuses_names_that_clash(corpus: Release) -> None:
    (corpus.path / "data/train/part-1/Shard-004.bin").write_bytes(b"")
    with pytest.raises(TreeError, match=r"Shard-004\.bin and .*shard-004\.bin differ only"):
        build(corpus.path)


def test_a_build_does_not_overwrite_what_is_no_inventory(corpus: Release) -> None:
    (corpus.path / "data/train.jsonl").write_text('{"text": "a record of the data"}\n')
    result = build(corpus.path)
    with pytest.raises(TreeError, match="is not an inventory that this program wrote"):
        write_manifest(corpus.path, result)


def test_two_builds_are_the_same_and_a_check_says_what_is_stale(corpus: Release) -> None:
    path = corpus.path / "manifest.json"
    assert check(path, build(corpus.path)).is_same
    edit_inventory(corpus)
    result = check(path, build(corpus.path))
    assert "data/train.jsonl" in result.changed
    corpus_again = build(corpus.path)
    write_manifest(corpus.path, corpus_again)
    assert check(path, build(corpus.path)).is_same
    remove_inventory(corpus)
    assert check(path, build(corpus.path)).missing == ("data/train.jsonl",)


@pytest.mark.parametrize("attack", [change, remove, add, link, edit_inventory, swap_inventories])
def test_nobody_signs_what_an_inventory_does_not_list(corpus: Release, attack: Attack) -> None:
    before = (corpus.path / "model.sig").read_bytes()
    attack(corpus)
    with pytest.raises(ManifestError):
        sign(corpus.path, corpus.key)
    assert (corpus.path / "model.sig").read_bytes() == before


# Named roots.


def test_an_inventory_may_own_a_directory_of_a_named_root(tmp_path: Path, key: PrivateKey) -> None:
    release, store = tmp_path / "release", tmp_path / "store"
    release.mkdir()
    (store / "shards").mkdir(parents=True)
    for name, data in TEST.items():
        (store / "shards" / name).write_bytes(data)
    (release / "release.yaml").write_text(
        'schema_version: "1.0"\nname: a/b\nversion: "1"\ndescribed_by: publisher\n'
        "roots:\n  store: {type: directory}\n"
        "components:\n  datasets:\n    inventory: "
        '{path: shards.jsonl, directory: "store:shards/"}\n'
    )
    write_manifest(release, build(release, roots={"store": store}))
    result = sign(release, key, roots={"store": store})
    assert any("store:shards/" in note for note in result.notes)
    report = verify(release, keys=[key.public], roots={"store": store})
    assert report.ok
    assert report.files_checked == 5
    assert not report.not_checked
    alone = verify(release, keys=[key.public])
    assert alone.ok
    assert "store:shards/ (2 files)" in " ".join(alone.not_checked)
    (store / "shards" / "a.txt").write_bytes(b"c")
    (store / "beside").write_bytes(b"")
    report = verify(release, keys=[key.public], roots={"store": store})
    assert {p.path: p.kind for p in report.problems} == {
        "store:shards/a.txt": ProblemKind.CHANGED,
        "store:beside": ProblemKind.ADDED,
    }


# Size.


@pytest.mark.long
def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    """Peak resident memory of processes that build, verify and sample 200,000 files."""
    script = (
        "import pathlib, sys\n"
        "from manifest.build import build, write_manifest\n"
        "from manifest.verify.run import verify\n"
        "directory, what = sys.argv[1:]\n"
        "if what == 'build':\n"
        "    write_manifest(directory, build(directory))\n"
        "else:\n"
        "    assert verify(directory, integrity_only=True).ok\n"
        # Not `ru_maxrss`: a child begins with what its parent had.
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(status.partition('VmHWM:')[2].split()[0])\n"
    )
    (tmp_path / "release.yaml").write_text(DESCRIPTION.partition("  evaluation-data")[0])
    for part in range(200):
        directory = tmp_path / "data" / "train" / f"part-{part:03d}"
        directory.mkdir(parents=True)
        for number in range(1000):
            (directory / f"shard-{number:04d}").touch()
    for what in ("build", "verify"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path), what],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        peak = int(done.stdout) / 1024
        assert peak < 120, f"{what}: {peak:.0f} MiB"


@pytest.mark.parametrize(
    ("path", "data"),
    [("data/test/a.txt", b"b"), ("data/test/a.txt", b"longer"), ("data/test/new.txt", b"new"),
     ("data/test.jsonl", b"")],
    ids=["other bytes", "another size", "added", "the inventory"],
)  # fmt: skip
def test_the_step_of_bytes_fails_where_an_owned_file_differs(
    corpus: Release, path: str, data: bytes
) -> None:
    (step,) = (s for s in corpus.verify().steps if s.name == "bytes")
    assert (step.status, step.detail) == (StepStatus.OK, "19 files as signed")
    (corpus.path / path).write_bytes(data)
    report = corpus.verify()
    assert report.problems
    (step,) = (s for s in report.steps if s.name == "bytes")
    assert step.status is StepStatus.FAILED
    assert step.detail == f"{report.files_checked} files as signed"


def test_build_and_sign_count_what_inventories_list(corpus: Release, tmp_path: Path) -> None:
    owned = sum(map(len, (*TRAIN.values(), *TEST.values())))
    (tmp_path / "key").write_bytes(private_pem(corpus.key, None))
    sign_it = ["sign", str(corpus.path), "--key", str(tmp_path / "key")]
    for arguments, total in ((["build", str(corpus.path)], 18), (sign_it, 19)):
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code == 0, done.output
        (line,) = (line for line in done.stdout.splitlines() if "acme/corpus 1" in line)
        assert f"{total} files" in line
        assert "(14 in inventories)" in line
        told = json.loads(CliRunner().invoke(cli, [*arguments, "--format", "json"]).stdout)
        assert (told["file_count"], told["owned_count"]) == (total - 14, 14)
        assert told["owned_size"] == owned
    components = json.loads(
        CliRunner().invoke(cli, ["build", str(corpus.path), "--format", "json"]).stdout
    )["components"]
    assert {c["id"]: c["owned_count"] for c in components} == {
        "datasets": len(TRAIN), "evaluation-data": len(TEST),
    }  # fmt: skip


# Stretches: a corpus is compared a few thousand files at a time, here two at a time.


@pytest.fixture
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("manifest.inventory.in_step.BATCH", 2)


@pytest.mark.usefixtures("short_stretches")
def test_a_file_renamed_into_another_stretch_is_one_that_was_renamed(corpus: Release) -> None:
    rename(corpus)
    (corpus.path / "data/train/zzz.bin").write_bytes(b"9\n" * 5)  # of the same size
    report = corpus.verify()
    found = {(p.kind, p.path, p.renamed_to) for p in report.problems}
    assert found == {
        (ProblemKind.RENAMED, "data/train/part-1/shard-004.bin", "data/train/zz.bin"),
        (ProblemKind.ADDED, "data/train/zzz.bin", ""),
    }


@pytest.mark.usefixtures("short_stretches")
def test_files_below_a_link_are_missing_because_of_it_in_every_stretch(corpus: Release) -> None:
    directory_link_in_place(corpus)
    report = corpus.verify()
    assert {(p.kind, p.path) for p in report.problems} >= {(ProblemKind.LINK, "data/train/part-1")}
    assert report.exit_code == 5


@pytest.mark.usefixtures("short_stretches")
def test_files_below_what_cannot_be_read_are_undecided_in_every_stretch(corpus: Release) -> None:
    (corpus.path / "data/train/part-1").chmod(0)
    with permissions_hold():
        report = corpus.verify()
    (corpus.path / "data/train/part-1").chmod(0o755)
    assert report.exit_code == 4
    assert report.problems == ()
    assert "data/train/part-1" in {u.path for u in report.undecided}


@pytest.mark.usefixtures("short_stretches")
def test_what_is_missing_is_told_beside_what_was_renamed(corpus: Release) -> None:
    rename(corpus)
    (corpus.path / "data/train/part-2/shard-002.bin").unlink()
    assert {(p.kind, p.path) for p in corpus.verify().problems} == {
        (ProblemKind.RENAMED, "data/train/part-1/shard-004.bin"),
        (ProblemKind.MISSING, "data/train/part-2/shard-002.bin"),
    }


@pytest.mark.usefixtures("short_stretches")
def test_every_stretch_is_counted(corpus: Release) -> None:
    report = corpus.verify()
    listed = [f for f in corpus.path.rglob("*") if f.is_file() and f.name != "model.sig"]
    assert report.ok
    assert (report.files_expected, report.files_checked) == (len(listed), len(listed))
    assert report.bytes_checked == sum(f.stat().st_size for f in listed)
    (corpus.path / "data/train/part-0/shard-000.bin").write_bytes(b"longer than it was")
    (corpus.path / "data/train/part-2/shard-011.bin").write_bytes(b"longer than it was")
    report = corpus.verify()
    assert (report.files_expected, report.files_checked) == (len(listed), len(listed) - 2)


@pytest.mark.usefixtures("short_stretches")
def test_differences_of_all_stretches_share_the_names_there_are(
    corpus: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest.verify.inventories.MAX_NAMED", 5)
    for file in (corpus.path / "data/train").rglob("shard-*"):
        file.write_bytes(b"another")
    report = corpus.verify()
    assert len(report.problems) == 5
    assert "data/train/: 7 more files differ, and are not named" in report.warnings
    for file in (corpus.path / "data/train").rglob("shard-*"):
        file.chmod(0)
    with permissions_hold():
        report = corpus.verify()
    assert (len(report.problems), len(report.undecided)) == (5, 0)
    for name, data in TRAIN.items():
        file = corpus.path / "data/train" / name
        file.chmod(0o600)
        file.write_bytes(data)
        file.chmod(0)
    with permissions_hold():
        report = corpus.verify()
    assert (len(report.problems), len(report.undecided)) == (0, 5)
    assert "data/train/: 7 more files differ, and are not named" in report.warnings


@pytest.mark.usefixtures("short_stretches")
def test_a_file_renamed_into_another_stretch_of_a_named_root(
    tmp_path: Path, key: PrivateKey
) -> None:
    home, store = tmp_path / "home", tmp_path / "store"
    home.mkdir()
    for name, data in TRAIN.items():
        (store / "deep" / name).parent.mkdir(parents=True, exist_ok=True)
        (store / "deep" / name).write_bytes(data)
    (home / "release.yaml").write_text(
        'schema_version: "1.0"\nname: acme/corpus\nversion: "1"\ndescribed_by: publisher\n'
        "roots: {store: {type: directory}}\ncomponents:\n  datasets:\n    inventory:\n"
        "      path: train.jsonl\n      directory: store:deep\n"
    )
    roots = {"store": store}
    write_manifest(home, build(home, roots=roots))
    sign(home, key, roots=roots)
    (store / "deep/part-0/shard-000.bin").rename(store / "deep/zz.bin")
    report = verify(home, keys=[key.public], roots=roots)
    assert {(p.kind, p.path, p.renamed_to, p.found_size) for p in report.problems} == {
        (ProblemKind.RENAMED, "store:deep/part-0/shard-000.bin", "store:deep/zz.bin", 2)
    }


def test_a_pointer_is_not_fetched_by_whichever_digest_is_compared(corpus: Release) -> None:
    pointer(corpus)
    for digest in ("auto", "sha256", "both"):
        report = corpus.verify(digest=digest)
        assert report.exit_code == 4, digest
        assert [(u.path, u.not_fetched) for u in report.undecided] == [
            ("data/train/part-1/shard-004.bin", True)
        ]


def test_an_altered_inventory_and_a_lost_directory_are_told_with_what_was_signed(
    corpus: Release,
) -> None:
    gone(corpus)
    lost = {p.path: p for p in corpus.verify().problems}["data/train/"]
    assert (lost.kind, lost.components) == (ProblemKind.MISSING, ("datasets",))
    assert lost.detail == f"a directory of {len(TRAIN)} files"
    with (corpus.path / "data/train.jsonl").open("ab") as file:
        file.write(b"{}\n")
    (altered,) = (p for p in corpus.verify(components=["datasets"]).problems)
    assert (altered.kind, altered.path) == (ProblemKind.CHANGED, "data/train.jsonl")
    assert altered.components == ("datasets",)


@pytest.mark.usefixtures("short_stretches")
def test_of_a_directory_in_a_named_root_a_part(tmp_path: Path, key: PrivateKey) -> None:
    home, store = tmp_path / "home", tmp_path / "store"
    home.mkdir()
    (store / "deep").mkdir(parents=True)
    for name in ("a", "b", "c"):
        (store / "deep" / name).write_bytes(name.encode())
    (home / "release.yaml").write_text(
        'schema_version: "1.0"\nname: acme/corpus\nversion: "1"\ndescribed_by: publisher\n'
        "roots: {store: {type: directory}}\ncomponents:\n  datasets:\n    inventory:\n"
        "      path: train.jsonl\n      directory: store:deep\n"
    )
    roots = {"store": store}
    write_manifest(home, build(home, roots=roots))
    sign(home, key, roots=roots)
    (store / "deep/c").write_bytes(b"another")
    options: dict[str, Any] = {"keys": [key.public], "roots": roots}
    assert verify(home, **options, only=["store:deep/[ab]"]).files_checked == 2
    assert verify(home, **options, only=["store:deep/[ab]"]).ok
    report = verify(home, **options, only=["store:deep/*"])
    assert [p.path for p in report.problems] == ["store:deep/c"]


def test_differences_beyond_those_that_are_named_are_counted(
    corpus: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest.verify.inventories.MAX_NAMED", 2)
    for number in range(5):
        (corpus.path / f"data/train/added-{number}").write_bytes(b"x")
    report = corpus.verify()
    assert len(report.problems) == 2
    assert "data/train/: 3 more files differ, and are not named" in report.warnings


def test_an_inventory_that_changes_between_two_readings_is_no_answer(corpus: Release) -> None:
    """It is exchanged in its place after it was found to be the one that was bound."""
    file = corpus.path / "data/train.jsonl"
    good = file.read_bytes()
    told: list[int] = []

    def on_total(_: int, files: int) -> None:
        told.append(files)
        if files == len(TRAIN):  # the comparison of this inventory begins
            with file.open("r+b") as stream:
                stream.write(good.replace(b'"size":1', b'"size":9', 1))

    report = corpus.verify(on_total=on_total)
    assert told
    assert report.exit_code == 4
    assert "data/train.jsonl changed while it was read" in report.undecided_reason


def test_an_owned_directory_that_cannot_be_reached_is_no_answer(
    tmp_path: Path, key: PrivateKey
) -> None:
    path, store = tmp_path / "release", tmp_path / "store"
    (store / "deep/train").mkdir(parents=True)
    (store / "deep/train/a.bin").write_bytes(b"a")
    path.mkdir()
    (path / "release.yaml").write_text(
        'schema_version: "1.0"\nname: acme/corpus\nversion: "1"\ndescribed_by: publisher\n'
        "roots: {store: {type: directory}}\ncomponents:\n  datasets:\n    inventory:\n"
        "      path: train.jsonl\n      directory: store:deep/train\n"
    )
    roots = {"store": store}
    write_manifest(path, build(path, roots=roots))
    sign(path, key, roots=roots)
    assert verify(path, keys=[key.public], roots=roots).ok
    (store / "deep").chmod(0)
    with permissions_hold():
        report = verify(path, keys=[key.public], roots=roots)
    (store / "deep").chmod(0o755)
    assert report.exit_code == 4
    assert "Permission denied" in report.undecided_reason


def test_a_sample_of_what_was_given_says_what_was_not(tmp_path: Path, key: PrivateKey) -> None:
    path, store = tmp_path / "release", tmp_path / "store"
    for directory in (path / "near", store / "far"):
        directory.mkdir(parents=True)
        (directory / "a.bin").write_bytes(b"a")
    (path / "release.yaml").write_text(
        'schema_version: "1.0"\nname: acme/corpus\nversion: "1"\ndescribed_by: publisher\n'
        "roots: {store: {type: directory}}\ncomponents:\n"
        "  datasets:\n    inventory: {path: near.jsonl, directory: near}\n"
        '  evaluation-data:\n    inventory: {path: far.jsonl, directory: "store:far"}\n'
    )
    write_manifest(path, build(path, roots={"store": store}))
    sign(path, key, roots={"store": store})
    report = verify(path, keys=[key.public], sample=1)
    assert report.ok
    assert "sample" in report.part
    assert report.not_checked == ("store:far/ (1 file): give it with --root-dir store=DIR",)
