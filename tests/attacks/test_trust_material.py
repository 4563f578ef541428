"""Keys, certificates and timestamps that a stranger made, or that are not what they seem.

Each attack is run through `manifest verify` on a release that is as it was signed: what is refused
is who vouches for it.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from attack_cases import Attack, Table
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from releases import Release, make_release
from timestamp_authority import DAY, FOR_TIME, Authority, Holder, issue, make_authority

from manifest.cli import cli
from manifest.signing import dsse, keys
from manifest.signing.bundle import add_timestamps
from manifest.signing.keys import KeyKind, generate, private_pem, public_pem
from manifest.signing.statement import PAYLOAD_TYPE

NOW = dt.datetime.now(dt.UTC)
FOR_CODE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
FOR_SERVERS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
PUBLISHER = generate(KeyKind.ECDSA_P256)
ROOT = issue("publisher root", None)
LEAF = issue("publisher", ROOT, purposes=FOR_CODE)

Stamp: TypeAlias = Callable[[bytes], bytes]


@dataclasses.dataclass
class Scene:
    """A release, the files of whoever is trusted, and an authority for timestamps."""

    path: Path
    release: Release
    authority: Authority | None

    def write(self, name: str, data: bytes) -> Path:
        (self.path / name).write_bytes(data)
        return self.path / name

    def by_key(self, pem: bytes) -> tuple[object, ...]:
        """What trusts a public key."""
        return ("--key", self.write("given.pub", pem))

    def by_root(
        self, *chain: Holder, root: Holder = ROOT, stamps: tuple[Stamp, ...] = ()
    ) -> tuple[object, ...]:
        """Sign by certificate, and what trusts the root."""
        payload = json.dumps(self.release.statement()).encode()
        bundle = signed_by(payload, *chain, stamps=stamps)
        (self.release.path / "model.sig").write_bytes(bundle)
        return ("--root", self.write("root.pem", root.pem))

    def at_time(self, *stamps: Stamp, leaf: Holder) -> tuple[object, ...]:
        """Sign by a certificate that has expired, with timestamps, and what trusts the authority."""
        assert self.authority is not None
        trusted = self.by_root(leaf, stamps=stamps)
        return (*trusted, "--tsa-root", self.write("tsa.pem", self.authority.root.pem))


def signed_by(payload: bytes, *chain: Holder, stamps: tuple[Stamp, ...] = ()) -> bytes:
    """A bundle by the first certificate of a chain."""
    envelope = dsse.sign(PAYLOAD_TYPE, payload, keys.load_private(chain[0].key_pem))
    signature = envelope.signatures[0].sig
    raw = [{"rawBytes": base64.b64encode(one.der).decode()} for one in chain]
    value = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"x509CertificateChain": {"certificates": raw}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    data = json.dumps(value).encode()
    return add_timestamps(data, [stamp(signature) for stamp in stamps]) if stamps else data


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority | None:
    if shutil.which("openssl") is None:
        return None
    return make_authority(tmp_path_factory.mktemp("time") / "authority")


@pytest.fixture
def scene(tmp_path: Path, authority: Authority | None) -> Scene:
    (tmp_path / "release").mkdir()
    return Scene(tmp_path, make_release(tmp_path / "release", PUBLISHER), authority)


def verify(scene: Scene, *options: object) -> Result:
    return CliRunner().invoke(cli, ["verify", str(scene.release.path), *map(str, options)])


TABLE: Table[Scene] = Table()
GOOD = public_pem(PUBLISHER.public)


def pem_of(key: Any) -> bytes:
    """The public half of a key of any kind."""
    data: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return data


# Keys.
TABLE.area("keys")


@TABLE.attack("key-of-somebody-else", 3, "not by the key given")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_key(public_pem(generate().public))


@TABLE.attack("private-key-in-place-of-the-public-one", 2, "holds a private key")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_key(private_pem(PUBLISHER, None))


@TABLE.attack("rsa-key", 2, "keys are")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_key(pem_of(rsa.generate_private_key(65537, 2048)))


@TABLE.attack("key-on-a-curve-that-is-not-used", 2, "keys are")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_key(pem_of(ec.generate_private_key(ec.SECP256K1())))


@TABLE.attack("two-keys-in-one-file", 2, "given.pub")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_key(GOOD + public_pem(generate().public))


@TABLE.attack("key-followed-by-a-private-one", 2, "given.pub")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_key(GOOD + private_pem(generate(), None))


@TABLE.attack("key-cut-off", 2, "given.pub")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_key(GOOD[: len(GOOD) // 2])


@TABLE.attack("key-with-a-changed-byte", 2, "given.pub")
def _(s: Scene) -> tuple[object, ...]:
    lines = GOOD.splitlines(keepends=True)
    return s.by_key(lines[0] + b"A" + lines[1][1:] + b"".join(lines[2:]))


@TABLE.attack("key-that-is-megabytes-long", 2, "too large to be a key")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_key(GOOD + b"\n" * 2_000_000)


@TABLE.attack("certificate-in-place-of-a-key", 2, "given.pub")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_key(LEAF.pem)


@TABLE.attack("point-that-is-not-on-the-curve", 2, "given.pub")
def _(s: Scene) -> tuple[object, ...]:
    der = bytearray(base64.b64decode(b"".join(GOOD.splitlines()[1:-1])))
    der[-1] ^= 1
    text = base64.b64encode(bytes(der))
    return s.by_key(b"-----BEGIN PUBLIC KEY-----\n" + text + b"\n-----END PUBLIC KEY-----\n")


@TABLE.attack("ed25519-key-of-somebody-else", 3, "not by the key given")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_key(pem_of(ed25519.Ed25519PrivateKey.generate()))


# Certificates.
TABLE.area("certificates")


@TABLE.attack("chain-to-another-root", 3, "no root given vouches for")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_root(issue("publisher", issue("stranger", None), purposes=FOR_CODE))


@TABLE.attack("root-of-the-same-name", 3, "no root given vouches for")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_root(issue("publisher", issue("publisher root", None), purposes=FOR_CODE))


@TABLE.attack("chain-that-brings-its-own-root", 3, "no root given vouches for")
def _(s: Scene) -> tuple[object, ...]:
    own = issue("own root", None)
    return s.by_root(issue("publisher", own, purposes=FOR_CODE), own)


@TABLE.attack("expired-certificate", 3, "expired on")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_root(expired())


@TABLE.attack("certificate-of-the-future", 3, "is not valid before")
def _(s: Scene) -> tuple[object, ...]:
    young = issue("publisher", ROOT, purposes=FOR_CODE, start=NOW + DAY, end=NOW + 9 * DAY)
    return s.by_root(young)


@TABLE.attack("certificate-of-a-web-server", 3, "does not include codeSigning")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_root(issue("publisher", ROOT, purposes=FOR_SERVERS))


@TABLE.attack("certificate-of-a-timestamp-authority", 3, "does not include codeSigning")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_root(issue("publisher", ROOT, purposes=FOR_TIME))


@TABLE.attack("signed-by-the-authority-itself", 3, "digitalSignature")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_root(issue("middle", ROOT))


@TABLE.attack("issued-by-a-signer", 3, "is not a CA certificate")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_root(issue("below", LEAF, purposes=FOR_CODE), LEAF)


@TABLE.attack("authority-between-is-for-web-servers", 3, "is for another purpose")
def _(s: Scene) -> tuple[object, ...]:
    middle = issue("middle", ROOT, purposes=FOR_SERVERS, critical=False, is_ca=True)
    return s.by_root(issue("publisher", middle, purposes=FOR_CODE), middle)


@TABLE.attack("certificate-of-another-key", 3, "was changed or the signature is damaged")
def _(s: Scene) -> tuple[object, ...]:
    other = issue("publisher", ROOT, purposes=FOR_CODE)
    return s.by_root(dataclasses.replace(LEAF, certificate=other.certificate))


@TABLE.attack("revoked-certificate", 3, "was revoked on")
def _(s: Scene) -> tuple[object, ...]:
    trusted = s.by_root(LEAF)
    return (*trusted, "--crl", s.write("list.crl", list_of(ROOT, LEAF)))


@TABLE.attack("list-of-another-authority", 3, "is revoked is not known")
def _(s: Scene) -> tuple[object, ...]:
    trusted = s.by_root(LEAF)
    return (*trusted, "--crl", s.write("list.crl", list_of(issue("stranger", None))))


@TABLE.attack("list-out-of-date", 3, "is out of date")
def _(s: Scene) -> tuple[object, ...]:
    trusted = s.by_root(LEAF)
    return (*trusted, "--crl", s.write("list.crl", list_of(ROOT, end=NOW - DAY)))


@TABLE.attack("list-that-is-none", 2, "is not a certificate revocation list")
def _(s: Scene) -> tuple[object, ...]:
    trusted = s.by_root(LEAF)
    return (*trusted, "--crl", s.write("list.crl", b"\x30\x00"))


@TABLE.attack("name-that-the-certificate-does-not-hold", 3, "and not email:me@example.org")
def _(s: Scene) -> tuple[object, ...]:
    return (*s.by_root(LEAF), "--cert-identity", "email:me@example.org")


@TABLE.attack("root-that-is-no-authority", 3, "is not a CA certificate")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_root(issue("below", LEAF, purposes=FOR_CODE), root=LEAF)


@TABLE.attack("key-beside-the-root-in-one-file", 2, "holds something else beside certificates")
def _(s: Scene) -> tuple[object, ...]:
    s.by_root(LEAF)
    return ("--root", s.write("both.pem", ROOT.pem + private_pem(generate(), None)))


def list_of(issuer: Holder, *gone: Holder, end: dt.datetime = NOW + 9 * DAY) -> bytes:
    """A list of revoked certificates."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(NOW - 9 * DAY)
        .next_update(end)
    )
    for holder in gone:
        serial = holder.certificate.serial_number
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


