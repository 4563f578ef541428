"""`open_verified`: bytes are handed out when they are those that were signed, and not else."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography import x509
from permissions import permissions_hold
from timestamp_authority import issue
from weights import RELEASE, T, gguf, release, safetensors

import manifest
from manifest.build import build, write_manifest
from manifest.errors import (
    BytesDifferError,
    MissingExtraError,
    NotTrustedError,
    UndecidedError,
    UsageError,
)
from manifest.sign import sign
from manifest.signing.bundle import parse_bundle
from manifest.signing.keys import KeyKind, PrivateKey, generate, load_private, public_pem
from manifest.signing.signer import sign_payload

ONE, TWO = "m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"
A = T("a", b"\0\0\x80?\0\0\0@", "F32", (2,))
B, C = T("b", b"bbb"), T("c", b"c" * 32)
FILES = {ONE: safetensors(A, B), TWO: safetensors(C)}
KEY = generate(KeyKind.ECDSA_P256)
PUB = public_pem(KEY.public)
CODE_SIGNING = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.3")])


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    release(tmp_path, FILES)
    sign(tmp_path, KEY)
    return tmp_path


def put(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def test_tensors_over_all_shards(signed: Path) -> None:
    with manifest.open_verified(signed, keys=[PUB]) as reader:
        assert reader.keys() == ("a", "b", "c")
        assert reader.get_tensor_bytes("c") == C.data
        assert reader.info("a").shape == (2,)
        assert reader.signer is not None
        assert reader.signer.fingerprint == KEY.fingerprint
        assert reader.load_bytes(ONE) == FILES[ONE]
        assert reader.load_bytes("release.yaml") == (signed / "release.yaml").read_bytes()
        assert set(reader.files) == {ONE, TWO, "release.yaml"}
    with pytest.raises(UsageError, match="closed"):
        reader.get_tensor_bytes("c")


def test_a_damaged_tensor_is_refused_and_the_others_are_not(signed: Path) -> None:
    put(signed / ONE, len(FILES[ONE]) - 1, b"!")
    reader = manifest.open_verified(signed, keys=[PUB])
    assert reader.get_tensor_bytes("a") == A.data
    with pytest.raises(BytesDifferError, match="the tensor b in"):
        reader.get_tensor_bytes("b")
    with pytest.raises(BytesDifferError, match="the tensor b differs"):
        reader.load_bytes(ONE)


def test_the_header_of_the_file_is_not_believed(signed: Path) -> None:
    put(signed / ONE, 12, b"zz")
    reader = manifest.open_verified(signed, keys=[PUB])
    with pytest.raises(BytesDifferError, match="the header"):
        reader.get_tensor_bytes("a")
    with pytest.raises(BytesDifferError, match="the header"):
        reader.load_bytes(ONE)


def test_a_file_exchanged_after_it_was_opened_is_refused(signed: Path) -> None:
    reader = manifest.open_verified(signed, keys=[PUB])
    other = FILES[ONE][:-3] + b"xyz"
    (signed / "new").write_bytes(other)
    (signed / "new").replace(signed / ONE)
    with pytest.raises(BytesDifferError):
        reader.get_tensor_bytes("b")
    with pytest.raises(BytesDifferError):
        reader.load_bytes(ONE)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="emptied"),
        pytest.param(FILES[ONE][:-1], id="cut-off"),
        pytest.param(FILES[ONE] + b"x", id="longer"),
        pytest.param(FILES[TWO], id="another-shard"),
    ],
)
def test_another_file_in_its_place_is_refused(signed: Path, data: bytes) -> None:
    (signed / ONE).write_bytes(data)
    with pytest.raises(BytesDifferError):
        manifest.open_verified(signed, keys=[PUB]).load_bytes(ONE)


def test_a_link_in_its_place_is_not_followed(signed: Path) -> None:
    (signed / ONE).rename(signed.parent / "outside")
    (signed / ONE).symlink_to(signed.parent / "outside")
    reader = manifest.open_verified(signed, keys=[PUB])
    with pytest.raises(BytesDifferError):
        reader.load_bytes(ONE)
    with pytest.raises(BytesDifferError):
        reader.get_tensor_bytes("a")


def test_whoever_is_not_trusted_opens_nothing(signed: Path) -> None:
    other: PrivateKey = generate(KeyKind.ECDSA_P256)
    with pytest.raises(NotTrustedError):
        manifest.open_verified(signed, keys=[public_pem(other.public)])
    with pytest.raises(NotTrustedError, match="no key"):
        manifest.open_verified(signed)
    with pytest.raises(UsageError):
        manifest.open_verified(signed, keys=[PUB], integrity_only=True)
    assert manifest.open_verified(signed, integrity_only=True).signer is None


def test_a_manifest_that_was_not_signed_opens_nothing(signed: Path) -> None:
    put(signed / "manifest.json", 30, b"  ")
    with pytest.raises(BytesDifferError, match=r"manifest\.json"):
        manifest.open_verified(signed, keys=[PUB])
    (signed / "manifest.json").unlink()
    with pytest.raises(BytesDifferError):
        manifest.open_verified(signed, keys=[PUB])
    (signed / "model.sig").unlink()
    with pytest.raises(UndecidedError):
        manifest.open_verified(signed, integrity_only=True)


def test_of_several_models_one_is_chosen(tmp_path: Path) -> None:
    files = {f"step{n}.safetensors": safetensors(T("w", bytes([n]))) for n in (1, 2)}
    release(tmp_path, files)
    sign(tmp_path, KEY)
    with pytest.raises(UsageError, match="2 models"):
        manifest.open_verified(tmp_path, keys=[PUB]).keys()
    reader = manifest.open_verified(tmp_path, keys=[PUB], weights="step2.safetensors")
    assert reader.get_tensor_bytes("w") == b"\2"
    with pytest.raises(UsageError, match="no tensor"):
        reader.get_tensor_bytes("v")
    with pytest.raises(UsageError, match="not a file whose tensors"):
        manifest.open_verified(tmp_path, keys=[PUB], weights="step3.safetensors")


def test_without_digests_of_tensors_whole_files_remain(tmp_path: Path) -> None:
    text = RELEASE.replace("FILES", "m.safetensors") + "    tensors: false\ndigests: [sha256]\n"
    release(tmp_path, {"m.safetensors": safetensors(A)}, text)
    sign(tmp_path, KEY)
    reader = manifest.open_verified(tmp_path, keys=[PUB])
    assert reader.load_bytes("m.safetensors") == safetensors(A)
    with pytest.raises(UsageError, match="no digests"):
        reader.keys()
    put(tmp_path / "m.safetensors", len(safetensors(A)) - 1, b"!")
    with pytest.raises(BytesDifferError):
        reader.load_bytes("m.safetensors")


def test_gguf_has_bytes_and_no_arrays(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    release(tmp_path, {"m.gguf": gguf([("g", (2,), 0, b"gggggggg")])})
    sign(tmp_path, KEY)
    reader = manifest.open_verified(tmp_path, keys=[PUB])
    assert reader.get_tensor_bytes("g") == b"gggggggg"
    with pytest.raises(UsageError, match="only weights in safetensors"):
        reader.tensor("g")


def test_an_unknown_framework_is_refused(signed: Path) -> None:
    with pytest.raises(UsageError, match="no framework"):
        manifest.open_verified(signed, keys=[PUB]).tensor("a", "tf")


def test_a_library_that_is_missing_is_named(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(MissingExtraError) as caught:
        manifest.open_verified(signed, keys=[PUB]).tensor("a")
    assert "model-release-manifest[tensors]" in caught.value.remedy


@pytest.mark.peer
def test_arrays_of_the_safetensors_library(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    peer = pytest.importorskip("safetensors.numpy")
    arrays = {
        "w": numpy.arange(12, dtype="float32").reshape(3, 4),
        "none": numpy.zeros((0, 2), "int64"),
        "scalar": numpy.array(2.5, "float16"),
    }
    release(tmp_path, {"m.safetensors": peer.save(arrays)})
    sign(tmp_path, KEY)
    with manifest.open_verified(tmp_path, keys=[PUB]) as reader:
        loaded = peer.load(reader.load_bytes("m.safetensors"))
        for name, array in arrays.items():
            for found in (reader.tensor(name), loaded[name]):
                assert found.dtype == array.dtype
                assert found.shape == array.shape
                assert (found == array).all()


def test_documents_that_lie_elsewhere(
    signed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    aside = tmp_path_factory.mktemp("aside")
    listed, signature = aside / "manifest.json", aside / "model.sig"
    (signed / "manifest.json").rename(listed)
    (signed / "model.sig").rename(signature)
    with pytest.raises(NotTrustedError):
        manifest.open_verified(signed, keys=[PUB])
    with pytest.raises(BytesDifferError, match="is not the one"):
        manifest.open_verified(signed, keys=[PUB], signature_path=signature)

    def reader() -> manifest.VerifiedReader:
        return manifest.open_verified(
            signed, keys=[PUB], manifest_path=listed, signature_path=signature
        )

    assert reader().get_tensor_bytes("b") == B.data
    put(listed, 30, b"  ")
    with pytest.raises(NotTrustedError, match="the manifest given is not"):
        reader()


def test_signer_by_certificate(signed: Path) -> None:
    authority, other = issue("authority", None), issue("another", None)
    leaf = issue("me", authority, purposes=CODE_SIGNING)
    payload = parse_bundle((signed / "model.sig").read_bytes()).envelope.payload
    bundle = json.loads(sign_payload(payload, load_private(leaf.key_pem)))
    material = bundle["verificationMaterial"]
    del material["publicKey"]
    chain = [{"rawBytes": base64.b64encode(leaf.der).decode()}]
    material["x509CertificateChain"] = {"certificates": chain}
    (signed / "model.sig").write_text(json.dumps(bundle))
    reader = manifest.open_verified(signed, root_certificates=[authority.pem])
    assert reader.get_tensor_bytes("b") == B.data
    assert reader.signer is not None
    assert "CN=me" in reader.signer.identity
    with pytest.raises(NotTrustedError):
        manifest.open_verified(signed, root_certificates=[other.pem])


def test_what_was_added_beside_is_no_reason_to_read_nothing(signed: Path) -> None:
    (signed / ".git").mkdir()
    (signed / ".git/config").write_text("x")
    (signed / "added").write_text("x")
    assert manifest.open_verified(signed, keys=[PUB]).get_tensor_bytes("b") == B.data


def test_a_named_root(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "store"
    home.mkdir()
    root.mkdir()
    (root / ONE).write_bytes(FILES[ONE])
    text = RELEASE.replace("FILES", f'"store:{ONE}"') + "roots:\n  store: {type: directory}\n"
    (home / "release.yaml").write_text(text)
    write_manifest(home, build(home, roots={"store": root}))
    sign(home, KEY, roots={"store": root})
    reader = manifest.open_verified(home, keys=[PUB], roots={"store": root})
    assert reader.get_tensor_bytes("b") == B.data
    assert reader.load_bytes(f"store:{ONE}") == FILES[ONE]
    with pytest.raises(UsageError, match="the root store"):
        manifest.open_verified(home, keys=[PUB]).get_tensor_bytes("b")
    with pytest.raises(UsageError, match="--root-dir other"):
        manifest.open_verified(home, keys=[PUB], roots={"store": root, "other": root})
    (root / ONE).unlink()
    with pytest.raises(BytesDifferError, match=f"store:{ONE} cannot be read"):
        reader.load_bytes(f"store:{ONE}")


def test_a_file_that_cannot_be_read_is_not_called_changed(signed: Path) -> None:
    reader = manifest.open_verified(signed, keys=[PUB])
    (signed / ONE).chmod(0)
    with permissions_hold(), pytest.raises(UndecidedError, match=f"^{ONE} cannot be read"):
        reader.get_tensor_bytes("b")


@pytest.mark.parametrize(("bad", "words"), [(5, "the tensor t4 differs"), (7, ", and 2 more ten")])
def test_of_many_damaged_tensors_five_are_named(tmp_path: Path, bad: int, words: str) -> None:
    tensors = [T(f"t{n}", b"%d" % n) for n in range(8)]
    whole = safetensors(*tensors)
    release(tmp_path, {"m.safetensors": whole})
    sign(tmp_path, KEY)
    start = len(whole) - 8
    put(tmp_path / "m.safetensors", start, b"!" * bad)
    with pytest.raises(BytesDifferError, match=words):
        manifest.open_verified(tmp_path, keys=[PUB]).load_bytes("m.safetensors")
