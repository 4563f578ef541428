"""A root in an object store: built, signed, verified, and everything that may be wrong there."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from clusters import local_cluster
from s3_server import Bucket, serve_answer, serve_bucket
from weights import T, safetensors

from manifest.errors import UndecidedError
from manifest.inventory import Algorithm, ProblemKind, hash_files, read_file, walk
from manifest.inventory.objects import ObjectStore

s3fs = pytest.importorskip("s3fs", reason="needs the extra s3")
pytest.importorskip("moto", reason="needs the extra peers")
pytestmark = [
    pytest.mark.peer,
    # The server's libraries and the client's, not ours.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

Run = Callable[..., Result]
DESCRIPTION = """\
schema_version: "1.0"
name: acme/far
version: "1"
described_by: publisher
license: apache-2.0
roots:
  store: {type: directory}
components:
  model-parameters-final:
    files: ["store:*.safetensors"]
  datasets:
    files: ["store:data/"]
  card: {kind: model-card, files: [README.md]}
"""
FILES = {
    "m.safetensors": safetensors(T("w", b"w" * 4096), T("v", b"v" * 64)),
    "data/größe one.bin": b"1" * 300_000,
    "data/empty": b"",
}
URL = "s3://models/release/v1"


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with serve_bucket() as bucket:
        yield bucket


class Scene:
    """A release directory, its files in a bucket, and the same files in a directory."""

    def __init__(self, path: Path, bucket: Bucket, run: Run) -> None:
        self.bucket, self._run = bucket, run
        self.release, self.local = path / "release", path / "local"
        self.release.mkdir()
        (self.release / "release.yaml").write_text(DESCRIPTION)
        (self.release / "README.md").write_text("# Far\n")
        self.key = path / "key.pem"
        run("keygen", "--out", self.key, "--no-passphrase")
        for name, data in FILES.items():
            file = self.local / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            bucket.put(f"release/v1/{name}", data)
        bucket.put("release/v1/data/", b"")  # how some tools show a directory
        bucket.put("release/v10/other", b"not of this prefix")

    def run(self, command: str, *options: object, place: object = URL) -> Result:
        return self._run(command, self.release, "--root-dir", f"store={place}", *options)

    def signed(self) -> None:
        assert self.run("build").exit_code == 0
        assert self.run("sign", "--key", self.key).exit_code == 0

    def verify(self, *options: object) -> Result:
        return self.run("verify", "--key", f"{self.key}.pub", *options)


@pytest.fixture
def scene(
    tmp_path: Path, server: Bucket, run: Run, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    made = Scene(tmp_path, server, run)
    yield made
    for name in [
        *FILES,
        ".gitattributes",
        ".git/config",
        ".git/HEAD",
        "data/",
        "extra",
        "../up",
        "data",
        "x?versionId=1",
    ]:
        server.delete(f"release/v1/{name}")


def test_the_manifest_is_the_one_of_a_directory(scene: Scene) -> None:
    for name in (".gitattributes", ".git/config", ".git/HEAD"):
        scene.bucket.put(f"release/v1/{name}", b"of no manifest")
        (scene.local / name).parent.mkdir(exist_ok=True)
        (scene.local / name).write_bytes(b"of no manifest")
    built = scene.run("build")
    assert built.exit_code == 0, built.output
    assert walk(scene.local).not_covered == ObjectStore.at(URL).walk().not_covered
    data = (scene.release / "manifest.json").read_bytes()
    assert [f["path"] for f in json.loads(data)["files"] if f.get("root")] == sorted(FILES)
    assert json.loads(data)["weights"]
    again = scene.run("build", place=scene.local)
    assert again.exit_code == 0, again.output
    assert (scene.release / "manifest.json").read_bytes() == data


def test_it_is_signed_and_verified(scene: Scene) -> None:
    scene.signed()
    verified = scene.verify()
    assert verified.exit_code == 0, verified.output
    assert "all 6 files" in verified.stdout
    assert scene.verify("--digest", "both").exit_code == 0
    one = scene.verify("--tensor", "v")
    assert one.exit_code == 0, one.output
    assert "1 tensor (64 B" in one.stdout


def test_what_differs_is_named(scene: Scene) -> None:
    scene.signed()
    changed = bytearray(FILES["m.safetensors"])
    changed[-1] ^= 1
    scene.bucket.put("release/v1/m.safetensors", bytes(changed))
    scene.bucket.delete("release/v1/data/empty")
    scene.bucket.put("release/v1/extra", b"more")
    result = scene.verify()
    assert result.exit_code == 5
    assert "changed     store:m.safetensors" in result.stdout
    assert "tensors that differ (1 of 2): " in result.stdout
    assert "missing     store:data/empty" in result.stdout
    assert "added       store:extra" in result.stdout
    assert sorted(scene.verify("--tensor", name).exit_code for name in "wv") == [0, 5]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("../up", "has a name"),
        ("data", "is that of an object and of a directory"),
        ("x?versionId=1", "version of another object"),
    ],
)
def test_names_that_mean_something_else_are_refused(scene: Scene, key: str, words: str) -> None:
    scene.bucket.put(f"release/v1/{key}", b"x")
    result = scene.run("build")
    assert result.exit_code == 1
    assert words in result.stderr
    assert not (scene.release / "manifest.json").exists()


def test_an_object_that_is_exchanged_meanwhile_is_no_answer(scene: Scene) -> None:
    tree = ObjectStore.at(URL).walk()
    assert all(hashed.problem is None for hashed in hash_files(tree))
    scene.bucket.put("release/v1/m.safetensors", FILES["m.safetensors"][:-1] + b"!")
    found = {hashed.path: hashed for hashed in hash_files(tree, algorithms=(Algorithm.BLAKE3,))}
    problem = found["m.safetensors"].problem
    assert problem is not None
    assert problem.kind == "changed"
    assert found["data/empty"].problem is None


def test_a_small_file_is_read_whole(scene: Scene) -> None:
    tree = ObjectStore.at(URL).walk()
    name = "m.safetensors"
    assert read_file(tree, name, max_bytes=10_000) == FILES[name]
    scene.bucket.put(f"release/v1/{name}", b"o" * len(FILES[name]))
    with pytest.raises(UndecidedError, match="another object"):
        read_file(tree, name, max_bytes=10_000)


def test_a_tag_is_asked_for_with_every_read(scene: Scene) -> None:
    tree = ObjectStore.at(URL).walk()
    file = next(f for f in tree.files if f.path == "m.safetensors")
    with ObjectStore.at(URL).session() as session:
        opened = session.open(file)
        assert opened.read_into(memoryview(bytearray(8)), 0) == 8
        scene.bucket.put("release/v1/m.safetensors", b"o" * file.size)
        with pytest.raises(OSError, match="changed while it was read"):
            opened.read_into(memoryview(bytearray(8)), 8)
        opened.close()


def test_the_digests_are_those_of_the_files(scene: Scene) -> None:
    both = (Algorithm.SHA256, Algorithm.BLAKE3)
    far = hash_files(ObjectStore.at(URL).walk(), algorithms=both)
    assert far == hash_files(walk(scene.local), algorithms=both)


def test_an_object_that_is_gone_meanwhile_is_said_to_be(scene: Scene) -> None:
    tree = ObjectStore.at(URL).walk()
    scene.bucket.delete("release/v1/m.safetensors")
    problem = next(one.problem for one in hash_files(tree) if one.path == "m.safetensors")
    assert problem == (ProblemKind.VANISHED, "it is not there any more")


def _page(content: str, token: str = "") -> bytes:
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    truncated = str(bool(token)).lower()
    return f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{content}{more}</ListBucketResult>".encode()


_OBJECT = "<Contents><Key>release/v1/m</Key><ETag>a</ETag><Size>5</Size></Contents>"


@pytest.mark.parametrize(
    ("status", "answer", "code", "words"),
    [
        pytest.param(200, _page(_OBJECT * 2), 4, "lists m twice", id="a-key-twice"),
        pytest.param(200, _page("", "t"), 4, "does not go on", id="the-same-page-for-ever"),
        pytest.param(200, b"", 4, "has no 'IsTruncated'", id="an-empty-answer"),
        pytest.param(
            200,
            _page(_OBJECT).replace(b"release/", b"e/"),
            4,
            "does not begin",
            id="another-prefix",
        ),
        pytest.param(
            200, _page(_OBJECT).replace(b">5<", b">-5<"), 1, "without a size", id="a-negative-size"
        ),
        pytest.param(
            403,
            b"<Error><Code>AccessDenied</Code><Message>no\n  remedy: run it\x7f</Message></Error>",
            4,
            "cannot be listed: no\n  remedy: check the network",
            id="a-forged-remedy",
        ),
    ],
)
def test_a_store_may_answer_anything(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, status: int, answer: bytes, code: int, words: str
) -> None:
    with serve_answer(status, answer) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        s3fs.S3FileSystem.clear_instance_cache()
        result = scene.run("build")
    s3fs.S3FileSystem.clear_instance_cache()
    assert result.exit_code == code, result.output
    assert words in result.stderr


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("s3://models/none", 2),
        ("s3://models/release/v10/other", 2),  # an object
        ("s3://no-such-bucket/x", 2),
        ("s3://models/release/../v1", 2),
        ("s3://models/x?versionId=1", 2),
        ("s3://", 2),
        ("s3://UPPER/x", 2),
    ],
)
def test_places_that_are_none(scene: Scene, place: str, code: int) -> None:
    result = scene.run("build", place=place)
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("error: ")
    assert "remedy:" in result.stderr


def test_an_inventory_cannot_lie_there(scene: Scene) -> None:
    text = DESCRIPTION.replace(
        'files: ["store:data/"]', 'inventory: {path: list.jsonl, directory: "store:data"}'
    )
    (scene.release / "release.yaml").write_text(text)
    result = scene.run("build")
    assert result.exit_code == 2, result.output
    assert "cannot lie in an object store" in result.stderr


def test_a_server_that_is_gone_is_no_answer(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with serve_bucket() as bucket:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        scene = Scene(tmp_path, bucket, run)
        scene.signed()
        tree = ObjectStore.at(URL).walk()
        bucket.stop()
        found = hash_files(tree)
        assert {hashed.problem.kind for hashed in found if hashed.problem} == {"unreadable"}
        result = scene.verify()
    s3fs.S3FileSystem.clear_instance_cache()
    assert result.exit_code == 4, result.output
    assert "cannot be listed" in result.output


def test_without_the_library_the_install_line_is_given(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    result = scene.run("build", place="gs://models/x")
    assert result.exit_code == 2, result.output
    assert "pip install 'model-release-manifest[gs]'" in result.stderr


class _Google:
    """As `gcsfs.GCSFileSystem` answers; its reads ask for no entity tag."""

    def __init__(self, **_: object) -> None:
        self.tag = "E1"

    def info(self, _: str) -> dict[str, str | int]:
        return {"name": "models/v1/a", "size": 3, "etag": self.tag}

    def call(self, *_: object, prefix: str, pageToken: str = "", **__: object) -> dict[str, Any]:  # noqa: N803 - its name
        if not pageToken:
            return {"nextPageToken": "2"}  # a page may be empty, and not the last
        return {"items": [{"name": f"{prefix}a", "size": "3", "etag": "E1"}]}

    def open(self, path: str, *_: object, **__: object) -> io.BytesIO:
        opened: Any = _GoogleFile(b"abc")
        opened.fs, opened.path, opened.details, opened.size = self, path, self.info(path), 3
        return opened  # type: ignore[no-any-return]


class _GoogleFile(io.BytesIO):
    pass


@pytest.mark.parametrize("kind", [None, ProblemKind.CHANGED])
def test_google_is_asked_for_the_tag_after_the_reading(
    monkeypatch: pytest.MonkeyPatch, kind: ProblemKind | None
) -> None:
    google = _Google()
    monkeypatch.setitem(
        sys.modules,
        "gcsfs",
        SimpleNamespace(GCSFileSystem=lambda **_: google),
    )
    tree = ObjectStore.at("gs://models/v1").walk()
    assert [(file.path, file.size) for file in tree.files] == [("a", 3)]
    if kind is not None:
        before = _GoogleFile.readinto

        def exchanged(opened: _GoogleFile, buffer: memoryview) -> int:
            google.tag = "E2"
            return before(opened, buffer)

        monkeypatch.setattr(_GoogleFile, "readinto", exchanged)
    (hashed,) = hash_files(tree)
    assert (hashed.problem and hashed.problem.kind) == kind


@pytest.mark.long
def test_the_workers_of_a_cluster_read_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.signed()
    data = (scene.release / "manifest.json").read_bytes()
    for number in range(20):
        scene.bucket.put(f"release/v1/data/{number:02}", b"%d" % number * 50_000)
    with local_cluster(2) as cluster:
        cluster.wait_for_workers(2)
        # The headers of weights are read here; whole files must not be.
        monkeypatch.setattr("manifest.inventory.far.ThisMachine", None)
        address = cluster.scheduler_address
        verified = scene.verify("--scheduler", address)
        assert verified.exit_code == 5
        assert "20 added" in verified.stdout
        built = scene.run("build", "--scheduler", address)
        assert built.exit_code == 0, built.output
    there = (scene.release / "manifest.json").read_bytes()
    assert there != data
    monkeypatch.undo()
    for name, value in scene.bucket.environment.items():
        monkeypatch.setenv(name, value)
    scene.run("build")
    assert (scene.release / "manifest.json").read_bytes() == there
    for number in range(20):
        scene.bucket.delete(f"release/v1/data/{number:02}")
