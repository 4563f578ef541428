"""The verifiable random function: the RFC's vectors, an oracle of plain integers, and forgeries."""

from __future__ import annotations

import hashlib
import sys

import plain_vrf as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.commitments import vrf
from manifest.errors import MissingExtraError, UsageError

# RFC 9381, appendix B.3, examples 16 to 18: SK, PK, alpha, H, tries, pi, beta.
RFC = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "91bbed02a99461df1ad4c6564a5f5d829d0b90cfc7903e7a5797bd658abf3318",
        0,
        (
            "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f"
            "26f8a57ccaed74ee1b190bed1f479d9727d2d0f9b005a6e456a35d4fb0daab12"
            "68a1b0db10836d9826a528ca76567805"
        ),
        (
            "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff"
            "66b71dda49d2de59d03450451af026798e8f81cd2e333de5cdf4f3e140fdd8ae"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "5b659fc3d4e9263fd9a4ed1d022d75eaacc20df5e09f9ea937502396598dc551",
        1,
        (
            "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed593"
            "3bf0864a62558b3ed7f2fea45c92a465301b3bbf5e3e54ddf2d935be3b67926d"
            "a3ef39226bbc355bdc9850112c8f4b02"
        ),
        (
            "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb"
            "5e33821bc613efb94db5e5b54c70a848a0bef4553a41befc57663b56373a5031"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "bf4339376f5542811de615e3313d2b36f6f53c0acfebb482159711201192576a",
        0,
        (
            "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf80"
            "96bb474e53895c362d8628ee9f9ea3c0e52c7a5c691b6c18c9979866568add7a"
            "2d41b00b05081ed0f58ee5e31b3a970e"
        ),
        (
            "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c45"
            "2118fec1219202a0edcf038bb6373241578be7217ba85a2687f7a0310b2df19f"
        ),
    ),
]

# Every encoding of a point of small order that some decoder reads, canonical or not.
_ORDER_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"
_ORDER_8_TOO = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
SMALL_ORDER = {
    "zero": "00" * 32,
    "identity": "01" + "00" * 31,
    "identity, wrong sign": "01" + "00" * 30 + "80",
    "order 2": "ec" + "ff" * 30 + "7f",
    "order 2, wrong sign": "ec" + "ff" * 31,
    "order 4, sign": "00" * 31 + "80",
    "order 8": _ORDER_8,
    "order 8, other": _ORDER_8_TOO,
    "identity, not canonical": "ee" + "ff" * 30 + "7f",
    "zero, not canonical": "ed" + "ff" * 30 + "7f",
}


@pytest.mark.parametrize(
    ("sk", "pk", "alpha", "h", "tries", "pi", "beta"), RFC, ids=["16", "17", "18"]
)
def test_vectors_of_the_rfc(
    sk: str, pk: str, alpha: str, h: str, tries: int, pi: str, beta: str
) -> None:
    key, data = vrf.secret_key(bytes.fromhex(sk)), bytes.fromhex(alpha)
    assert key.public.hex() == pk
    assert vrf._encode_to_curve(key.public, data).hex() == h
    assert vrf.prove(key, data).hex() == pi
    assert vrf.output(key, data).hex() == beta
    assert vrf.verify(key.public, data, bytes.fromhex(pi)) == bytes.fromhex(beta)
    # The oracle is held to the same vectors.
    point, counter = oracle.encode_to_curve(key.public, data)
    assert (oracle.encode(point).hex(), counter) == (h, tries)
    assert oracle.prove(bytes.fromhex(sk), data).hex() == pi
    assert oracle.verify(key.public, data, bytes.fromhex(pi)) == bytes.fromhex(beta)


@settings(max_examples=15, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=64))
def test_oracle_agrees(seed: bytes, alpha: bytes) -> None:
    key = vrf.secret_key(seed)
    assert key.public == oracle.expand(seed)[2]
    proof = vrf.prove(key, alpha)
    assert proof == oracle.prove(seed, alpha)
    assert vrf.verify(key.public, alpha, proof) == oracle.verify(key.public, alpha, proof)
    assert vrf.output(key, alpha) == oracle.verify(key.public, alpha, proof)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 639))
