"""Commitments: the construction computed a second time, formats, order, memory, interruptions."""

from __future__ import annotations

import json
import os
from pathlib import Path

import committed as helper
import plain_vrf as oracle
import pytest
from committed import NONE, SECRETS, commit_lines
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.commitments import (
    CommitOptions,
    Format,
    Presence,
    Rule,
    audit,
    commit,
    committing,
    records,
    rules_from_names,
)
from manifest.commitments.sorting import Sorter
from manifest.commitments.store import TreeReader, TreeWriter
from manifest.errors import DocumentError, ManifestError, UndecidedError, UsageError
from manifest.inventory.merkle import inclusion_proof, leaf_hash, root_of


def by_hand(contents: list[bytes], rules: str = "none/1") -> Presence:
    leaves = [
        helper.leaf_by_hand(SECRETS.secret, i, helper.digest_by_hand(record, rules))
        for i, record in enumerate(contents)
    ]
    return Presence(helper.tree_by_hand(leaves), len(leaves))


def commit_bytes(
    directory: Path, data: bytes, format_: Format = Format.TEXT, processes: int = 1
) -> Presence:
    path = directory / "data"
    path.write_bytes(data)
    return commit([path], SECRETS, CommitOptions(format_, processes=processes)).presence


SIZES = [0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 1000]


@pytest.mark.parametrize("count", SIZES)
def test_presence_is_what_the_specification_says(count: int, tmp_path: Path) -> None:
    lines = [b"record %d" % i for i in range(count)]
    data = b"".join(line + b"\n" for line in lines)
    assert commit_bytes(tmp_path, data) == by_hand(lines)


def test_absence_is_what_the_specification_says(tmp_path: Path) -> None:
    seed = helper.keyed(SECRETS.secret, b"model-release-manifest/absence/1")
    values = set()
    for record in helper.RECORDS:
        digest = helper.digest_by_hand(record)
        beta = oracle.verify(oracle.expand(seed)[2], digest, oracle.prove(seed, digest))
        assert beta is not None
        values.add(helper.sha256(b"model-release-manifest/absence-value/1\0", beta))
    absence = commit_lines(tmp_path / "c").commitment.absence
    assert absence is not None
    assert absence.root == helper.tree_by_hand(sorted(values))
    assert absence.count == len(set(helper.RECORDS))
    assert absence.public_key == oracle.expand(seed)[2]


@pytest.mark.peer
def test_peer_builds_the_same_tree(tmp_path: Path) -> None:
    pymerkle = pytest.importorskip("pymerkle")
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    lines = [b"record %d" % i for i in range(300)]
    for i, line in enumerate(lines):
        leaf = helper.leaf_by_hand(SECRETS.secret, i, helper.digest_by_hand(line))
        tree.append_entry(leaf)
    found = commit_bytes(tmp_path, b"\n".join(lines))
    assert found == Presence(tree.get_root(), 300)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        pytest.param(b"a\nb\n", [b"a", b"b"], id="final-newline"),
        pytest.param(b"a\nb", [b"a", b"b"], id="no-final-newline"),
        pytest.param(b"a\r\nb\r\n", [b"a", b"b"], id="crlf"),
        pytest.param(b"a\r\r\n\rb", [b"a\r", b"\rb"], id="lone-cr-stays"),
        pytest.param(b"\n\na\n\n", [b"", b"", b"a", b""], id="empty-lines-count"),
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"\xff\x00\n\xe2\x80\xa8", [b"\xff\x00", b"\xe2\x80\xa8"], id="any-bytes"),
    ],
)
def test_lines_of_text(data: bytes, lines: list[bytes], tmp_path: Path) -> None:
    assert commit_bytes(tmp_path, data) == by_hand(lines)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=6).map(lambda b: b.replace(b"\n", b"").rstrip(b"\r")), max_size=40),
    st.integers(1, 30),
    st.integers(1, 7),
)
def test_batches_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], block: int, most: int
) -> None:
    path = tmp_path_factory.mktemp("batches") / "data"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_BLOCK", block)
        batches = list(records.cut(records.list_sources([path]), Format.TEXT, batch=most))
    assert all(0 < batch.count <= max(most, 1) for batch in batches)
    digests = [digest for batch in batches for digest in batch.digests(NONE)]
    assert digests == [helper.digest_by_hand(line) for line in lines]
    assert sum(batch.n_bytes for batch in batches) == path.stat().st_size
    assert sum(batch.files_done for batch in batches) == bool(lines)


def test_processes_do_not_matter(tmp_path: Path) -> None:
    data = b"".join(b"%06d" % i * 30 + b"\n" for i in range(12_000))
    assert commit_bytes(tmp_path, data, processes=2) == commit_bytes(tmp_path, data)