# Timestamps: each on a signature by a certificate that was valid and has expired since.
TABLE.area("timestamps")


def stamping(scene: Scene) -> Authority:
    if scene.authority is None:
        pytest.skip("no OpenSSL to make timestamps with")
    pytest.importorskip("rfc3161_client")
    return scene.authority


def expired() -> Holder:
    """A certificate that was valid until a moment ago: no timestamp made now is in its time."""
    return issue("publisher", ROOT, purposes=FOR_CODE, start=NOW - 20 * DAY, end=NOW - DAY)


@TABLE.attack("timestamp-made-after-the-certificate-expired", 3, "expired on")
def _(s: Scene) -> tuple[object, ...]:
    return s.at_time(stamping(s).stamp, leaf=expired())


@TABLE.attack("timestamp-of-another-signature", 3, "is over other bytes than this signature")
def _(s: Scene) -> tuple[object, ...]:
    tsa = stamping(s)
    return s.at_time(lambda _: tsa.stamp(b"another signature"), leaf=expired())


@TABLE.attack("timestamp-of-an-unknown-authority", 3, "is not by an authority that is trusted")
def _(s: Scene) -> tuple[object, ...]:
    tsa = stamping(s)
    stranger = issue("time", issue("stranger", None), purposes=FOR_TIME)
    return s.at_time(lambda sig: tsa.forge(tsa.stamp(sig), by=stranger), leaf=expired())


