"""``policy.yaml``, read strictly (spec/policy.md): every refusal names the file and the line."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from manifest.build.tree import read_regular
from manifest.display import printable
from manifest.document.description import check_version
from manifest.document.schema import load_schema, violations
from manifest.document.yaml_text import MAX_BYTES, YamlDocument, parse_yaml, to_plain
from manifest.errors import DocumentError, UsageError
from manifest.policy.document import (
    KNOWN_TYPES,
    AttestationDemand,
    LowestVersion,
    Policy,
    Role,
    Signer,
    Validity,
)
from manifest.policy.names import pattern_problem
from manifest.signing.keys import MAX_PEM_BYTES, PublicKey, load_public

__all__ = ["load_policy", "parse_policy"]

_PREFIX = "sha256:"
_AUTHORITIES = {"authorities": "authorities", "timestamp_roots": "timestamp_authorities"}
_OF_KIND = {
    "result": "replay",
    "drawn": "replay",
    "segments": "replay",
    "max_age_days": "verification-summary",
    "levels": "verification-summary",
    "policies": "verification-summary",
    "builders": "provenance",
}
_NEEDS = {
    "revocation_lists": "authorities",
    "timestamp_authorities": "authorities",
    "trusted_root": "sigstore",
}


def load_policy(path: str | os.PathLike[str], *, keys: Sequence[PublicKey] = ()) -> Policy:
    """Read a policy and the files it names, which lie relative to it.

    Args:
        path: The policy.
        keys: Keys at hand, for signers that the policy names by fingerprint alone.

    Raises:
        UsageError: The policy or a file of it is not valid; the message names the line.
        UndecidedError: A file cannot be read, or the policy's major version is not known.
    """
    data = read_regular(path, max_bytes=MAX_BYTES)
    shown = printable(os.fspath(path))
    return parse_policy(data, name=shown, directory=Path(path).parent, keys=keys)


def parse_policy(
    data: bytes, *, name: str, directory: Path, keys: Sequence[PublicKey] = ()
) -> Policy:
    """As `load_policy`, from bytes; ``directory`` is where the files it names lie."""
    try:
        document = parse_yaml(data, name=name)
        check_version(document.root.get("schema_version"), name)
        plain = to_plain(document, load_schema("policy"))
    except DocumentError as error:
        raise UsageError(error.message, remedy=error.remedy or _REMEDY) from None
    broken = [f"{document.where(v.pointer)}: {v.message}" for v in violations(plain, "policy")]
    if broken:
        text = "\n".join([f"{name} is not a valid policy", *(f"  {b}" for b in broken)])
        raise UsageError(text, remedy=_REMEDY)
    return _Reader(document, directory, keys).policy(plain, hashlib.sha256(data).hexdigest())


_REMEDY = "mend the policy; `manifest schema policy` prints its schema"


class _Reader:
    """Turns plain values into a policy; every refusal names the line."""

    def __init__(self, document: YamlDocument, directory: Path, keys: Sequence[PublicKey]) -> None:
        self._document = document
        self._directory = directory
        self._keys = keys

    def policy(self, plain: dict[str, Any], digest: str) -> Policy:
        signers = tuple(self._signer(n, f) for n, f in plain.get("signers", {}).items())
        self._refuse_aliases(signers)
        demands, revoked = plain.get("require", {}), plain.get("revoked", {})
        tofu = plain.get("tofu", False)
        if not signers and not tofu:
            raise self._wrong("", "names no signer and no `tofu`: nothing could be accepted")
        for i, lowest in enumerate(plain.get("lowest_versions", ())):
            self._pattern(lowest["release"], f"lowest_versions[{i}].release")
        return Policy(
            name=self._document.name,
            digest=digest,
            signers=signers,
            thresholds=self._thresholds(plain.get("thresholds", {}), signers, tofu=tofu),
            verdict=demands.get("verdict", ""),
            licenses=tuple(demands.get("licenses", ())),
            components=tuple(demands.get("components", ())),
            sha256=demands.get("sha256", False),
            strict=demands.get("strict", False),
            forbidden_formats=tuple(plain.get("forbidden_formats", ())),
            revoked_keys=frozenset(
                self._revoked_key(text, f"revoked.keys[{i}]")
                for i, text in enumerate(revoked.get("keys", ()))
            ),
            revoked_digests=frozenset(revoked.get("digests", ())),
            lowest_versions=tuple(
                LowestVersion(v["release"], v["version"], self._line(f"lowest_versions[{i}]"))
                for i, v in enumerate(plain.get("lowest_versions", ()))
            ),
            attestations=tuple(
                self._attestation(fields, f"attestations[{i}]", signers)
                for i, fields in enumerate(plain.get("attestations", ()))
            ),
            tofu=tofu,
            validity=self._validity(plain, ""),
            source=self._document,
        )

    def _signer(self, name: str, fields: dict[str, Any]) -> Signer:
        at = f"signers.{name}"
        if not any(fields.get(way) for way in ("keys", "authorities", "sigstore")):
            raise self._wrong(at, "has none of `keys`, `authorities` and `sigstore`")
        if ("authorities" in fields) != ("identities" in fields):
            raise self._wrong(at, "needs `authorities` and `identities` together")
        for field, other in _NEEDS.items():
            if field in fields and other not in fields:
                raise self._wrong(f"{at}.{field}", f"needs `{other}`")
        for i, pattern in enumerate(fields["releases"]):
            self._pattern(pattern, f"{at}.releases[{i}]")
        keys, absent = [], []
        for i, text in enumerate(fields.get("keys", ())):
            pointer = f"{at}.keys[{i}]"
            if not text.startswith(_PREFIX):
                keys.append(self._key(text, pointer))
                continue
            hint = self._hex(text, pointer)
            found = [key for key in self._keys if key.is_named_by(hint)]
            keys += found[:1]
            absent += [] if found else [hint]
        return Signer(
            name,
            frozenset(map(Role, fields["roles"])),
            tuple(fields["releases"]),
            tuple(keys),
            tuple(absent),
            validity=self._validity(fields, f"{at}."),
            line=self._line(at),
            **self._certificates(fields, at),
            **self._sigstore(fields, at),
        )

    def _certificates(self, fields: dict[str, Any], at: str) -> dict[str, Any]:
        if "authorities" not in fields:
            return {}
        from manifest.signing.certificates import MAX_ROOTS_BYTES, load_roots, parse_identity
        from manifest.signing.revocation import MAX_LIST_BYTES, load_revocation_lists

        try:
            return {
                name: tuple(
                    root
                    for text in fields.get(field, ())
                    for root in load_roots(self._content(text, MAX_ROOTS_BYTES), what=_named(text))
                )
                for name, field in _AUTHORITIES.items()
            } | {
                "identities": tuple(map(parse_identity, fields["identities"])),
                "revocation_lists": tuple(
                    each
                    for text in fields.get("revocation_lists", ())
                    for each in load_revocation_lists(
                        self._content(text, MAX_LIST_BYTES), what=_named(text)
                    )
                ),
            }
        except UsageError as error:
            raise self._wrong(at, error.message, error.remedy) from None

    def _sigstore(self, fields: dict[str, Any], at: str) -> dict[str, Any]:
        if "sigstore" not in fields:
            return {}
        from manifest.signing.keyless import (
            MAX_TRUSTED_ROOT_BYTES,
            SigstoreIdentity,
            load_trusted_root,
        )

        found: dict[str, Any] = {
            "sigstore": tuple(
                SigstoreIdentity(s["identity"], s["issuer"]) for s in fields["sigstore"]
            )
        }
        if (text := fields.get("trusted_root")) is not None:
            try:
                data = self._content(text, MAX_TRUSTED_ROOT_BYTES)
                found["trusted_root"] = load_trusted_root(data, what=_named(text))
            except UsageError as error:
                raise self._wrong(f"{at}.trusted_root", error.message, error.remedy) from None
        return found

    def _refuse_aliases(self, signers: Sequence[Signer]) -> None:
        """One key under two names could be counted as two people."""
        owners: dict[str, str] = {}
        for signer in signers:
            names = [key.fingerprint for key in signer.keys]
            for name in [*names, *signer.absent_keys]:
                other = owners.setdefault(name, signer.name)
                if other != signer.name:
                    raise self._wrong(
                        f"signers.{signer.name}.keys",
                        f"{signer.name} and {other} have the same key, {name[:16]}...: it would "
                        "count as two signers",
                    )

    def _thresholds(
        self, plain: dict[str, int], signers: Sequence[Signer], *, tofu: bool
    ) -> dict[Role, int]:
        wanted = {Role.PUBLISHER: 1} | {Role(name): count for name, count in plain.items()}
        for role, count in wanted.items():
            there = sum(role in signer.roles for signer in signers)
            if count > max(there, 1 if tofu and role is Role.PUBLISHER else 0):
                raise self._wrong(
                    f"thresholds.{role}",
                    f"asks for {count} of the role {role}, and {there} can be: nothing could be "
                    "accepted",
                )
        return wanted

    def _attestation(
        self, fields: dict[str, Any], at: str, signers: Sequence[Signer]
    ) -> AttestationDemand:
        kind = fields["type"]
        for name, of in _OF_KIND.items():
            if name in fields and kind != of:
                raise self._wrong(f"{at}.{name}", f"is for the type {of}")
        for short, uri in KNOWN_TYPES.items():
            if kind == uri:
                raise self._wrong(f"{at}.type", f"is written {short}, so that its content is read")
        role = Role(fields.get("by", Role.REPRODUCER if kind == "replay" else Role.AUDITOR))
        count = fields.get("signers", 1)
        there = sum(role in signer.roles for signer in signers)
        if count > there:
            raise self._wrong(
                at,
                f"asks for {count} of the role {role}, and {there} can be: nothing could be "
                "accepted",
            )
        for i, pattern in enumerate(fields.get("releases", ())):
            self._pattern(pattern, f"{at}.releases[{i}]")
        days = fields.get("max_age_days")
        return AttestationDemand(
            kind,
            role,
            count,
            tuple(fields.get("releases", ("**",))),
            refuse_failures=fields.get("refuse_failures", True),
            exact=fields.get("result") == "bit-for-bit",
            drawn=fields.get("drawn", False),
            segments=fields.get("segments", 1),
            max_age=None if days is None else dt.timedelta(days=days),
            levels=tuple(fields.get("levels", ())),
            policies=frozenset(p.removeprefix(_PREFIX) for p in fields.get("policies", ())),
            builders=frozenset(fields.get("builders", ())),
        )

    def _revoked_key(self, text: str, pointer: str) -> str:
        if text.startswith(_PREFIX):
            return self._hex(text, pointer)
        return self._key(text, pointer).fingerprint

    def _key(self, text: str, pointer: str) -> PublicKey:
        try:
            return load_public(self._content(text, MAX_PEM_BYTES), what=_named(text))
        except UsageError as error:
            raise self._wrong(pointer, error.message, error.remedy) from None

    def _content(self, text: str, max_bytes: int) -> bytes:
        """What a field gives: the PEM text itself, or the file it names."""
        if text.startswith("-----BEGIN"):
            return text.encode()
        if "\0" in text:
            raise UsageError("a file's name has a NUL character")
        return read_regular(self._directory / text, max_bytes=max_bytes)

    def _hex(self, text: str, pointer: str) -> str:
        digest = text.removeprefix(_PREFIX)
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise self._wrong(pointer, "is not sha256: and 64 lower-case hexadecimal digits")
        return digest

    def _pattern(self, pattern: str, pointer: str) -> None:
        if problem := pattern_problem(pattern):
            raise self._wrong(pointer, f"{printable(pattern)} {problem}")

    def _validity(self, fields: dict[str, Any], at: str) -> Validity:
        start = self._time(fields, at, "valid_from")
        end = self._time(fields, at, "valid_until")
        if start is not None and end is not None and start >= end:
            raise self._wrong(f"{at}valid_until", "is not after `valid_from`")
        return Validity(start, end)

    def _time(self, fields: dict[str, Any], at: str, name: str) -> dt.datetime | None:
        text = fields.get(name)
        if text is None:
            return None
        try:
            if len(text) > 10:
                return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
            day = dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC)
            # The last day counts whole.
            return day + dt.timedelta(days=1) if name == "valid_until" else day
        except (ValueError, OverflowError):
            raise self._wrong(f"{at}{name}", f"{printable(text)} is not a time") from None

    def _line(self, pointer: str) -> int:
        return self._document.line(pointer) or 1

    def _wrong(self, pointer: str, message: str, remedy: str = "") -> UsageError:
        return UsageError(f"{self._document.where(pointer)}: {message}", remedy=remedy or _REMEDY)


def _named(text: str) -> str:
    return "the text" if text.startswith("-----BEGIN") else printable(text)
