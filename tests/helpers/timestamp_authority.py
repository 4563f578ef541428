"""A timestamp authority (RFC 3161) on loopback: `openssl ts` behind a small web server.

It also makes what no authority would: a token over a changed TSTInfo, or by a certificate that is
not for timestamps. Those are CMS messages that `openssl cms` signs.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Authority", "Holder", "der", "issue", "make_authority", "serve"]

DAY = dt.timedelta(days=1)
FOR_TIME = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])

_CONFIG = """
[tsa]
serial = {directory}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


@dataclasses.dataclass(frozen=True)
class Holder:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def issue(
    name: str,
    issuer: Holder | None,
    *,
    purposes: x509.ExtendedKeyUsage | None = None,
    critical: bool = True,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    serial: int | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
    is_ca: bool | None = None,
) -> Holder:
    """A certificate: an authority's where it has no purposes, else one for these.

    One with purposes is an authority's where ``is_ca`` says so.
    """
    now = dt.datetime.now(dt.UTC)
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    is_ca = purposes is None if is_ca is None else is_ca
    above = issuer.key if issuer else key
    no = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    )
    usage = x509.KeyUsage(
        digital_signature=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
        **no,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start or now - DAY)
        .not_valid_after(end or now + 100 * DAY)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False
        )
    )
    if purposes is not None:
        builder = builder.add_extension(purposes, critical=critical)
    return Holder(key, builder.sign(above, hashes.SHA256()))


@dataclasses.dataclass(frozen=True)
class Authority:
    """An authority: its root, its certificate, and a directory of its own."""

    root: Holder
    signer: Holder
    directory: Path

    def reply(self, query: bytes) -> bytes:
        """The answer of `openssl ts -reply`."""
        (self.directory / "query.tsq").write_bytes(query)
        _openssl(
            *("ts", "-reply", "-config", "tsa.cnf", "-section", "tsa", "-queryfile", "query.tsq"),
            *("-signer", "signer.pem", "-inkey", "key.pem"),
            *("-out", "reply.tsr"),
            directory=self.directory,
        )
        return (self.directory / "reply.tsr").read_bytes()

    def stamp(self, data: bytes) -> bytes:
        """A timestamp over data, asked for with `openssl ts -query`."""
        (self.directory / "data").write_bytes(data)
        _openssl(
            *("ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "asked.tsq"),
            directory=self.directory,
        )
        return self.reply((self.directory / "asked.tsq").read_bytes())

    def accepts(self, answer: bytes, data: bytes) -> bool:
        """What `openssl ts -verify` says of a timestamp, with this authority's root."""
        (self.directory / "answer.tsr").write_bytes(answer)
        (self.directory / "data").write_bytes(data)
        done = subprocess.run(
            [
                *("openssl", "ts", "-verify", "-in", "answer.tsr"),
                *("-data", "data", "-CAfile", "root.pem"),
            ],
            cwd=self.directory,
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def forge(
        self,
        answer: bytes,
        change: Callable[[bytes], bytes] = bytes,
        *,
        by: Holder | None = None,
        beside: Sequence[Holder] = (),
    ) -> bytes:
        """A timestamp whose content is changed, signed again by whoever is named."""
        by = by or self.signer
        start = _head(answer)
        token = answer[start + 2 + answer[start + 1] :]
        (self.directory / "token.der").write_bytes(token)
        (self.directory / "by.pem").write_bytes(by.pem)
        (self.directory / "by.key").write_bytes(by.key_pem)
        (self.directory / "beside.pem").write_bytes(b"".join(h.pem for h in beside))
        _openssl(
            *("cms", "-verify", "-noverify", "-inform", "DER", "-in", "token.der"),
            *("-out", "content.der"),
            directory=self.directory,
        )
        content = change((self.directory / "content.der").read_bytes())
        (self.directory / "content.der").write_bytes(content)
        _openssl(
            *(
                "cms",
                "-sign",
                "-binary",
                "-nodetach",
                "-econtent_type",
                "1.2.840.113549.1.9.16.1.4",
            ),
            *("-in", "content.der", "-signer", "by.pem", "-inkey", "by.key", "-outform", "DER"),
            *("-md", "sha256", "-cades", "-nosmimecap", "-out", "forged.der"),
            *(("-certfile", "beside.pem") if beside else ()),
            directory=self.directory,
        )
        granted = der(0x30, der(0x02, b"\x00"))
        return der(0x30, granted + (self.directory / "forged.der").read_bytes())


def make_authority(
    directory: Path,
    *,
    name: str = "time",
    root: Holder | None = None,
    signer: Holder | None = None,
) -> Authority:
    """An authority whose files are in the directory, which is made."""
    directory.mkdir()
    root = root or issue(f"{name} root", None)
    signer = signer or issue(name, root, purposes=FOR_TIME)
    (directory / "serial").write_text("01")
    (directory / "tsa.cnf").write_text(_CONFIG.format(directory=directory))
    (directory / "signer.pem").write_bytes(signer.pem)
    (directory / "key.pem").write_bytes(signer.key_pem)
    (directory / "root.pem").write_bytes(root.pem)
    return Authority(root, signer, directory)


@contextlib.contextmanager
def serve(
    answer: Callable[[bytes], bytes],
    *,
    status: int = 200,
    content_type: str = "application/timestamp-reply",
) -> Iterator[str]:
    """The address of a server that answers every query in one way (RFC 3161, 3.4)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            body = answer(query)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def der(tag: int, body: bytes) -> bytes:
    """One value in DER, of at most 65,535 bytes."""
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes(2 if len(body) > 0xFF else 1, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def _head(value: bytes) -> int:
    return 2 + (value[1] & 0x7F if value[1] & 0x80 else 0)


def _openssl(*arguments: str, directory: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, check=True)