@TABLE.attack("timestamp-by-a-code-signer-of-the-authority", 3, "is not by an authority that is")
def _(s: Scene) -> tuple[object, ...]:
    tsa = stamping(s)
    code = issue("code", tsa.root, purposes=FOR_CODE)
    return s.at_time(lambda sig: tsa.forge(tsa.stamp(sig), by=code), leaf=expired())


@TABLE.attack("timestamp-that-was-refused", 3, "was not granted")
def _(s: Scene) -> tuple[object, ...]:
    stamping(s)
    return s.at_time(lambda _: bytes.fromhex("30053003020102"), leaf=expired())


@TABLE.attack("timestamp-cut-off", 3, "cannot be read")
def _(s: Scene) -> tuple[object, ...]:
    tsa = stamping(s)
    return s.at_time(lambda sig: tsa.stamp(sig)[:-4], leaf=expired())


@TABLE.attack("timestamp-of-the-future", 3, "is from the future")
def _(s: Scene) -> tuple[object, ...]:
    tsa = stamping(s)

    def later(content: bytes) -> bytes:
        place = content.index(b"\x18\x0f" + f"{dt.datetime.now(dt.UTC):%Y}".encode())
        return content[: place + 2] + b"2099" + content[place + 6 :]

    return s.at_time(lambda sig: tsa.forge(tsa.stamp(sig), later), leaf=expired())


@TABLE.attack("good-timestamp-that-nobody-trusts", 3, "expired on")
def _(s: Scene) -> tuple[object, ...]:
    return s.by_root(expired(), stamps=(stamping(s).stamp,))


@pytest.mark.parametrize("attack", TABLE.attacks, ids=lambda attack: attack.name)
def test_attack(scene: Scene, attack: Attack[Scene]) -> None:
    result = verify(scene, *(attack.run(scene) or ()))
    said = " ".join(result.output.split())
    assert (result.exit_code, attack.message in said) == (attack.exit_code, True), said
    assert "VERIFIED" not in said.replace("NOT VERIFIED", "")


def test_what_is_no_attack_is_verified(scene: Scene) -> None:
    assert verify(scene, *scene.by_key(GOOD)).exit_code == 0
    trusted = scene.by_root(LEAF)
    assert verify(scene, *trusted).exit_code == 0
    assert verify(scene, *trusted, "--crl", scene.write("l.crl", list_of(ROOT))).exit_code == 0
    if scene.authority is not None:
        assert verify(scene, *scene.at_time(scene.authority.stamp, leaf=LEAF)).exit_code == 0
