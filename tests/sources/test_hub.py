"""Reading a release by its name, from a server that serves the hub's shapes and is not the hub."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from typing import Any

import pytest
from hub_releases import FILES, Open, tiny
from hub_server import HubServer, ServedFile, ServedRepository
from lint_releases import safetensors

from manifest.draft import draft_description
from manifest.errors import UndecidedError, UsageError
from manifest.lint import lint
from manifest.lint.release import release_of
from manifest.readers.gguf import read_gguf
from manifest.readers.safetensors import read_safetensors
from manifest.sources import Source, hub_api
from manifest.sources.hub import HubSource
from manifest.sources.hub_environment import HubEnvironment
from manifest.sources.memory import MemorySource
from manifest.sources.targets import HubTarget

COMMIT = "c0ffee" * 6 + "c0ff"
MB = 1_000_000


def large(content: bytes, size: int) -> ServedFile:
    """A large file that begins with some bytes and goes on with zeros."""
    return ServedFile(content, size, is_large=True, sha256="a" * 64)


def test_release_is_listed_at_the_commit_that_was_resolved(open_: Open) -> None:
    source = open_()
    assert (source.name, source.revision, source.gated) == ("acme/tiny", COMMIT, False)
    assert [f.path for f in source.files] == sorted(
        ("README.md", "config.json", "empty.txt", "model.safetensors", "sub/tök en.json")
    )
    assert source.beside == (".gitattributes", "manifest.json", "signatures/a.sig")
    digest = hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    assert source.reported == {"model.safetensors": digest}


def test_every_question_after_the_first_names_the_commit(hub: HubServer, open_: Open) -> None:
    source = open_()
    source.read("README.md", length=10)
    assert "/revision/main" in hub.asked[0].path
    assert all(COMMIT in asked.path for asked in hub.asked[1:])


@pytest.mark.parametrize("path", sorted(FILES))
@pytest.mark.parametrize(("start", "length"), [(0, 5), (0, 10**7), (3, 8), (20, 5), (10**6, 3)])
def test_it_reads_what_memory_reads(open_: Open, path: str, start: int, length: int) -> None:
    memory: Source = MemorySource(FILES)
    assert open_().read(path, start=start, length=length) == memory.read(
        path, start=start, length=length
    )


def test_what_is_not_there_and_what_makes_no_sense(open_: Open) -> None:
    source = open_()
    with pytest.raises(UndecidedError, match="no such file in acme/tiny"):
        source.read("nothing", length=1)
    with pytest.raises(UsageError):
        source.read("README.md", start=-1, length=1)


def test_nothing_is_asked_for_twice(hub: HubServer, open_: Open) -> None:
    source = open_()
    for _ in range(3):
        source.read("README.md", length=10)
        source.read("README.md", start=5, length=100)
        source.read("model.safetensors", length=8)
    assert sum("/resolve/" in asked.path and asked.where == "hub" for asked in hub.asked) == 2


def gguf(texts: int) -> bytes:
    def text(value: str) -> bytes:
        return len(value).to_bytes(8, "little") + value.encode()

    pairs = b"".join(
        text(f"key.{n}") + (8).to_bytes(4, "little") + text("x" * 60_000) for n in range(texts)
    )
    counts = (0).to_bytes(8, "little") + texts.to_bytes(8, "little")
    return b"GGUF" + (3).to_bytes(4, "little") + counts + pairs


def test_weights_are_never_read(hub: HubServer, open_: Open) -> None:
    header = json.dumps(
        {
            f"layer.{n}": {
                "dtype": "BF16",
                "shape": [4096, 4096],
                "data_offsets": [n * 2**25, (n + 1) * 2**25],
            }
            for n in range(150)
        }
    ).encode()
    shard = len(header).to_bytes(8, "little") + header
    size = len(shard) + 150 * 2**25
    quantized = gguf(40)
    hub.repositories["acme/huge"] = ServedRepository(
        tiny().files
        | {f"model-{n:05}-of-00020.safetensors": large(shard, size) for n in range(1, 21)}
        | {"model.gguf": large(quantized, 40_000 * MB), "old.bin": large(b"\x80\x02", 9_000 * MB)}
    )
    source = open_("acme/huge")
    assert read_safetensors(source, "model-00007-of-00020.safetensors").element_count == 150 * 2**24
    assert len(read_gguf(source, "model.gguf").metadata) == 40
    description = draft_description(source)
    lint(release_of(description, source))
    for path in source.reported:
        # The header, and what is read beyond it: one step, or what the reader of GGUF asks for.
        needed = max(len(quantized) + MB + 2**16 if path == "model.gguf" else len(shard), 2**16)
        assert hub.sent.get(path, 0) <= needed + 2**16, path
    assert source.bytes_read < 12 * MB


def test_a_whole_release_is_judged_alike_from_a_hub_and_from_memory(open_: Open) -> None:
    outside = (".git", "manifest", "signatures")
    content = {p: c for p, c in FILES.items() if not p.startswith(outside)}
    reports = []
    for source in (open_(), MemorySource(content, name="acme/tiny")):
        report = lint(release_of(draft_description(source), source))
        reports.append(dataclasses.replace(report, version=""))
    assert reports[0].verdict == reports[1].verdict
    assert reports[0].findings == reports[1].findings
    assert [(c.kind, c.state) for c in reports[0].components] == [
        (c.kind, c.state) for c in reports[1].components
    ]


def test_list_in_pages(hub: HubServer, open_: Open) -> None:
    hub.repositories["acme/tiny"].files |= {
        f"data/{n:04}.txt": ServedFile.of("x.txt", b"x") for n in range(250)
    }
    hub.page = 50
    assert len(open_().files) == 255
    # Each page once; on a busy machine an answer may be late, and is asked for again.
    assert len({asked.path for asked in hub.asked if "/tree/" in asked.path}) == 6


def test_server_that_ignores_ranges(hub: HubServer, open_: Open) -> None:
    content = safetensors(w=(20_000, 10))
    file = ServedFile(content, 3_000 * MB, is_large=True, sha256="a" * 64)
    hub.repositories["acme/tiny"].files["big.safetensors"] = file
    hub.ranges = False
    source = open_()
    assert source.read("big.safetensors", start=0, length=100) == content[:100]
    assert source.read("big.safetensors", start=70_000, length=100) == content[70_000:70_100]
    # What the server could write before the connection was closed is buffered, not the file.
    assert hub.sent["big.safetensors"] < 60 * MB


def test_tail_of_a_large_file(hub: HubServer, open_: Open) -> None:
    file = ServedFile.of("paper.pdf", b"%PDF" + b"x" * 500_000 + b"%%EOF", is_large=True)
    hub.repositories["acme/tiny"].files["paper.pdf"] = file
    assert open_().read("paper.pdf", start=500_004, length=100) == b"%%EOF"
    assert hub.sent["paper.pdf"] == 5


def test_more_than_is_read_by_name(hub: HubServer, open_: Open) -> None:
    hub.repositories["acme/tiny"].files["w.safetensors"] = large(b"", 10**12)
    with pytest.raises(UndecidedError, match="more of it is asked for"):
        open_().read("w.safetensors", length=10**9)
    assert hub.sent == {}


# Names, revisions, rights


def test_revisions(open_: Open, hub: HubServer) -> None:
    hub.repositories["acme/tiny"].refs = ("main", "v1.0", "refs/pr/1")
    for revision in ("v1.0", "refs/pr/1", COMMIT):
        assert open_(revision=revision).revision == COMMIT
    with pytest.raises(UndecidedError, match="acme/tiny@v2: no such revision") as caught:
        open_(revision="v2")
    assert "tree/main" in caught.value.remedy


def test_wrong_name(open_: Open) -> None:
    with pytest.raises(UndecidedError, match="no such repository, or it is private") as caught:
        open_("acme/tyni")
    assert caught.value.exit_code == 4
    assert "/api/models/acme/tyni/revision/main" in caught.value.message
    assert "HF_TOKEN" in caught.value.remedy


def test_private_repository_needs_the_token(hub: HubServer, open_: Open) -> None:
    hub.repositories["acme/tiny"].private = True
    with pytest.raises(UndecidedError, match="private"):
        open_()
    source = open_(token="hf_good")
    assert source.read("model.safetensors", length=9**9) == FILES["model.safetensors"]


def test_gated_repository(hub: HubServer, open_: Open) -> None:
    repository = hub.repositories["acme/tiny"]
    repository.gated = "manual"
    repository.files["b.safetensors"] = repository.files["model.safetensors"]
    source = open_()
    assert source.gated
    assert source.read("README.md", length=3) == b"---"
    for path in ("model.safetensors", "b.safetensors"):
        with pytest.raises(UndecidedError, match="gated") as caught:
            source.read(path, length=8)
        assert "accept its terms" in caught.value.remedy
    assert sum("safetensors" in asked.path for asked in hub.asked) == 1
    assert (
        open_(token="hf_good").read("model.safetensors", length=9**9) == FILES["model.safetensors"]
    )


def test_renamed_repository_goes_by_its_new_name(hub: HubServer, open_: Open) -> None:
    hub.repositories["acme/old"] = ServedRepository({}, renamed_to="acme/tiny")
    source = open_("acme/old")
    assert source.name == "acme/tiny"
    assert source.read("README.md", length=3) == b"---"


def test_token_goes_to_the_hub_and_nowhere_else(hub: HubServer, open_: Open) -> None:
    source = open_(token="hf_good")
    source.read("model.safetensors", length=8)
    source.read("README.md", length=8)
    sent = {(asked.where, asked.authorization) for asked in hub.asked}
    assert sent == {("hub", "Bearer hf_good"), ("content", "")}


def test_errors_show_no_signature_of_an_address(hub: HubServer, open_: Open) -> None:
    hub.fail("signature=secret", 403)
    source = open_(token="hf_good")
    with pytest.raises(UndecidedError) as caught:
        source.read("model.safetensors", length=8)
    assert "secret" not in caught.value.message + caught.value.remedy
    assert "hf_good" not in caught.value.message + caught.value.remedy


# Answers that cannot be true


def entry(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "oid": "a" * 40, "size": 1, "path": "x"} | fields


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        pytest.param([entry(path="../x")], r'the component "\.\."', id="path-leads-outside"),
        pytest.param([entry(path="/etc/passwd")], "is absolute", id="absolute-path"),
        pytest.param([entry(path="a\x1b[31m")], "control character", id="escape-sequence"),
        pytest.param([entry(path="C:/x")], "drive letter", id="drive-letter"),
        pytest.param([entry(), entry()], "lists x twice", id="same-path-twice"),
        pytest.param([entry(size=-1)], "the size of x", id="negative-size"),
        pytest.param([entry(size=1.5)], "the size of x", id="broken-size"),
        pytest.param([entry(size=True)], "the size of x", id="truth-as-size"),
        pytest.param([entry(size=2**60)], "the size of x", id="size-of-no-file"),
        pytest.param([entry(lfs={"oid": "a" * 40, "size": 1})], "the SHA-256 of x", id="short-sha"),
        pytest.param([entry(lfs={"size": 1})], "the SHA-256 of x", id="no-sha"),
        pytest.param([entry(type="symlink")], "neither file nor directory", id="unknown-type"),
        pytest.param([entry(path=3)], "neither file nor directory", id="number-as-path"),
        pytest.param(["x"], "neither file nor directory", id="text-as-entry"),
    ],
)
def test_list_that_no_release_can_have_is_refused(
    hub: HubServer, open_: Open, entries: list[Any], message: str
) -> None:
    hub.repositories["acme/tiny"] = ServedRepository({}, extra_entries=tuple(entries))
    with pytest.raises(UndecidedError, match=message):
        open_()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"<html>", "line 1, column 1", id="html"),
        pytest.param(b"", "line 1, column 1", id="nothing"),
        pytest.param(b'{"sha": "a", "sha": "b"}', "appears twice", id="duplicate-key"),
        pytest.param(b"[" * 100_000, "deep", id="deep"),
        pytest.param(b"[" + b"0," * 4_100_000 + b"0]", "values", id="crowded"),
        pytest.param(b'{"sha": "main"}', "names no commit", id="no-commit"),
        pytest.param(b"[]", "names no commit", id="list"),
        pytest.param(b'{"sha": "../../x"}', "names no commit", id="path-as-commit"),
        pytest.param(b"\xff\xfe", "UTF-8", id="not-utf-8"),
        pytest.param(b" " * (33 * 1024 * 1024), "longer than", id="huge"),
    ],
)
def test_answer_that_is_none_is_refused(
    hub: HubServer, open_: Open, body: bytes, message: str
) -> None:
    hub.fail("/revision/", 200, body=body)
    with pytest.raises(UndecidedError, match=message) as caught:
        open_()
    assert "/api/models/acme/tiny/revision/main" in caught.value.message


def test_another_commit_than_the_one_asked_for_is_refused(hub: HubServer, open_: Open) -> None:
    hub.repositories["acme/tiny"].refs = ("b" * 40,)
    with pytest.raises(UndecidedError, match="when asked for bbbb"):
        open_(revision="b" * 40)


def test_pages_in_a_circle(hub: HubServer, open_: Open) -> None:
    link = '</x?recursive=true&expand=false>; rel="next"'
    hub.fail("/tree/", 200, body=b'[{"type":"directory"}]', headers={"Link": link})
    with pytest.raises(UndecidedError, match="circle"):
        open_()
    assert sum("/tree/" in asked.path for asked in hub.asked) == 1


def test_next_page_elsewhere_is_looked_for_here(hub: HubServer, open_: Open) -> None:
    link = '<http://169.254.169.254/latest?cursor=2>; rel="next"'
    hub.fail("expand=false", 200, times=1, body=b'[{"type":"directory"}]', headers={"Link": link})
    hub.fail("cursor=2", 200, body=b"[]")
    assert open_().files == ()
    assert hub.asked[-1].path.endswith(f"/tree/{COMMIT}?cursor=2")


def test_more_files_than_are_listed(
    hub: HubServer, open_: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_api, "MAX_FILES", 7)
    with pytest.raises(UndecidedError, match="more than 7 files"):
        open_()


def test_thousands_of_files(hub: HubServer, open_: Open) -> None:
    hub.page = 1000
    one = ServedFile.of("x.txt", b"x")
    hub.repositories["acme/tiny"] = ServedRepository({f"d/{n:06}.txt": one for n in range(5000)})
    assert len(open_().files) == 5000


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        pytest.param("README.md", b"short", "it sent 5 bytes", id="shorter-than-listed"),
        pytest.param("README.md", b"x" * 500, "it sent 0 bytes", id="longer-than-listed"),
        pytest.param("README.md", b"x" * 35, "not the object", id="other-text-of-that-size"),
        pytest.param("sub/tök en.json", b"[]", "not the object", id="other-json-of-that-size"),
    ],
)
def test_file_that_is_not_what_the_list_says(
    hub: HubServer, open_: Open, path: str, content: bytes, message: str
) -> None:
    source = open_()
    hub.fail("/resolve/", 200, body=content)
    with pytest.raises(UndecidedError, match=message):
        source.read(path, length=10)


def test_large_file_read_whole_is_held_against_its_digest(hub: HubServer, open_: Open) -> None:
    source = open_()
    length = len(FILES["model.safetensors"])
    assert source.read("model.safetensors", length=length) == FILES["model.safetensors"]
    hub.repositories["acme/tiny"].files["model.safetensors"] = large(b"", length)
    again = open_()
    with pytest.raises(UndecidedError, match="not the object"):
        again.read("model.safetensors", length=length)


@pytest.mark.parametrize(
    "given", ["", "bytes 0-9/99", "bytes 1-65536/160057", "bytes 0-65535/5", "bytes 0-65535/*"]
)
def test_other_range_than_the_one_asked_for(hub: HubServer, open_: Open, given: str) -> None:
    source = open_()
    headers = {"Content-Range": given} if given else {}
    hub.fail("/resolve/", 206, body=b"x" * 65_536, headers=headers)
    with pytest.raises(UndecidedError, match="was asked for bytes 0 to 65,535"):
        source.read("model.safetensors", length=10)


def test_fixture_describes_a_repository() -> None:
    fixture = {
        "acme/m": {
            "commit": "d" * 40,
            "refs": ["main", "v1"],
            "gated": "auto",
            "files": {
                "README.md": {"text": "# M\n"},
                "model.safetensors": {"size": 5 * 10**9, "base64": "QUJD", "sha256": "e" * 64},
                "tokenizer.json": {"text": "{}", "large": True},
            },
        }
    }
    with HubServer.from_fixture(json.loads(json.dumps(fixture)), token="t") as hub:
        source = HubSource(HubTarget("acme/m", "v1"), environment=HubEnvironment(hub.endpoint, "t"))
        assert (source.revision, source.gated) == ("d" * 40, True)
        assert source.read("model.safetensors", length=5) == b"ABC\0\0"
        assert source.reported["model.safetensors"] == "e" * 64
        assert source.read("tokenizer.json", length=5) == b"{}"
        source.close()


def test_requests_is_imported_only_to_ask() -> None:
    import subprocess

    code = (
        "import sys, manifest.sources.hub, manifest.sources.pins, manifest.lint\n"
        "sys.exit(' '.join(m for m in ('requests', 'urllib3') if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
