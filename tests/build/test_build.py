"""A directory and its description become a manifest."""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

import manifest.inventory.recall
from manifest.build import BuildResult, build, check, write_manifest
from manifest.document.description import parse_description
from manifest.document.manifest_file import parse_manifest
from manifest.errors import DocumentError, ManifestError, TreeError, UndecidedError, UsageError
from manifest.inventory import hash_files

GOLDEN = Path(__file__).parent / "golden" / "manifest.json"


def test_the_bytes_of_a_manifest_are_these(small_release: Path) -> None:
    data = build(small_release).data
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_bytes(data)
    assert data == GOLDEN.read_bytes()


def test_digests_are_those_of_the_files(small_release: Path) -> None:
    result = build(small_release)
    on_disk = sorted(
        p.relative_to(small_release).as_posix() for p in small_release.rglob("*") if p.is_file()
    )
    assert [f.path for f in result.manifest.files] == on_disk
    for file in result.manifest.files:
        content = (small_release / file.path).read_bytes()
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert result.unassigned == ("README.md", "data/scratch.tmp")


def test_two_builds_of_one_tree_are_equal(small_release: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    files = sorted((p for p in small_release.rglob("*") if p.is_file()), reverse=True)
    for age, path in enumerate(files):
        target = copy / path.relative_to(small_release)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o600)
        os.utime(target, (age, age))
    (copy / "empty directory").mkdir()
    assert build(copy).data == build(small_release).data


