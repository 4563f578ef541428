"""The Sigstore bundle, version 0.3: the file that carries an OMS signature.

The rules are those of sigstore_bundle.proto, of section 4 of the OMS specification and of its
bundle schema; where they differ, the stricter holds. Field names are those of the protobuf
JSON mapping; its alternative spelling in snake_case, which no known writer uses and the schema
forbids, is an unknown field.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Sequence
from typing import Any

from manifest import strict_json
from manifest.errors import NotTrustedError
from manifest.records import record
from manifest.signing import dsse
from manifest.signing.fields import read_list, read_object, read_text, refusal, shown

__all__ = [
    "MAX_BUNDLE_BYTES",
    "MEDIA_TYPE",
    "Bundle",
    "SigningMethod",
    "add_timestamps",
    "parse_bundle",
    "serialize_bundle",
]

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
"""What is written."""
_OTHER_SPELLING = "application/vnd.dev.sigstore.bundle+json;version=0.3"

MAX_BUNDLE_BYTES = 64 * 1024 * 1024
"""The largest bundle read. A resource takes about 150 bytes of payload and 200 of base64, so this
holds some 300,000 files: thousands of checkpoints of a hundred files each."""
_MAX_DEPTH = 16
_MAX_ITEMS = 20_000
_MAX_CERTIFICATES = 16
_MAX_CERTIFICATE_BYTES = 64 * 1024
_MAX_LOG_ENTRIES = 64
_MAX_TIMESTAMPS = 16
_MAX_TIMESTAMP_BYTES = 64 * 1024


class SigningMethod(enum.StrEnum):
    """How the signer is named (OMS specification, 4.1)."""

    KEY = "key"
    CERTIFICATE = "certificate"
    SIGSTORE = "sigstore"


@record(frozen=True, slots=True)
class Bundle:
    """A parsed bundle. Nothing in it is verified.

    Attributes:
        method: How the signer is named.
        envelope: The signed envelope, with exactly one signature.
        key_hint: The fingerprint that names the key; empty where the bundle gives none.
        certificates: DER certificates, the signer's first; empty for the key method.
        has_embedded_key: The bundle carries the public key itself, as releases of the reference
            implementation before 1.1 wrote it. It is never used: whoever changes a file can
            change that key with it.
        has_log_entries: The bundle carries entries of a transparency log.
        timestamps: RFC 3161 answers in DER, over the signature.
    """

    method: SigningMethod
    envelope: dsse.Envelope
    key_hint: str = ""
    certificates: tuple[bytes, ...] = ()
    has_embedded_key: bool = False
    has_log_entries: bool = False
    timestamps: tuple[bytes, ...] = ()


def parse_bundle(data: bytes, *, what: str = "the signature") -> Bundle:
    """Parse a bundle, strictly and without judging the signature.

    Args:
        data: The file's bytes, at most `MAX_BUNDLE_BYTES`.
        what: The file's name for messages.

    Raises:
        NotTrustedError: It is not a bundle of version 0.3 with one DSSE signature. The message
            names the place and the cause.
    """
    value = strict_json.loads(
        data,
        what=what,
        max_bytes=MAX_BUNDLE_BYTES,
        max_depth=_MAX_DEPTH,
        max_items=_MAX_ITEMS,
        error=NotTrustedError,
    )
    if isinstance(value, dict) and "messageSignature" in value:
        raise refusal(
            f"{what}:",
            "signs one file directly (messageSignature), not a list of files",
            remedy="an OMS signature has the field dsseEnvelope",
        )
    fields = read_object(
        value, f"{what}:", required={"mediaType", "verificationMaterial", "dsseEnvelope"}
    )
    _check_media_type(fields["mediaType"], what)
    envelope = dsse.parse_envelope(fields["dsseEnvelope"], where=f"{what}: dsseEnvelope")
    if len(envelope.signatures) != 1:
        raise refusal(
            f"{what}: dsseEnvelope.signatures",
            f"has {len(envelope.signatures)} signatures; a bundle has exactly one",
            remedy="each signer writes a bundle of their own",
        )
    bundle = _with_material(fields["verificationMaterial"], envelope, what)
    keyid = envelope.signatures[0].keyid
    if keyid and bundle.key_hint and keyid != bundle.key_hint:
        raise refusal(
            f"{what}: dsseEnvelope.signatures[0].keyid",
            f"is {shown(keyid)} and the key hint is {shown(bundle.key_hint)}; they must agree",
        )
    return bundle


def serialize_bundle(envelope: dsse.Envelope, key_hint: str) -> bytes:
    """Write a bundle of the key method: one line of JSON with a fixed order of fields.

    The empty `tlogEntries` is what the reference implementation writes; some readers require it.
    """
    value = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": key_hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": dsse.encode_base64(envelope.payload),
            "payloadType": envelope.payload_type,
            "signatures": [
                {"sig": dsse.encode_base64(signature.sig), "keyid": signature.keyid}
                for signature in envelope.signatures
            ],
        },
    }
    return json.dumps(value, ensure_ascii=True).encode("ascii") + b"\n"


def add_timestamps(data: bytes, timestamps: Sequence[bytes]) -> bytes:
    """A bundle with timestamps over its signature, RFC 3161 answers in DER (TimeStampResp)."""
    value = json.loads(data)
    value["verificationMaterial"]["timestampVerificationData"] = {
        "rfc3161Timestamps": [{"signedTimestamp": dsse.encode_base64(t)} for t in timestamps]
    }
    return json.dumps(value, ensure_ascii=True).encode("ascii") + b"\n"


def _check_media_type(media_type: Any, what: str) -> None:
    where = f"{what}: mediaType"
    found = read_text(media_type, where)
    if found in {MEDIA_TYPE, _OTHER_SPELLING}:
        return
    if found.startswith("application/vnd.dev.sigstore.bundle"):
        raise refusal(
            where,
            f"is {shown(found)}: another version of the bundle format; 0.3 is supported",
            remedy="ask the signer for a bundle of version 0.3",
        )
    raise refusal(where, f"is {shown(found)}, which is not a Sigstore bundle")


def _with_material(value: Any, envelope: dsse.Envelope, what: str) -> Bundle:
    where = f"{what}: verificationMaterial"
    contents = {"publicKey", "x509CertificateChain", "certificate"}
    extras = {"tlogEntries", "timestampVerificationData"}
    fields = read_object(value, where, required=frozenset(), optional=contents | extras)
    present = sorted(contents & fields.keys())
    if len(present) != 1:
        raise refusal(
            where,
            f"has {' and '.join(present) or 'none'} of publicKey, x509CertificateChain and "
            "certificate; exactly one is needed",
        )
    log_entries = read_list(
        fields.get("tlogEntries", []), f"{where}.tlogEntries", most=_MAX_LOG_ENTRIES
    )
    timestamps = read_object(
        fields.get("timestampVerificationData", {}),
        f"{where}.timestampVerificationData",
        required=frozenset(),
        optional={"rfc3161Timestamps"},
    )
    bundle = Bundle(
        SigningMethod.KEY,
        envelope,
        has_log_entries=bool(log_entries),
        timestamps=_timestamps(
            timestamps.get("rfc3161Timestamps", []),
            f"{where}.timestampVerificationData.rfc3161Timestamps",
        ),
    )
    content = fields[present[0]]
    where = f"{where}.{present[0]}"
    if present == ["publicKey"]:
        return _with_key(bundle, content, where)
    if present == ["certificate"]:
        if not log_entries:
            raise refusal(where, "needs entries of a transparency log beside it (tlogEntries)")
        return dataclasses.replace(
            bundle, method=SigningMethod.SIGSTORE, certificates=(_certificate(content, where),)
        )
    chain = read_object(content, where, required={"certificates"})["certificates"]
    where = f"{where}.certificates"
    return dataclasses.replace(
        bundle,
        method=SigningMethod.CERTIFICATE,
        certificates=tuple(
            _certificate(entry, f"{where}[{index}]")
            for index, entry in enumerate(read_list(chain, where, least=1, most=_MAX_CERTIFICATES))
        ),
    )


def _with_key(bundle: Bundle, value: Any, where: str) -> Bundle:
    fields = read_object(
        value, where, required=frozenset(), optional={"hint", "rawBytes", "keyDetails"}
    )
    hint = fields.get("hint")
    if hint is not None and not isinstance(hint, str):
        raise refusal(f"{where}.hint", "is neither a text nor null")
    return dataclasses.replace(bundle, key_hint=hint or "", has_embedded_key="rawBytes" in fields)


def _timestamps(value: Any, where: str) -> tuple[bytes, ...]:
    answers = []
    for index, entry in enumerate(read_list(value, where, most=_MAX_TIMESTAMPS)):
        place = f"{where}[{index}]"
        fields = read_object(entry, place, required={"signedTimestamp"})
        der = dsse.decode_base64(fields["signedTimestamp"], where=f"{place}.signedTimestamp")
        if not 0 < len(der) <= _MAX_TIMESTAMP_BYTES:
            raise refusal(f"{place}.signedTimestamp", f"has {len(der):,} bytes: no timestamp")
        answers.append(der)
    return tuple(answers)


def _certificate(value: Any, where: str) -> bytes:
    fields = read_object(value, where, required={"rawBytes"})
    der = dsse.decode_base64(fields["rawBytes"], where=f"{where}.rawBytes")
    if not 0 < len(der) <= _MAX_CERTIFICATE_BYTES:
        raise refusal(f"{where}.rawBytes", f"has {len(der):,} bytes, which is no certificate")
    return der
