"""Pins looked up: on a server that serves the hub's shapes, and on git's own ``http-backend``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from git_server import GitServer, git
from hub_releases import QUICK, tiny
from hub_server import Fault, HubServer, ServedFile, ServedRepository

from manifest.document.references import Reference, ReferenceType
from manifest.sources.http import HttpClient
from manifest.sources.hub_environment import HubEnvironment
from manifest.sources.pins import MAX_DOWNLOAD, resolve_reference, resolver

COMMIT = "c0ffee" * 6 + "c0ff"
NOTHING = "0" * 40


@pytest.fixture
def client() -> Iterator[HttpClient]:
    client = HttpClient(limits=QUICK)
    yield client
    client.close()


def hub_reference(target: str = "acme/tiny", pin: str = COMMIT, path: str = "") -> Reference:
    return Reference(ReferenceType.HUGGINGFACE, target, pin, path=path)


# Hubs


@pytest.mark.parametrize(
    ("reference", "status", "detail"),
    [
        pytest.param(hub_reference(), "resolved", "has this revision", id="there"),
        pytest.param(hub_reference(path="config.json"), "resolved", "", id="path-there"),
        pytest.param(hub_reference(path="nowhere"), "gone", "no nowhere", id="path-not-there"),
        pytest.param(hub_reference(pin=NOTHING), "gone", "no such revision", id="no-revision"),
        pytest.param(hub_reference("acme/none"), "gone", "no such repository", id="no-repository"),
        pytest.param(hub_reference("datasets/acme/corpus"), "resolved", "", id="dataset"),
        pytest.param(hub_reference("acme/corpus"), "gone", "", id="a-model-of-a-dataset's-name"),
        pytest.param(hub_reference("acme/old"), "resolved", "as acme/tiny", id="renamed"),
        pytest.param(hub_reference("acme/secret"), "could-not-tell", "private", id="private"),
        pytest.param(hub_reference("acme/../x"), "could-not-tell", "OWNER/NAME", id="path-as-name"),
        pytest.param(hub_reference(pin=""), "could-not-tell", "pins nothing", id="not-pinned"),
    ],
)
def test_hub_pins(hub: HubServer, reference: Reference, status: str, detail: str) -> None:
    hub.repositories |= {
        "datasets/acme/corpus": ServedRepository({}),
        "acme/old": ServedRepository({}, renamed_to="acme/tiny"),
        "acme/secret": ServedRepository(tiny().files, private=True),
    }
    client = HubEnvironment(hub.endpoint, "hf_good").client(limits=QUICK)
    found = resolve_reference(reference, client, endpoint=hub.endpoint)
    client.close()
    assert (found.status, detail in found.detail) == (status, True), found


def test_commit_that_the_hub_takes_for_another_has_moved(
    hub: HubServer, client: HttpClient
) -> None:
    hub.repositories["acme/tiny"].refs = ("b" * 40,)
    found = resolve_reference(hub_reference(pin="b" * 40), client, endpoint=hub.endpoint)
    assert (found.status, COMMIT in found.detail) == ("moved", True)


@pytest.mark.parametrize("status", [401, 403, 451, 500, 429])
def test_hub_that_does_not_say(hub: HubServer, client: HttpClient, status: int) -> None:
    hub.fail("/revision/", status)
    found = resolve_reference(hub_reference(), client, endpoint=hub.endpoint)
    assert (found.status, str(status) in found.detail) == ("could-not-tell", True)


# Addresses with a digest


def url_reference(url: str, content: bytes = b"data") -> Reference:
    return Reference(ReferenceType.URL, url, hashlib.sha256(content).hexdigest())


def test_url_pins(hub: HubServer, client: HttpClient) -> None:
    hub.fail("/file", 200, body=b"data")
    hub.fail("/moved", 302, headers={"Location": f"{hub.content}/file"})
    hub.fail("/gone", 410)
    hub.fail("/shut", 403)
    for path, content, status in (
        ("/file", b"data", "resolved"),
        ("/moved", b"data", "resolved"),
        ("/file", b"other", "moved"),
        ("/gone", b"data", "gone"),
        ("/shut", b"data", "could-not-tell"),
    ):
        found = resolve_reference(url_reference(f"{hub.endpoint}{path}", content), client)
        assert found.status == status, (path, found)


def test_large_files_are_not_downloaded_to_be_hashed(hub: HubServer, client: HttpClient) -> None:
    hub.repositories["acme/tiny"].files["w.bin"] = ServedFile(b"", 10**12, is_large=True)
    address = f"{hub.endpoint}/acme/tiny/resolve/{COMMIT}/w.bin"
    found = resolve_reference(url_reference(address), client)
    assert (found.status, "not downloaded" in found.detail) == ("could-not-tell", True)
    # A little is on its way before the connection closes.
    assert hub.sent.get("w.bin", 0) < MAX_DOWNLOAD


def test_file_whose_size_is_not_announced_is_read_up_to_the_bound(
    hub: HubServer, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flood(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1000):
            handler.wfile.write(b"10000\r\n" + bytes(65_536) + b"\r\n")

    monkeypatch.setattr("manifest.sources.pins.MAX_DOWNLOAD", 1_000_000)
    hub.faults.append(Fault("/file", flood))
    found = resolve_reference(url_reference(f"{hub.endpoint}/file"), client)
    assert (found.status, "1.0 MB" in found.detail) == ("could-not-tell", True)


@pytest.mark.parametrize("kind", ["doi", "oci", "manifest"])
def test_what_is_not_looked_up(client: HttpClient, kind: str) -> None:
    reference = Reference(ReferenceType(kind), "x", "a" * 64)
    assert resolve_reference(reference, client).status == "could-not-tell"


def test_stranger_cannot_point_into_the_readers_network(hub: HubServer) -> None:
    resolve = resolver(HubEnvironment("https://hub.example.org"))
    for reference in (
        url_reference(f"{hub.endpoint}/file"),
        Reference(ReferenceType.GIT, f"{hub.endpoint}/x.git", COMMIT),
        url_reference("http://169.254.169.254/latest/meta-data"),
    ):
        assert resolve(reference).status == "could-not-tell"
    assert "no public address" in resolve(url_reference(f"{hub.endpoint}/file")).detail
    assert hub.asked == []


def test_each_pin_is_looked_up_once(hub: HubServer) -> None:
    resolve = resolver(HubEnvironment(hub.endpoint))
    assert resolve(hub_reference()) is resolve(hub_reference())
    assert resolve(hub_reference()).status == "resolved"
    assert len(hub.asked) == 1


# git


@pytest.fixture(scope="module", params=["sha1", "sha256"])
def repositories(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, str]:
    """A folder with ``repo.git``, and its two commits: the older and the newer."""
    root = tmp_path_factory.mktemp("git")
    work = root / "work"
    (work / "src").mkdir(parents=True)
    git(work, "init", "-q", "-b", "main", f"--object-format={request.param}")
    (work / "src" / "train.py").write_text("x = 1\n")
    git(work, "add", ".")
    git(work, "commit", "-q", "-m", "first")
    older = git(work, "rev-parse", "HEAD")
    (work / "src" / "train.py").write_text("x = 2\n")
    git(work, "commit", "-q", "-a", "-m", "second")
    git(root, "clone", "-q", "--bare", "work", "repo.git")
    return root, older, git(work, "rev-parse", "HEAD")


def git_reference(server: GitServer, pin: str, path: str = "") -> Reference:
    return Reference(ReferenceType.GIT, f"{server.url}/repo.git", pin, path=path)


@pytest.mark.parametrize("filters", ["true", "false"])
def test_git_pins_are_proved_by_their_ids(
    repositories: tuple[Path, str, str], client: HttpClient, filters: str
) -> None:
    root, older, newer = repositories
    git(root / "repo.git", "config", "uploadpack.allowFilter", filters)
    with GitServer(root) as server:
        for pin, path, status in (
            (older, "", "resolved"),
            (newer, "", "resolved"),
            (older, "src/train.py", "resolved"),
            (older, "src", "resolved"),
            (older, "src/test.py", "gone"),
            (older, "src/train.py/x", "gone"),
            ("0" * len(older), "", "gone"),
            (older[:12], "", "could-not-tell"),
            ("a" * (104 - len(older)), "", "gone"),  # the length of the other algorithm
        ):
            found = resolve_reference(git_reference(server, pin, path), client)
            assert found.status == status, (pin, path, found)
        blob = git(root / "repo.git", "rev-parse", "HEAD:src/train.py")
        assert resolve_reference(git_reference(server, blob), client).status == "could-not-tell"
        elsewhere = Reference(ReferenceType.GIT, f"{server.url}/none.git", older)
        assert resolve_reference(elsewhere, client).status == "gone"


def test_git_server_of_version_0_lists_tips_alone(
    repositories: tuple[Path, str, str], client: HttpClient
) -> None:
    root, older, newer = repositories
    with GitServer(root, speaks_version_2=False) as server:
        for pin, path, status in (
            (newer, "", "resolved"),
            (newer, "src/train.py", "could-not-tell"),
            (older, "", "could-not-tell"),
        ):
            found = resolve_reference(git_reference(server, pin, path), client)
            assert found.status == status, (pin, path, found)


def pkt(*lines: bytes) -> bytes:
    return b"".join(b"%04x%s" % (len(line) + 4, line) for line in lines)


ADVERTISED = (
    pkt(b"# service=git-upload-pack\n")
    + b"0000"
    + pkt(b"version 2\n", b"fetch=shallow filter\n", b"object-format=sha1\n")
)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param(b"", "did not send", id="nothing"),
        pytest.param(b"<html>", "speak git", id="html"),
        pytest.param(b"ffff", "did not send", id="cut-off"),
        pytest.param(pkt(b"ERR no \x1b[31m"), r"\x1b", id="escape-sequence-in-error"),
        pytest.param(pkt(b"ERR not our ref " + b"b" * 40), "not our ref", id="about-another"),
        pytest.param(pkt(b"packfile\n", b"\x03full"), "full", id="error-in-the-side-band"),
        pytest.param(pkt(b"packfile\n", b"\x01PACK"), "did not send", id="pack-cut-off"),
        pytest.param(
            pkt(b"packfile\n", b"\x01PACK\0\0\0\2\0\0\0\1\x9f\x0fnot zlib"),
            "did not send",
            id="not-compressed",
        ),
        pytest.param(
            pkt(b"packfile\n", b"\x01PACK\0\0\0\2\xff\xff\xff\xff" + b"\xff" * 50),
            "did not send",
            id="many-objects-without-end",
        ),
    ],
)
def test_git_server_that_proves_nothing(
    hub: HubServer, client: HttpClient, body: bytes, detail: str
) -> None:
    kind = {"Content-Type": "application/x-git-upload-pack-advertisement"}
    hub.fail("/x.git/info/refs", 200, body=ADVERTISED, headers=kind)
    hub.fail("/x.git/git-upload-pack", 200, body=body)
    reference = Reference(ReferenceType.GIT, f"{hub.endpoint}/x.git", "a" * 40)
    found = resolve_reference(reference, client)
    assert (found.status, detail in found.detail) == ("could-not-tell", True), found


def test_commit_under_another_commits_id_proves_nothing(hub: HubServer, client: HttpClient) -> None:
    import zlib

    commit = b"tree " + b"a" * 40 + b"\n\nforged\n"
    assert len(commit) < 128
    head = bytes([0x90 | len(commit) & 15, len(commit) >> 4])
    pack = b"PACK\0\0\0\2\0\0\0\1" + head + zlib.compress(commit)
    kind = {"Content-Type": "application/x-git-upload-pack-advertisement"}
    hub.fail("/x.git/info/refs", 200, body=ADVERTISED, headers=kind)
    hub.fail("/x.git/git-upload-pack", 200, body=pkt(b"packfile\n", b"\x01" + pack) + b"0000")
    own = hashlib.sha1(b"commit %d\0%s" % (len(commit), commit)).hexdigest()
    for pin, status in ((own, "resolved"), ("a" * 40, "could-not-tell")):
        reference = Reference(ReferenceType.GIT, f"{hub.endpoint}/x.git", pin)
        assert resolve_reference(reference, client).status == status


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        pytest.param(200, "text/html", "could-not-tell", id="a-web-page"),
        pytest.param(401, "text/html", "could-not-tell", id="private-or-not-there"),
        pytest.param(404, "text/html", "gone", id="not-there"),
        pytest.param(500, "text/html", "could-not-tell", id="broken"),
    ],
)
def test_no_git_server(
    hub: HubServer, client: HttpClient, status: int, kind: str, expected: str
) -> None:
    hub.fail("/x.git", status, body=b"<html>", headers={"Content-Type": kind})
    reference = Reference(ReferenceType.GIT, f"{hub.endpoint}/x.git", "a" * 40)
    assert resolve_reference(reference, client).status == expected


def test_git_over_other_transports(client: HttpClient) -> None:
    for url in ("ssh://git@host/x.git", "git://host/x.git", "file:///x.git", "/x.git"):
        reference = Reference(ReferenceType.GIT, url, "a" * 40)
        assert resolve_reference(reference, client).status == "could-not-tell"