@pytest.mark.parametrize("locale", ["C.UTF-8", "C", "POSIX"])
def test_the_locale_does_not_matter(small_release: Path, locale: str) -> None:
    environment = {**os.environ, "LC_ALL": locale, "TZ": "Pacific/Kiritimati"}
    done = subprocess.run(
        [sys.executable, "-m", "manifest", "build", small_release],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (small_release / "manifest.json").read_bytes() == GOLDEN.read_bytes()


def test_any_executor_gives_the_same(small_release: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(3) as executor:
        assert build(small_release, executor=executor).data == GOLDEN.read_bytes()


def test_what_the_tools_wrote_is_not_listed(small_release: Path) -> None:
    write_manifest(small_release, build(small_release))
    (small_release / "model.sig").write_text("{}")
    (small_release / "signatures").mkdir()
    (small_release / "signatures/a.sig").write_text("{}")
    assert build(small_release).data == GOLDEN.read_bytes()


def test_what_no_manifest_covers_is_named(small_release: Path) -> None:
    (small_release / ".git").mkdir()
    (small_release / ".git/config").write_text("x")
    (small_release / ".cache/huggingface").mkdir(parents=True)
    result = build(small_release)
    assert [item.path for item in result.not_covered] == [".cache/huggingface", ".git"]
    assert result.data == GOLDEN.read_bytes()


def test_progress_adds_up_to_what_was_expected(small_release: Path) -> None:
    expected: list[tuple[int, int]] = []
    done: list[tuple[int, int]] = []
    result = build(
        small_release,
        expect=lambda *a: expected.append(a),
        progress=lambda *a: done.append(a),
    )
    total = (result.manifest.total_size, len(result.manifest.files))
    assert expected == [total]
    assert (sum(b for b, _ in done), sum(f for _, f in done)) == total


def test_a_description_can_be_given(small_release: Path) -> None:
    description = parse_description((small_release / "release.yaml").read_bytes())
    assert build(small_release, description=description).data == GOLDEN.read_bytes()


# What cannot be listed.


def _fifo(root: Path) -> None:
    os.mkfifo(root / "pipe")


def _socket(root: Path) -> None:
    here = Path.cwd()
    os.chdir(root)  # a socket's name has at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("sock")
    finally:
        os.chdir(here)


def _two_forms(root: Path) -> None:
    for form in ("NFC", "NFD"):
        (root / unicodedata.normalize(form, "é.txt")).write_text("x")


def _raw(name: bytes) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        with open(os.fsencode(root) + b"/" + name, "wb") as file:  # noqa: PTH123 - a name that is not text
            file.write(b"x")

    return make


def _link(name: str, target: str) -> Callable[[Path], None]:
    return lambda root: (root / name).symlink_to(target)


def _case(root: Path) -> None:
    (root / "readme.md").write_text("x")


def _directories(root: Path) -> None:
    (root / "DATA").mkdir()
    (root / "DATA/x").write_text("x")


ODDITIES: dict[str, tuple[Callable[[Path], None], str]] = {
    "link": (_link("l", "README.md"), "l is a symbolic link to README.md: put the file itself"),
    "link-to-directory": (_link("l", "data"), "l is a symbolic link to data"),
    "link-out-of-the-release": (
        _link("data/l", "../../elsewhere"),
        "data/l is a symbolic link to ../../elsewhere, out of the release",
    ),
    "absolute-link": (
        _link("l", "/etc/passwd"),
        "l is a symbolic link to /etc/passwd, out of the release",
    ),
    "dangling-link": (_link("l", "nowhere"), "l is a symbolic link to nowhere"),
    "link-among-signatures": (_link("signatures", "data"), "signatures is a symbolic link"),
    "link-as-manifest": (_link("manifest.json", "README.md"), "manifest.json is a symbolic link"),
    "fifo": (_fifo, "pipe is a FIFO: remove it"),
    "socket": (_socket, "sock is a socket"),
    "not-utf8": (_raw(b"a\xff"), "a\\xff has a name that is not UTF-8: rename it"),
    "newline": (_raw(b"a\nb"), "a\\nb has a name that contains a control character: rename it"),
    "escape": (_raw(b"a\x1b[2J"), "a\\x1b[2J has a name that contains a control character"),
    "backslash": (_raw(b"a\\b"), "a\\b has a name that contains a backslash"),
    "drive": (_raw(b"c:x"), "c:x has a name that begins with a drive letter"),
    "case": (_case, "README.md and readme.md differ only in letter case or Unicode form"),
    "case-of-directories": (_directories, "DATA and data differ only in letter case"),
    "unicode-form": (_two_forms, "differ only in letter case or Unicode form"),
}


@pytest.mark.parametrize(("make", "words"), ODDITIES.values(), ids=ODDITIES)
def test_what_cannot_be_listed_gets_its_own_answer(
    small_release: Path, make: Callable[[Path], None], words: str
) -> None:
    make(small_release)
    with pytest.raises(TreeError) as caught:
        build(small_release)
    assert words in caught.value.message
    assert caught.value.exit_code == 1


def test_all_of_it_is_named_at_once_up_to_a_limit(small_release: Path) -> None:
    for number in range(25):
        (small_release / f"l{number:02}").symlink_to("x")
    with pytest.raises(TreeError) as caught:
        build(small_release)
    assert "holds 25 things that no manifest can list" in caught.value.message
    assert caught.value.message.count("symbolic link") == 20
    assert caught.value.message.endswith("and 5 more")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_directory_leaves_the_answer_open(small_release: Path) -> None:
    (small_release / "data").chmod(0)
    try:
        with pytest.raises(UndecidedError, match="data cannot be read"):
            build(small_release)
    finally:
        (small_release / "data").chmod(0o700)


def test_an_empty_directory_needs_a_description(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match=r"has no release\.yaml") as caught:
        build(tmp_path)
    assert "manifest init" in caught.value.remedy


def test_a_directory_without_files_has_no_manifest(tmp_path: Path, small_release: Path) -> None:
    (tmp_path / "empty").mkdir()
    description = parse_description((small_release / "release.yaml").read_bytes())
    with pytest.raises(TreeError, match="holds no files"):
        build(tmp_path / "empty", description=description)


def test_a_description_must_be_a_regular_file(small_release: Path, tmp_path: Path) -> None:
    (small_release / "release.yaml").rename(tmp_path / "r.yaml")
    (small_release / "release.yaml").symlink_to(tmp_path / "r.yaml")
    with pytest.raises(TreeError, match=r"release\.yaml is a symbolic link"):
        build(small_release)


def test_a_huge_description_is_not_read(small_release: Path) -> None:
    os.truncate(small_release / "release.yaml", 1 << 40)
    with pytest.raises(UndecidedError, match="bytes"):
        build(small_release)


def test_a_description_that_does_not_fit_costs_no_hashing(
    small_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small_release / "tokenizer.json").unlink()
    monkeypatch.setattr(manifest.inventory.recall, "hash_files", None)  # calling it would fail
    with pytest.raises(DocumentError, match=r"tokenizer\.json` matches no file"):
        build(small_release)


# What changes meanwhile.


def _while_hashing(
    monkeypatch: pytest.MonkeyPatch, before: Callable[[], object], after: Callable[[], object]
) -> None:
    def hashing(*args: object, **options: object) -> object:
        before()
        result = hash_files(*args, **options)  # type: ignore[arg-type]
        after()
        return result

    monkeypatch.setattr(manifest.inventory.recall, "hash_files", hashing)


def _nothing() -> None:
    pass


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("change", ["grow", "same-size", "replace", "remove", "link"])
def test_a_file_that_changes_is_named(
    small_release: Path, monkeypatch: pytest.MonkeyPatch, change: str, moment: str
) -> None:
    victim = small_release / "tokenizer.json"

    def act() -> None:
        match change:
            case "grow":
                victim.write_text("{ }")
            case "same-size":
                victim.write_text("[]")
            case "replace":
                other = victim.with_name("new")
                other.write_text("[]")
                other.replace(victim)
            case "remove":
                victim.unlink()
            case "link":
                victim.unlink()
                victim.symlink_to("README.md")

    _while_hashing(monkeypatch, *((act, _nothing) if moment == "before" else (_nothing, act)))
    with pytest.raises(UndecidedError, match=r"tokenizer\.json") as caught:
        build(small_release)
    assert caught.value.exit_code == 4


def test_a_file_that_is_added_is_named(
    small_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _while_hashing(monkeypatch, _nothing, lambda: (small_release / "late.bin").write_text("x"))
    with pytest.raises(UndecidedError, match=r"changed while its files were read: late\.bin"):
        build(small_release)


def test_a_read_error_names_the_file(small_release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def failing(path: object, flags: int, *rest: int, **options: int) -> int:
        if path == "model one.safetensors":
            raise OSError(5, "Input/output error")
        return opened(path, flags, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(UndecidedError, match=r"model one\.safetensors cannot be read: Input"):
        build(small_release)


# Named roots.


@pytest.fixture
def rooted(small_release: Path, tmp_path: Path) -> tuple[Path, Path]:
    text = (small_release / "release.yaml").read_text()
    text = text.replace(
        "components:\n",
        "roots:\n  ckpt: {type: directory}\ncomponents:\n"
        "  model-parameters-intermediate: {files: ['ckpt:**']}\n",
    )
    (small_release / "release.yaml").write_text(text)
    ckpt = tmp_path / "checkpoints"
    (ckpt / "step1").mkdir(parents=True)
    (ckpt / "step1/w").write_text("w")
    return small_release, ckpt


def test_files_of_named_roots_are_listed_after_the_others(rooted: tuple[Path, Path]) -> None:
    release, ckpt = rooted
    result = build(release, roots={"ckpt": ckpt})
    assert result.manifest.files[-1].full_path == "ckpt:step1/w"
    assert [f.full_path for f in result.manifest.files_of("model-parameters-intermediate")] == [
        "ckpt:step1/w"
    ]
    assert parse_manifest(result.data) == result.manifest


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "--root-dir ckpt=DIR"),
        ({"ckpt": ".", "other": "."}, "declares no root 'other'"),
        ({"ckpt": "data"}, "lie in one another"),
        ({"ckpt": ".."}, "lie in one another"),
        ({"ckpt": "."}, "lie in one another"),
    ],
    ids=["not-given", "not-declared", "inside", "around", "the-same"],
)
def test_roots_must_be_those_needed(
    rooted: tuple[Path, Path], given: dict[str, str], words: str
) -> None:
    release, _ = rooted
    with pytest.raises(UsageError) as caught:
        build(release, roots={name: release / where for name, where in given.items()})
    assert words in f"{caught.value.message} {caught.value.remedy}"


def test_oddities_in_a_named_root_are_refused(rooted: tuple[Path, Path]) -> None:
    release, ckpt = rooted
    (ckpt / "l").symlink_to("/etc")
    with pytest.raises(TreeError, match="the root ckpt holds 1 thing"):
        build(release, roots={"ckpt": ckpt})


# Writing and checking.


def _built(release: Path) -> BuildResult:
    result = build(release)
    write_manifest(release, result)
    return result


def test_check_knows_the_four_states(small_release: Path) -> None:
    target = small_release / "manifest.json"
    assert check(target, build(small_release)).is_missing
    result = _built(small_release)
    assert check(target, result).is_same
    assert check(target, result).exit_code == 0
    (small_release / "tokenizer.json").write_text("[]")
    (small_release / "README.md").rename(small_release / "READ.md")
    found = check(target, build(small_release))
    assert (found.added, found.missing, found.changed, found.claims, found.exit_code) == (
        ("READ.md",),
        ("README.md",),
        ("tokenizer.json",),
        (),
        5,
    )


def test_check_names_the_claims_that_differ(small_release: Path) -> None:
    _built(small_release)
    description = small_release / "release.yaml"
    text = (
        description.read_text()
        .replace("apache-2.0", "mit")
        .replace("kind: datasets", "kind: evaluation-data")
    )
    description.write_text(text)
    found = check(small_release / "manifest.json", build(small_release))
    assert found.claims == ("release.license", "components.data")
    assert found.changed == ("release.yaml",)


FOREIGN = {
    "web-application": b'{"name": "Demo", "start_url": "/", "icons": []}',
    "not-json": b"hello",
    "empty": b"",
    "another-major-version": b'{"schema_version": "9.0"}',
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_manifest_is_never_overwritten(small_release: Path, content: bytes) -> None:
    target = small_release / "manifest.json"
    target.write_bytes(content)
    with pytest.raises(TreeError, match="left as it is") as caught:
        write_manifest(small_release, build(small_release))
    assert "rename or remove" in caught.value.remedy
    assert target.read_bytes() == content


@pytest.mark.parametrize("name", ["other.json", "data/manifest.json", "signatures/manifest.json"])
def test_a_manifest_among_the_files_it_lists_is_refused(small_release: Path, name: str) -> None:
    with pytest.raises(UsageError, match="lies in the release directory"):
        write_manifest(small_release, build(small_release), path=small_release / name)


def test_writing_leaves_nothing_else(small_release: Path) -> None:
    before = set(small_release.iterdir())
    _built(small_release)
    assert set(small_release.iterdir()) - before == {small_release / "manifest.json"}


def test_an_equal_manifest_is_not_touched(small_release: Path) -> None:
    result = _built(small_release)
    before = (small_release / "manifest.json").stat()
    write_manifest(small_release, result)
    assert (small_release / "manifest.json").stat().st_ino == before.st_ino


def test_a_snapshot_is_built_without_writing_through_its_links(
    small_release: Path, tmp_path: Path
) -> None:
    expected = build(small_release).data
    model = tmp_path / "models--acme--tiny"
    blobs, snapshot = model / "blobs", model / "snapshots" / ("a" * 40)
    blobs.mkdir(parents=True)
    files = [p for p in small_release.rglob("*") if p.is_file()]
    (small_release / "manifest.json").write_bytes(expected)
    for path in [*files, small_release / "manifest.json"]:
        content = path.read_bytes()
        blob = blobs / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        link = snapshot / path.relative_to(small_release)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    before = {p: p.read_bytes() for p in blobs.iterdir()}
    (snapshot / "README.md").unlink()
    (snapshot / "README.md").write_text("# Mine\n")
    result = build(snapshot)
    write_manifest(snapshot, result)
    assert {p: p.read_bytes() for p in blobs.iterdir()} == before
    assert not (snapshot / "manifest.json").is_symlink()
    assert (snapshot / "manifest.json").read_bytes() == result.data != expected


def test_every_error_here_has_a_remedy(small_release: Path) -> None:
    (small_release / "l").symlink_to("x")
    with pytest.raises(ManifestError) as caught:
        build(small_release)
    assert caught.value.remedy
