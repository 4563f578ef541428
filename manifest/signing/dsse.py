"""DSSE, the envelope that OMS signs: Dead Simple Signing Envelope 1.0.

What is signed is the pre-authentication encoding (PAE) of a payload type and a payload, so a
payload can't be passed off as one of another type. What the reference implementation signed
before OMS 1.0 is no DSSE: `manifest.signing.history` has it.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from manifest.records import record
from manifest.signing.fields import read_list, read_object, refusal
from manifest.signing.keys import PrivateKey, PublicKey

__all__ = [
    "Envelope",
    "Signature",
    "decode_base64",
    "encode_base64",
    "pae",
    "parse_envelope",
    "sign",
]

MAX_SIGNATURES = 64
"""Signatures that an envelope may list; a bundle's holds exactly one."""
_MAX_TYPE_CHARACTERS = 255

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_URL_SAFE = str.maketrans("-_", "+/")


@record(frozen=True, slots=True)
class Signature:
    """One signature of an envelope.

    Attributes:
        sig: The signature's bytes.
        keyid: An unauthenticated hint at the key; empty when absent or null.
    """

    sig: bytes
    keyid: str = ""


@record(frozen=True, slots=True)
class Envelope:
    """A payload, its type and the signatures over both.

    Attributes:
        payload_type: What the payload is, such as ``application/vnd.in-toto+json``.
        payload: The signed bytes, exactly as they were signed.
        signatures: At least one.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def verifies(self, key: PublicKey) -> bool:
        """Whether the envelope holds exactly one signature, and this key made it.

        The Sigstore bundle format demands one: with several, a good signature would lend its
        trust to whatever stands beside it.
        """
        if len(self.signatures) != 1:
            return False
        return key.verify(self.signatures[0].sig, pae(self.payload_type, self.payload))


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed (DSSE protocol, "Signature Definition")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: bytes, key: PrivateKey) -> Envelope:
    """An envelope with one signature and no keyid: OMS names the key in the bundle."""
    return Envelope(payload_type, payload, (Signature(key.sign(pae(payload_type, payload))),))


def parse_envelope(value: Any, *, where: str) -> Envelope:
    """Read an envelope from parsed JSON.

    Args:
        value: What the JSON parser returned.
        where: The place of the envelope, for messages.

    Raises:
        NotTrustedError: A field is missing, unknown or of the wrong form.
    """
    fields = read_object(value, where, required={"payload", "payloadType", "signatures"})
    payload_type = fields["payloadType"]
    if (
        not isinstance(payload_type, str)
        or not 0 < len(payload_type) <= _MAX_TYPE_CHARACTERS
        or not payload_type.isascii()
        or not payload_type.isprintable()
    ):
        raise refusal(f"{where}.payloadType", "is not a media type or URI")
    entries = read_list(fields["signatures"], f"{where}.signatures", least=1, most=MAX_SIGNATURES)
    payload = decode_base64(fields["payload"], where=f"{where}.payload")
    if not payload:
        raise refusal(f"{where}.payload", "is empty")
    return Envelope(
        payload_type,
        payload,
        tuple(
            _signature(entry, f"{where}.signatures[{index}]") for index, entry in enumerate(entries)
        ),
    )


def decode_base64(text: Any, *, where: str) -> bytes:
    """Decode base64 in exactly one way.

    DSSE lets writers use the standard or the URL-safe alphabet of RFC 4648 and obliges
    verifiers to take either, so both are read, though not mixed in one text. Padding is
    required, as every writer of these files adds it; the bits that padding leaves over must be
    zero (RFC 4648, 3.5), and line breaks and other characters are refused, so one sequence of
    bytes has one spelling in each alphabet.

    Raises:
        NotTrustedError: The value is not such a text.
    """
    if not isinstance(text, str):
        raise refusal(where, "is not a text")
    if "-" in text or "_" in text:
        if "+" in text or "/" in text:
            raise refusal(where, "mixes the two alphabets of base64")
        text = text.translate(_URL_SAFE)
    if len(text) % 4 or not _BASE64.fullmatch(text):
        raise refusal(where, "is not base64 with padding")
    data = base64.b64decode(text)
    tail = (len(data) - 1) // 3 * 3 if data else 0
    if encode_base64(data[tail:]) != text[-4:]:
        raise refusal(where, "is not base64 in its one spelling: unused bits are set")
    return data


def encode_base64(data: bytes) -> str:
    """Base64 with the standard alphabet and padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


def _signature(value: Any, where: str) -> Signature:
    fields = read_object(value, where, required={"sig"}, optional={"keyid"})
    keyid = fields.get("keyid")
    if keyid is not None and not isinstance(keyid, str):
        raise refusal(f"{where}.keyid", "is neither a text nor null")
    sig = decode_base64(fields["sig"], where=f"{where}.sig")
    if not sig:
        raise refusal(f"{where}.sig", "is empty")
    return Signature(sig, keyid or "")