def test_an_error_in_another_process_arrives_whole(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"x\n" * 70_000 + b"\xff\n")
    options = CommitOptions(Format.TEXT, (Rule.NFC,), processes=2)
    with pytest.raises(DocumentError, match=r"line 70001: the byte at offset 0") as caught:
        commit([path], SECRETS, options)
    assert caught.value.remedy


def test_a_process_that_is_ended_from_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deadly:
        count = n_bytes = files_done = 1

        def __reduce__(self) -> tuple[object, ...]:
            return os._exit, (1,)  # what the other process does to read it

    monkeypatch.setattr(committing, "cut", lambda *_, **__: iter([Deadly()]))
    with pytest.raises(UndecidedError, match="ended from outside"):
        commit_bytes(tmp_path, b"a\n", processes=2)


def test_files_of_a_directory_come_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    for name, content in (("b", b"2"), ("a/z", b"1"), ("é", b"4"), ("c", b"3\n")):
        path = tmp_path / "d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    found = commit([tmp_path / "d"], SECRETS, CommitOptions(Format.FILES)).presence
    assert found == by_hand([b"1", b"2", b"3\n", b"4"])


def test_sources_come_in_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(name.encode())
    sources = [tmp_path / "b", tmp_path / "a", tmp_path / "b"]
    found = commit(sources, SECRETS, CommitOptions(Format.FILES)).presence
    assert found == by_hand([b"b", b"a", b"b"])


def test_links_in_a_directory_are_refused(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "link").symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="link"):
        commit([tmp_path / "d"], SECRETS, CommitOptions(Format.FILES))


@pytest.mark.parametrize("blank", [b"", b"  ", b"\t", b"\r"])
def test_a_blank_line_of_json_lines_is_named(blank: bytes, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"data: line 2 is blank"):
        commit_bytes(tmp_path, b"{}\n" + blank + b"\n{}\n", Format.JSONL)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"a": 1, "a": 2}', "line 1: .*a"),
        (b"{", "line 1"),
        (b"[1e400]", "line 1"),
        (b"[9007199254740993]", "line 1: it has no canonical form"),
        (b"[" * 200 + b"]" * 200, "line 1: .*deep"),
    ],
    ids=["duplicate-key", "cut-off", "infinite", "inexact", "deep"],
)
def test_json_without_one_form_is_refused(line: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "d").write_bytes(line + b"\n")
    with pytest.raises(DocumentError, match=message):
        commit([tmp_path / "d"], SECRETS, CommitOptions(Format.JSONL, (Rule.JCS,)))


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_RECORD", 1000)
    monkeypatch.setattr(records, "_BLOCK", 100)
    with pytest.raises(DocumentError, match=r"the line at byte 2 is longer than 1,000 bytes"):
        commit_bytes(tmp_path, b"a\n" + b"x" * 5000)


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"a\n")
    sources = records.list_sources([path])
    (batch,) = records.cut(sources, Format.TEXT)
    path.write_bytes(b"b\n")
    os.utime(path, ns=(0, 0))
    with pytest.raises(UndecidedError, match="changed while it was read"):
        batch.digests(NONE)


