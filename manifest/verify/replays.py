"""Signed replays: who repeated which segments of the training (spec/replay.md, "What counts").

They lie in ``signatures/`` beside other bundles. One counts when a key signed it that the consumer
named for this, that did not sign the release, and when what it says agrees with the manifest. All
others are told of and never counted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Sequence

from manifest.build.segments import compared_files, draw, segment_between, segments_of
from manifest.display import plural, printable
from manifest.document.manifest_file import FILE_NAME as MANIFEST_NAME
from manifest.document.manifest_file import MAX_BYTES, Manifest, parse_manifest
from manifest.document.replay import replay_recipe
from manifest.document.replay_statement import (
    PREDICATE_TYPE,
    ReplayStatement,
    SignedReplay,
    parse_replay_statement,
)
from manifest.errors import DocumentError, ManifestError, NotTrustedError, UsageError
from manifest.inventory import OWN_FILES, read_file, walk
from manifest.records import record
from manifest.signing.bundle import MAX_BUNDLE_BYTES, parse_bundle
from manifest.signing.keys import PublicKey
from manifest.signing.names import SIGNATURE_NAME, SIGNATURES_DIRECTORY
from manifest.signing.verification import verify_signature

__all__ = ["FoundReplays", "read_replays", "replay_problem", "replays_in"]

MAX_REPLAYS = 64
"""The most files that are looked at, as in a verification."""
MAX_REPLAY_BYTES = 32 * 1024 * 1024


@record(frozen=True, slots=True)
class FoundReplays:
    """The replays among the files in ``signatures/``.

    Attributes:
        replays: Those that count.
        paths: Every file that is a replay, counted or not.
        notes: Why others do not count.
    """

    replays: tuple[SignedReplay, ...] = ()
    paths: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def read_replays(
    paths: Iterable[str],
    read: Callable[[str], bytes],
    *,
    check: Callable[[bytes, str], str],
    manifest: Manifest | None,
    manifest_digest: str,
    publishers: Iterable[str],
) -> FoundReplays:
    """Find the replays among bundles, and count those that count.

    Args:
        paths: The bundles.
        read: Gives the bytes of one.
        check: Says by what name a bundle's signer is known, from its bytes and its path; raises a
            `NotTrustedError` where nobody signed it whose replays count.
        manifest: The manifest that was verified; None where there is none.
        manifest_digest: SHA-256 of its bytes; empty where they were not signed.
        publishers: Fingerprints of who signed the release: their own replays do not count.
    """
    counted: list[SignedReplay] = []
    found: list[str] = []
    notes: list[str] = []
    own = set(publishers)
    for path in paths:
        try:
            data = read(path)
            payload = parse_bundle(data, what=path).envelope.payload
        except ManifestError:
            continue  # what is no bundle is told of where all bundles are read
        shown = printable(path)
        try:
            statement = parse_replay_statement(payload, what=shown)
        except DocumentError as error:
            if PREDICATE_TYPE.encode() in payload:
                found.append(path)
                notes.append(f"{error.message}; it does not count")
            continue
        if statement is None:
            continue
        found.append(path)
        try:
            signer = check(data, path)
        except NotTrustedError:
            again = "came out again" if statement.is_reproduced else "came out DIFFERENT"
            count = plural(len(statement.segments), "segment")
            notes.append(
                f"{shown} says that {count} of the training {again}, by nobody whose replays "
                "count: --replayer or a policy names them"
            )
            continue
        problem = replay_problem(statement, manifest, manifest_digest)
        if signer in own:
            problem = "is by who signed the release"
        if problem:
            notes.append(f"{shown}, a replay, {problem}; it does not count")
        else:
            counted.append(SignedReplay(signer, path, statement))
    return FoundReplays(tuple(counted), frozenset(found), tuple(notes))


def replays_in(directory: str | os.PathLike[str], keys: Sequence[PublicKey]) -> FoundReplays:
    """The replays in a release directory whose signature is not checked here.

    They are held against the ``manifest.json`` that lies there. Who signed the release is taken
    from what its signature says of itself.

    Raises:
        UsageError: There is no such directory.
        UndecidedError: It cannot be read.
        DocumentError: The manifest is not valid.
    """
    tree = walk(directory, leave_out=OWN_FILES)
    inside = [f.path for f in tree.left_out]
    paths = [p for p in inside if p.startswith(f"{SIGNATURES_DIRECTORY}/") and p.count("/") == 1]
    manifest, digest = None, ""
    if MANIFEST_NAME in inside and paths:
        data = read_file(tree, MANIFEST_NAME, max_bytes=MAX_BYTES)
        manifest, digest = parse_manifest(data), hashlib.sha256(data).hexdigest()
    own = []
    if SIGNATURE_NAME in inside and paths:
        with contextlib.suppress(ManifestError):
            bundle = parse_bundle(
                read_file(tree, SIGNATURE_NAME, max_bytes=MAX_BUNDLE_BYTES), what=SIGNATURE_NAME
            )
            own = [key.fingerprint for key in keys if key.is_named_by(bundle.key_hint)]
    return read_replays(
        paths[:MAX_REPLAYS],
        lambda path: read_file(tree, path, max_bytes=MAX_REPLAY_BYTES),
        check=lambda data, path: verify_signature(data, keys=keys, what=path).signer.fingerprint,
        manifest=manifest,
        manifest_digest=digest,
        publishers=own,
    )


def replay_problem(
    statement: ReplayStatement, manifest: Manifest | None, manifest_digest: str
) -> str:
    """Why a statement is not about a release, in words that follow its name; empty when it is."""
    if manifest is None or not manifest_digest:
        return "cannot be held against a manifest: none was signed"
    if statement.manifest_digest != manifest_digest:
        return "is of another manifest"
    recipe = replay_recipe(manifest.description())
    if recipe is None:
        return "is of a release that does not say how segments are repeated"
    for one in statement.segments:
        if dict(one.tolerances) != dict(recipe.tolerances):
            return "compared within another tolerance than the one declared"
        try:
            segment = segment_between(manifest, one.start, one.end)
            compared, _ = compared_files(segment, recipe)
        except UsageError as error:
            return f"names a segment that the release does not have: {error.message}"
        if set(one.files) != set(compared):
            return "compared other files than those of the checkpoint"
    names = [(one.start, one.end) for one in statement.segments]
    if len(set(names)) != len(names):
        return "names a segment twice"
    return _draw_problem(statement, manifest, names)


def _draw_problem(
    statement: ReplayStatement, manifest: Manifest, names: Sequence[tuple[str, str]]
) -> str:
    if not statement.nonce:
        return ""
    segments = segments_of(manifest)
    try:
        nonce = bytes.fromhex(statement.nonce)
        drawn = draw(statement.manifest_digest, nonce, len(names), len(segments))
    except UsageError as error:
        return f"cannot have drawn its segments: {error.message}"
    if [segments[index].names for index in drawn] != list(names):
        return "names other segments than its nonce draws"
    return ""
