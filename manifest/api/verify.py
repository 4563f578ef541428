"""What a consumer does: verify a release, or read it so that only signed bytes are handed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manifest.api._inputs import (
    Pem,
    StrPath,
    certificate_names,
    certificate_roots,
    public_keys,
    revocation_lists,
    sigstore_trust,
)
from manifest.errors import UsageError

if TYPE_CHECKING:
    from manifest.signing.keys import PublicKey
    from manifest.verify.reader import VerifiedReader
    from manifest.verify.report import VerifyReport

__all__ = ["open_verified", "verify_release"]


def verify_release(
    directory: StrPath,
    *,
    keys: Sequence[Pem] = (),
    root_certificates: Sequence[Pem] = (),
    revocations: Sequence[Pem] = (),
    certificate_identities: Sequence[str] = (),
    timestamp_roots: Sequence[Pem] = (),
    identities: Sequence[tuple[str, str]] = (),
    trusted_root: Pem | None = None,
    policy: StrPath | None = None,
    state: StrPath | None = None,
    update_state: bool = True,
    integrity_only: bool = False,
    strict: bool = False,
    only: Sequence[str] = (),
    components: Sequence[str] = (),
    checkpoints: Sequence[str] = (),
    tensors: Sequence[str] = (),
    manifest_path: StrPath | None = None,
    signature_path: StrPath | None = None,
    expect_name: str | None = None,
    expect_version: str | None = None,
    ignore: Sequence[str] = (),
    digest: str = "auto",
    sample: int | None = None,
    roots: Mapping[str, StrPath] | None = None,
) -> VerifyReport:
    """Verify a release as it lies in a directory (spec/verification.md).

    Look at ``ok`` of the report: it is True only when what was asked holds.

    Args:
        directory: A plain directory, a clone, a hub download, or a snapshot in a hub cache.
        keys: Public keys that are trusted; any of them may have signed.
        root_certificates: Certification authorities whose signers are trusted.
        revocations: Revocation lists; where any are given, certificates must be found in them.
        certificate_identities: Names of which a signer's certificate must hold one, as
            ``email:me@example.org``.
        timestamp_roots: Timestamp authorities that are trusted: with a timestamp of theirs, a
            signature outlives its certificate.
        identities: Who may sign without a key (Sigstore): pairs of a name and its issuer's URL.
        trusted_root: Sigstore's roots, instead of those of the installed package.
        policy: A trust policy that decides (spec/policy.md); ``keys`` are then those that it names,
            or one to pin.
        state: The file that remembers what the policy accepted; the one in the user's state
            directory when None.
        update_state: Whether to remember there what is accepted now.
        integrity_only: Accept that nobody is vouched for; only where nothing else is trusted.
        strict: Refuse what is there and not covered, as ``.git``.
        only: Globs; check only these files.
        components: Check only these components, by id, kind or short name (``weights``).
        checkpoints: Check only these checkpoints, by name.
        tensors: Check only the tensors with these names, reading no more than that needs.
        manifest_path: Where ``manifest.json`` lies, when not in the directory.
        signature_path: Where the signature lies, when it is not ``model.sig`` in the directory.
        expect_name: Refuse a release of another name.
        expect_version: Refuse a release of another version.
        ignore: Exact paths to leave out although they are not signed.
        digest: Which digests of the files to compare: ``sha256``, ``blake3``, ``both``, or ``auto``
            for the fastest of those there.
        sample: Hash this many files of each inventory, chosen at random, and not all of them.
        roots: Where named roots lie, by name.

    Raises:
        UsageError: The arguments contradict each other, or name what does not exist.
        DocumentError: The policy is not valid.
        NotTrustedError: The policy's state is damaged.
        UndecidedError: A key, the policy or its state cannot be read.
        MissingExtraError: ``identities`` or ``timestamp_roots`` need a library that is not there.
    """
    trusted = public_keys(keys)
    options: dict[str, Any] = {
        "integrity_only": integrity_only,
        "strict": strict,
        "only": only,
        "components": components,
        "checkpoints": checkpoints,
        "tensors": tensors,
        "manifest_path": manifest_path,
        "signature_path": signature_path,
        "expect_name": expect_name,
        "expect_version": expect_version,
        "ignore": ignore,
        "digest": digest,
        "sample": sample,
        "roots": roots,
    }
    others = (root_certificates, revocations, certificate_identities, timestamp_roots, identities)
    if policy is not None:
        if any(others) or trusted_root is not None:
            raise UsageError(
                "a policy says who is trusted: certificates and identities beside it contradict it",
                remedy="name them in the policy",
            )
        return _by_policy(policy, directory, trusted, state, options, update=update_state)
    if state is not None:
        raise UsageError("state is for a policy", remedy="give the policy, or leave it out")
    from manifest.verify.run import verify

    return verify(
        directory,
        keys=trusted,
        certificate_roots=certificate_roots(root_certificates),
        revocation_lists=revocation_lists(revocations, beside=root_certificates),
        certificate_identities=certificate_names(certificate_identities, beside=root_certificates),
        sigstore=sigstore_trust(identities, trusted_root),
        timestamp_roots=certificate_roots(timestamp_roots, "the timestamp authority's root"),
        **options,
    )


def _by_policy(
    policy: StrPath,
    directory: StrPath,
    keys: tuple[PublicKey, ...],
    state: StrPath | None,
    options: dict[str, Any],
    *,
    update: bool,
) -> VerifyReport:
    from manifest.policy import decide, load_policy
    from manifest.policy.state import default_state_path

    return decide(
        load_policy(policy, keys=keys),
        directory,
        keys=keys,
        state_path=default_state_path() if state is None else Path(state),
        update=update,
        signature_path=options.pop("signature_path"),
        options=options,
    ).report


def open_verified(
    directory: StrPath,
    *,
    keys: Sequence[Pem] = (),
    root_certificates: Sequence[Pem] = (),
    integrity_only: bool = False,
    weights: str | None = None,
    manifest_path: StrPath | None = None,
    signature_path: StrPath | None = None,
    roots: Mapping[str, StrPath] | None = None,
) -> VerifiedReader:
    """Open a release for reading, so that only bytes that were signed are handed out.

    The signature and the manifest are checked at once; tensors and files when they are read, on
    the very bytes that the reader returns (spec/tensors.md, "Reading")::

        with manifest.open_verified("model/", keys=["publisher.pub"]) as release:
            weights = safetensors.numpy.load(release.load_bytes("model.safetensors"))
            head = release.tensor("lm_head.weight")

    Args:
        directory: The release, as `verify_release` takes it.
        keys: Public keys that are trusted; any of them may have signed.
        root_certificates: Certification authorities whose signers are trusted.
        integrity_only: Accept that nobody is vouched for; only without keys and certificates.
        weights: A file of the model whose tensors are read; needed where there are several.
        manifest_path: Where ``manifest.json`` lies, when not in the directory.
        signature_path: Where the signature lies, when it is not ``model.sig`` in the directory.
        roots: Where named roots lie, by name.

    Raises:
        NotTrustedError: Nobody who is trusted signed, or documents are at odds.
        BytesDifferError: The manifest is not the one that was signed.
        UndecidedError: There is no manifest, or something cannot be read.
        UsageError: The arguments contradict each other, or name what does not exist.
    """
    from manifest.verify.reader import open_release

    return open_release(
        directory,
        keys=public_keys(keys),
        certificate_roots=certificate_roots(root_certificates),
        integrity_only=integrity_only,
        weights=weights,
        manifest_path=manifest_path,
        signature_path=signature_path,
        roots=roots,
    )
