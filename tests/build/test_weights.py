"""Which files are one model, and what `build` and `sign` say of their tensors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from weights import RELEASE, T, gguf, release, safetensors, with_header

from manifest.build import build
from manifest.document.manifest_file import dump_manifest, parse_manifest
from manifest.document.manifest_weights import WeightsSet
from manifest.errors import BytesDifferError, DocumentError
from manifest.sign import sign
from manifest.signing.keys import KeyKind, generate

MODEL = (
    T("a", b"1234", "F32", (1,)),
    T("b", b"56"),
    T("c", b"", "BF16", (0, 3)),
    T("d", b"7", "U8", ()),
)


def index(**shards: str) -> bytes:
    return json.dumps({"metadata": {}, "weight_map": shards}).encode()


def sets(
    path: Path, files: dict[str, bytes], description: str | None = None
) -> tuple[WeightsSet, ...]:
    return release(path, files, description).weights


def test_digests_are_those_of_the_bytes(tmp_path: Path) -> None:
    (one,) = sets(tmp_path, {"m.safetensors": safetensors(*MODEL)})
    (file,) = one.files
    data = (tmp_path / "m.safetensors").read_bytes()
    assert file.header_blake3 == blake3(data[: file.data_start]).hexdigest()
    found = {t.name: t.blake3 for t in file.tensors}
    assert found == {t.name: blake3(t.data).hexdigest() for t in MODEL}


def test_the_file_digest_beside_them_is_the_same(tmp_path: Path) -> None:
    manifest = release(tmp_path, {"m.safetensors": safetensors(*MODEL)})
    for file in manifest.files:
        data = (tmp_path / file.path).read_bytes()
        assert file.blake3 == blake3(data).hexdigest()


def test_without_blake3_of_files_tensors_have_theirs(tmp_path: Path) -> None:
    text = RELEASE.replace("FILES", "'*.safetensors'") + "digests: [sha256]\n"
    manifest = release(tmp_path, {"m.safetensors": safetensors(*MODEL)}, text)
    assert {f.blake3 for f in manifest.files} == {""}
    assert manifest.weights[0].tensor_count == 4


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_the_weights_digest_is_the_same_however_the_model_is_split_and_ordered(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(MODEL))
    count = data.draw(st.integers(1, 4))
    home = [data.draw(st.integers(0, count - 1)) for _ in order]
    files = {
        f"x-{i + 1:05}-of-{count:05}.safetensors": safetensors(
            *(t for t, h in zip(order, home, strict=True) if h == i),
            metadata=data.draw(st.sampled_from([None, {"step": "7"}])),
        )
        for i in range(count)
    }
    (split,) = sets(tmp_path_factory.mktemp("split"), files)
    (whole,) = sets(tmp_path_factory.mktemp("whole"), {"m.safetensors": safetensors(*MODEL)})
    assert split.weights_digest == whole.weights_digest
    assert (split.tensor_count, split.size) == (whole.tensor_count, whole.size)


def test_shards_are_known_by_their_index_too(tmp_path: Path) -> None:
    one, two = safetensors(*MODEL[:2]), safetensors(*MODEL[2:])
    files = {
        "base.safetensors": one,
        "rest.safetensors": two,
        "model.safetensors.index.json": index(a="base.safetensors", d="rest.safetensors"),
    }
    (found,) = sets(tmp_path, files, RELEASE.replace("FILES", "'*.safetensors'"))
    assert [f.path for f in found.files] == ["base.safetensors", "rest.safetensors"]


def test_files_of_other_directories_and_counts_are_other_models(tmp_path: Path) -> None:
    files = {
        name: safetensors(*MODEL)
        for name in (
            "m-00001-of-00001.safetensors",
            "m-00001-of-00002.safetensors",
            "step1/m-00001-of-00001.safetensors",
            "m.safetensors",
        )
    }
    found = sets(tmp_path, files)
    assert [[f.path for f in s.files] for s in found] == [[name] for name in sorted(files)]
    assert len({s.weights_digest for s in found}) == 1


def test_gguf_and_safetensors_of_one_name_and_bytes_are_not_the_same_weights(
    tmp_path: Path,
) -> None:
    files = {
        "m.safetensors": safetensors(T("w", b"1234", "F32", (1,))),
        "m.gguf": gguf([("w", (1,), 0, b"1234")]),
    }
    first, second = sets(tmp_path, files)
    assert {t.blake3 for _, t in first.tensors} == {t.blake3 for _, t in second.tensors}
    assert first.weights_digest != second.weights_digest


def test_a_tensor_in_two_shards_is_refused_by_both_names(tmp_path: Path) -> None:
    files = {
        "m-00001-of-00002.safetensors": safetensors(T("a", b"1")),
        "m-00002-of-00002.safetensors": safetensors(T("a", b"2")),
    }
    with pytest.raises(DocumentError) as caught:
        release(tmp_path, files)
    assert all(name in caught.value.message for name in (*files, "tensor a"))


def test_weights_that_cannot_be_read_have_no_tensors_and_a_reason(tmp_path: Path) -> None:
    files = {
        "m-00001-of-00002.safetensors": safetensors(T("a", b"1")),
        "m-00002-of-00002.safetensors": b"not one",
        "n.safetensors": safetensors(T("a", b"1")),
    }
    manifest = release(tmp_path, files)
    assert [s.files[0].path for s in manifest.weights] == ["n.safetensors"]
    (reason,) = build(tmp_path).without_tensors
    assert "m-00002-of-00002.safetensors" in reason


@pytest.mark.parametrize("said", ["true", "false"])
def test_the_description_decides(tmp_path: Path, said: str) -> None:
    text = RELEASE.replace("FILES", "'*.safetensors'") + f"    tensors: {said}\n"
    good = {"m.safetensors": safetensors(*MODEL)}
    assert len(sets(tmp_path / "good", good, text)) == (said == "true")
    bad = {"m.safetensors": with_header({}, b"tail")}
    if said == "true":
        with pytest.raises(DocumentError, match="after its last"):
            release(tmp_path / "bad", bad, text)
    else:
        assert sets(tmp_path / "bad", bad, text) == ()


def test_other_components_have_them_when_they_say_so(tmp_path: Path) -> None:
    text = RELEASE.replace("FILES", "'*.safetensors'").replace(
        "model-parameters-final", "model-metadata"
    )
    files = {"m.safetensors": safetensors(*MODEL)}
    assert sets(tmp_path / "silent", files, text) == ()
    assert len(sets(tmp_path / "said", files, text + "    tensors: true\n")) == 1


def test_signing_measures_tensors_again(tmp_path: Path) -> None:
    """A manifest whose tensors are sound in themselves and not those of the file."""
    manifest = release(tmp_path / "r", {"m.safetensors": safetensors(*MODEL)})
    forged = (T("a", b"9999", "F32", (1,)), *MODEL[1:])
    other = release(tmp_path / "o", {"m.safetensors": safetensors(*forged)})
    plain = json.loads(dump_manifest(manifest))
    plain["weights"] = json.loads(dump_manifest(other))["weights"]
    text = dump_manifest(parse_manifest(json.dumps(plain).encode()))
    (tmp_path / "r" / "manifest.json").write_bytes(text)
    with pytest.raises(BytesDifferError, match=r"tensor a of m\.safetensors"):
        sign(tmp_path / "r", generate(KeyKind.ECDSA_P256))


def test_signing_reads_headers_again(tmp_path: Path) -> None:
    """Rows with the digests of the file's own bytes, under another name than the header's."""
    manifest = release(tmp_path / "r", {"m.safetensors": safetensors(*MODEL)})
    plain = json.loads(dump_manifest(manifest))
    one = plain["weights"][0]
    rows = one["files"][0]["tensors"]
    rows[0][0] = "z"
    from manifest.inventory.tensors import TensorDigest, weights_digest

    one["weights_digest"] = weights_digest(
        "safetensors", [TensorDigest(r[0], r[1], tuple(r[2]), r[5]) for r in rows]
    )
    text = dump_manifest(parse_manifest(json.dumps(plain).encode()))
    (tmp_path / "r" / "manifest.json").write_bytes(text)
    with pytest.raises(BytesDifferError, match=r"what the header of m\.safetensors says"):
        sign(tmp_path / "r", generate(KeyKind.ECDSA_P256))


@pytest.mark.peer
def test_files_of_the_safetensors_library(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    peer = pytest.importorskip("safetensors.numpy")
    arrays = {
        "w": numpy.arange(12, dtype="float32").reshape(3, 4),
        "half": numpy.ones(5, "float16"),
        "none": numpy.zeros((0, 2), "int64"),
        "scalar": numpy.array(7, "uint8"),
    }
    (one,) = sets(tmp_path / "one", {"m.safetensors": peer.save(arrays)})
    assert {t.name: (t.shape, t.blake3) for _, t in one.tensors} == {
        name: (a.shape, blake3(a.tobytes()).hexdigest()) for name, a in arrays.items()
    }
    shards = [{k: arrays[k] for k in part} for part in (("none", "w"), ("scalar", "half"))]
    files = {f"m-{i:05}-of-00002.safetensors": peer.save(s) for i, s in enumerate(shards, 1)}
    (split,) = sets(tmp_path / "split", files)
    assert split.weights_digest == one.weights_digest


@pytest.mark.peer
def test_files_of_the_gguf_package(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    peer = pytest.importorskip("gguf")
    path = tmp_path / "made.gguf"
    writer = peer.GGUFWriter(path, "llama")
    w = numpy.arange(15, dtype="float32").reshape(3, 5)
    q = numpy.arange(2 * 34, dtype="uint8").reshape(2, 34)
    writer.add_tensor("w", w)
    writer.add_tensor("q", q, raw_dtype=peer.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (one,) = sets(tmp_path / "r", {"m.gguf": path.read_bytes()})
    found = {t.name: (t.dtype, t.shape, t.start, t.blake3) for _, t in one.tensors}
    theirs = {
        t.name: (t.tensor_type.name, tuple(map(int, t.shape)), t.data_offset)
        for t in peer.GGUFReader(path).tensors
    }
    assert {name: row[:3] for name, row in found.items()} == theirs
    assert found["w"][3] == blake3(w.tobytes()).hexdigest()
    assert found["q"][3] == blake3(q.tobytes()).hexdigest()