def test_no_flipped_bit_is_accepted(bit: int) -> None:
    key = vrf.secret_key(bytes(32))
    proof = bytearray(vrf.prove(key, b"x"))
    proof[bit // 8] ^= 1 << bit % 8
    assert vrf.verify(key.public, b"x", bytes(proof)) is None
    assert oracle.verify(key.public, b"x", bytes(proof)) is None


@pytest.mark.parametrize("name", SMALL_ORDER)
def test_keys_of_small_order_are_refused(name: str) -> None:
    public = bytes.fromhex(SMALL_ORDER[name])
    assert not vrf.is_valid_key(public)
    assert vrf.verify(public, b"x", bytes(80)) is None


def test_a_key_of_small_order_would_prove_anything_to_who_does_not_look() -> None:
    # With Y the identity, x is 0: Gamma is the identity and any s = k makes U and V come out.
    public = oracle.encode(oracle.IDENTITY)
    k = 7
    h, _ = oracle.encode_to_curve(public, b"x")
    c = oracle.challenge(
        public, h, oracle.IDENTITY, oracle.times(k, oracle.BASE), oracle.times(k, h)
    )
    forged = public + c.to_bytes(16, "little") + k.to_bytes(32, "little")
    s, gamma = k, oracle.IDENTITY
    assert oracle.challenge(public, h, gamma, oracle.times(s, oracle.BASE), oracle.times(s, h)) == c
    assert vrf.verify(public, b"x", forged) is None


def test_a_part_of_small_order_is_refused() -> None:
    # Where the order of the part divides c, RFC 9381 accepts such a proof: a second form of one.
    key = vrf.secret_key(bytes(32))
    x, prefix, public = oracle.expand(bytes(32))
    torsion = oracle.decode(bytes.fromhex(SMALL_ORDER["order 2"]))
    assert torsion is not None
    for number in range(64):
        alpha = bytes([number])
        h, _ = oracle.encode_to_curve(public, alpha)
        gamma = oracle.add(oracle.times(x, h), torsion)
        k = int.from_bytes(oracle.sha512(prefix, oracle.encode(h)), "little") % oracle.Q
        c = oracle.challenge(public, h, gamma, oracle.times(k, oracle.BASE), oracle.times(k, h))
        if c % 2 == 0:
            break
    proof = (
        oracle.encode(gamma)
        + c.to_bytes(16, "little")
        + ((k + c * x) % oracle.Q).to_bytes(32, "little")
    )
    assert oracle.verify(public, alpha, proof) == vrf.output(key, alpha)
    assert vrf.verify(public, alpha, proof) is None


def test_a_scalar_has_one_form() -> None:
    key = vrf.secret_key(bytes(32))
    proof = vrf.prove(key, b"x")
    larger = int.from_bytes(proof[48:], "little") + oracle.Q
    assert vrf.verify(key.public, b"x", proof[:48] + larger.to_bytes(32, "little")) is None


@pytest.mark.parametrize("length", [0, 79, 81, 160])
def test_proofs_of_another_length_are_refused(length: int) -> None:
    key = vrf.secret_key(bytes(32))
    proof = (vrf.prove(key, b"x") * 2)[:length]
    assert vrf.verify(key.public, b"x", proof) is None


@pytest.mark.parametrize("zeroed", [slice(32, 48), slice(48, 80), slice(0, 32), slice(0, 80)])
def test_zeros_are_refused(zeroed: slice) -> None:
    key = vrf.secret_key(bytes(32))
    proof = bytearray(vrf.prove(key, b"x"))
    proof[zeroed] = bytes(len(proof[zeroed]))
    assert vrf.verify(key.public, b"x", bytes(proof)) is None


def test_a_proof_is_for_one_input_and_one_key() -> None:
    key, other = vrf.secret_key(bytes(32)), vrf.secret_key(b"\1" * 32)
    proof = vrf.prove(key, b"x")
    assert vrf.verify(key.public, b"y", proof) is None
    assert vrf.verify(other.public, b"x", proof) is None


@pytest.mark.parametrize(
    "name", ["identity, wrong sign", "order 2, wrong sign", "zero, not canonical"]
)
def test_points_are_decoded_as_the_rfc_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where a try gives an encoding that libsodium reads and RFC 8032 does not, the next one counts.
    public, alpha, honest = vrf.secret_key(bytes(32)).public, b"x", hashlib.sha512

    class Planted:
        def __init__(self, data: bytes) -> None:
            self.data = data

        def digest(self) -> bytes:
            first = self.data.endswith(alpha + b"\x00\x00")
            return bytes.fromhex(SMALL_ORDER[name]) * 2 if first else honest(self.data).digest()

    wanted = oracle.encode(oracle.encode_to_curve(public, alpha, first=1)[0])
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "sha512", Planted)
        assert vrf._encode_to_curve(public, alpha) == wanted


def test_a_seed_of_another_size_is_refused() -> None:
    with pytest.raises(UsageError, match="32 bytes"):
        vrf.secret_key(b"short")


def test_without_the_library_the_remedy_is_the_install_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vrf._sodium.cache_clear()
    monkeypatch.setitem(sys.modules, "nacl", None)
    with pytest.raises(MissingExtraError) as caught:
        vrf.secret_key(bytes(32))
    assert "model-release-manifest[commitments]" in caught.value.remedy
    vrf._sodium.cache_clear()