def test_parquet_columns_and_rows(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table({"text": ["a", "é", "c"], "n": [1, 2, 3], "raw": [b"\xff", b"", b"x"]})
    path = tmp_path / "d.parquet"
    parquet.write_table(table, path, row_group_size=2)

    def presence(rules: tuple[Rule, ...], column: str) -> Presence:
        options = CommitOptions(Format.PARQUET, rules, column)
        return commit([path], SECRETS, options).presence

    assert presence(NONE, "text") == by_hand([b"a", "é".encode(), b"c"])
    assert presence(NONE, "raw") == by_hand([b"\xff", b"", b"x"])
    with pytest.raises(DocumentError, match="row 1 is int, neither text nor bytes"):
        presence(NONE, "n")
    with pytest.raises(DocumentError, match="no column called other"):
        presence(NONE, "other")
    with pytest.raises(DocumentError, match="not of JSON's types"):
        presence((Rule.JCS,), "")
    parquet.write_table(table.drop_columns(["raw"]), path)
    rows = [b'{"n":1,"text":"a"}', '{"n":2,"text":"é"}'.encode(), b'{"n":3,"text":"c"}']
    assert presence((Rule.JCS,), "") == by_hand(rows, "jcs/1")
    path.write_bytes(b"not parquet")
    with pytest.raises(DocumentError, match="cannot be read as Parquet"):
        presence(NONE, "text")


@pytest.mark.parametrize(
    "options",
    [
        CommitOptions(Format.TEXT, column="x"),
        CommitOptions(Format.PARQUET),
        CommitOptions(Format.TEXT, processes=0),
    ],
    ids=["column-of-text", "rows-as-bytes", "no-process"],
)
def test_options_that_do_not_go_together(options: CommitOptions, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        commit([tmp_path], SECRETS, options)


def test_an_index_is_whole_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "d").write_bytes(b"{}\n\n")
    options = CommitOptions(Format.JSONL, index=tmp_path / "index")
    with pytest.raises(DocumentError):
        commit([tmp_path / "d"], SECRETS, options)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d"]
    (tmp_path / "index").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        commit([tmp_path / "d"], SECRETS, options)


def test_an_index_is_for_its_owner_alone(tmp_path: Path) -> None:
    made = commit_lines(tmp_path / "c")
    assert made.index.stat().st_mode & 0o077 == 0
    sizes = {p.name: p.stat().st_size for p in made.index.iterdir()}
    assert sizes.pop("commitment.json") > 0
    assert sizes == {
        "presence.0": 32 * 7,
        "absence.0": 32 * 6,
        "absence.values": 32 * 6,
        "lookup": 24 * 7,
    }


@pytest.mark.parametrize("count", [*SIZES, 70_000])
def test_trees_on_disk_give_the_paths_of_the_rfc(count: int, tmp_path: Path) -> None:
    hashes = [leaf_hash(i.to_bytes(4, "big")) for i in range(count)]
    with TreeWriter(tmp_path, "t") as tree:
        for start in range(0, count, 300):
            tree.extend(b"".join(hashes[start : start + 300]))
        assert tree.finish() == root_of(hashes)
    if not count:
        return
    reader = TreeReader(tmp_path, "t", count)
    for index in {0, count // 3, count // 2, count - 1}:
        assert reader.path(index) == inclusion_proof(hashes, index, count)
    reader.close()


def test_the_sorter_sorts_what_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manifest.commitments.sorting._RUN", 50)
    values = [helper.sha256(bytes([i])) for i in range(200)] * 2
    sorter = Sorter(tmp_path, 32, "x")
    for start in range(0, 400, 30):
        sorter.add(b"".join(values[start : start + 30]))
    assert list(tmp_path.iterdir())
    assert list(sorter.sorted()) == sorted(values)
    assert list(tmp_path.iterdir()) == []


def test_audit_accepts_what_was_written(tmp_path: Path) -> None:
    made = commit_lines(tmp_path / "c")
    assert audit(made.commitment, made.index / "absence.values") == 6
    without = commit_lines(tmp_path / "d", absence=False)
    with pytest.raises(UsageError, match="no tree"):
        audit(without.commitment, made.index / "absence.values")


@pytest.mark.parametrize(
    ("names", "record", "normal"),
    [
        (["none"], b" a\r\n", b" a\r\n"),
        (["lf"], b"a\r\nb\rc\n", b"a\nb\nc\n"),
        (["strip"], b" \t\va \r\n\f", b"a"),
        (["strip"], "\u00a0a\u2003".encode(), "\u00a0a\u2003".encode()),
        (["nfc"], "e\u0301".encode(), "\u00e9".encode()),
        (["nfc", "lf", "strip"], " e\u0301\r\nx ".encode(), "\u00e9\nx".encode()),
        (["jcs"], b'{"b": 1.0, "a": "\\u00e9", "c": [1e3]}', '{"a":"é","b":1,"c":[1000]}'.encode()),
    ],
)
def test_rules(names: list[str], record: bytes, normal: bytes) -> None:
    from manifest.commitments.rules import normalize, record_digest

    rules = rules_from_names(names)
    assert normalize(record, rules) == normal
    joined = "+".join(rules)
    assert record_digest(record, rules) == helper.digest_by_hand(normal, joined)
    assert normalize(normal, rules) == normal


@pytest.mark.parametrize(
    "names", [["none", "lf"], ["jcs", "nfc"], ["lf", "lf/1"], ["lower"], ["none/2"]]
)
def test_rules_that_do_not_go_together(names: list[str]) -> None:
    with pytest.raises(UsageError):
        rules_from_names(names)


@given(st.binary(max_size=40), st.sets(st.sampled_from(["lf", "strip", "nfc"]), min_size=1))
def test_rules_are_applied_once_for_all(record: bytes, names: set[str]) -> None:
    from manifest.commitments.rules import normalize

    rules = rules_from_names(sorted(names))
    try:
        once = normalize(record, rules)
    except ManifestError:
        return
    assert normalize(once, rules) == once


def test_json_lines_are_not_parsed_under_none(tmp_path: Path) -> None:
    line = json.dumps({"a": 1}).encode()
    assert commit_bytes(tmp_path, line + b"\nx\n", Format.JSONL) == by_hand([line, b"x"])
