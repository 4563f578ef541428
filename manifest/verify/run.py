"""A verification from beginning to end: reads what the state machine asks for, in its order.

`manifest.verify.machine` decides; this module opens files, walks, hashes and gathers the report.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from manifest.display import plural, printable
from manifest.document.components import resolve_kind
from manifest.document.description import FILE_NAME as DESCRIPTION_NAME
from manifest.document.manifest_file import FILE_NAME, MAX_BYTES, Manifest, ManifestFile
from manifest.errors import ManifestError, NotTrustedError, UndecidedError, UsageError
from manifest.inventory import (
    NOT_COVERED,
    Algorithm,
    Difference,
    Expected,
    Item,
    Tree,
    compile_glob,
    conclude,
    glob_problem,
    hash_files,
    plan,
    read_file,
    walk,
)
from manifest.inventory.digests import Progress
from manifest.signing.bundle import MAX_BUNDLE_BYTES
from manifest.signing.certificates import Root
from manifest.signing.keys import PublicKey
from manifest.signing.statement import SerializationMethod
from manifest.verify.machine import SIGNATURE_NAME, Trust, Verification
from manifest.verify.report import (
    FileProblem,
    Mode,
    ProblemKind,
    Step,
    StepStatus,
    Undecided,
    VerifyReport,
)
from manifest.verify.signatures import further_signatures
from manifest.verify.survey import Survey, below, leave_out, survey

__all__ = ["verify"]

_MAX_DESCRIPTION = 64 * 1024 * 1024
_STEPS = ("signature", "statement", "manifest", "tree", "bytes", "claims")


@dataclasses.dataclass(frozen=True, slots=True)
class _Request:
    directory: str
    trust: Trust
    integrity_only: bool
    strict: bool
    only: tuple[str, ...]
    components: tuple[str, ...]
    manifest_path: str | None
    signature_path: str | None
    expect_name: str | None
    expect_version: str | None
    ignore: tuple[str, ...]
    roots: Mapping[str, str]
    executor: Executor | None
    progress: Progress | None
    on_total: Callable[[int, int], None] | None

    @property
    def is_part(self) -> bool:
        return bool(self.only or self.components)


def verify(
    directory: str | os.PathLike[str],
    *,
    keys: Sequence[PublicKey] = (),
    certificate_roots: Sequence[Root] = (),
    at: dt.datetime | None = None,
    integrity_only: bool = False,
    strict: bool = False,
    only: Sequence[str] = (),
    components: Sequence[str] = (),
    manifest_path: str | os.PathLike[str] | None = None,
    signature_path: str | os.PathLike[str] | None = None,
    expect_name: str | None = None,
    expect_version: str | None = None,
    ignore: Sequence[str] = (),
    roots: Mapping[str, str | os.PathLike[str]] | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    on_total: Callable[[int, int], None] | None = None,
) -> VerifyReport:
    """Verify a release as it lies in a directory (spec/verification.md).

    What fails is in the report, not raised: `VerifyReport.ok` says whether what was asked holds,
    `VerifyReport.exit_code` in which way it does not.

    Args:
        directory: The release: a plain directory, a clone, a hub download or a snapshot of the
            hub's cache.
        keys: Public keys that are trusted; any of them may have signed.
        certificate_roots: Certification authorities whose signers are trusted.
        at: The time at which certificates must be valid, with a time zone; now when None.
        integrity_only: Accept that nobody is vouched for; only without keys and roots.
        strict: Refuse what exists and is not covered.
        only: Check only files that match one of these patterns.
        components: Check only the files of these components, by id, kind or short name.
        manifest_path: Where ``manifest.json`` is, when not in the directory.
        signature_path: Where the signature is, when not ``model.sig`` in the directory.
        expect_name: Refuse a release of another name.
        expect_version: Refuse a release of another version.
        ignore: Exact paths in the directory to leave out, as ``logs``.
        roots: Where named roots lie, by name; those not given are not checked, and named.
        executor: Where to hash; threads of this process when None.
        progress: Told of bytes and files done, from any thread.
        on_total: Told once, before hashing, how many bytes and files there are to hash.

    Raises:
        UsageError: The arguments contradict each other, or name what does not exist.
    """
    request = _Request(
        directory=os.fspath(directory),
        trust=Trust(tuple(keys), tuple(certificate_roots), at),
        integrity_only=integrity_only,
        strict=strict,
        only=tuple(only),
        components=tuple(components),
        manifest_path=None if manifest_path is None else os.fspath(manifest_path),
        signature_path=None if signature_path is None else os.fspath(signature_path),
        expect_name=expect_name,
        expect_version=expect_version,
        ignore=tuple(p.rstrip("/") for p in ignore),
        roots={name: os.fspath(path) for name, path in (roots or {}).items()},
        executor=executor,
        progress=progress,
        on_total=on_total,
    )
    if integrity_only and not request.trust.is_empty:
        raise UsageError(
            "--integrity-only and a key exclude each other",
            remedy="leave out --integrity-only: the signature covers every byte",
        )
    return _Run(request).report()


class _Run:
    """The state of one run; each method is a step and leaves its result in the report's fields."""

    def __init__(self, request: _Request) -> None:
        self.request = request
        self.machine = Verification(request.trust, target=request.directory)
        self.steps: list[Step] = []
        self.signature_inside = ""
        self.left: frozenset[str] = frozenset()
        self.tree: Tree
        self._by_path: dict[str, tuple[str, ...]] | None = None
        self.found = VerifyReport(
            target=request.directory,
            mode=Mode.INTEGRITY if request.trust.is_empty else Mode.SIGNED,
            integrity_only=request.integrity_only,
        )

    def report(self) -> VerifyReport:
        try:
            self._documents()
            self._files()
        except UsageError:
            raise
        except NotTrustedError as error:
            self._stop(error)
            self._set(refusal=error.message, refusal_remedy=error.remedy)
        except UndecidedError as error:
            self._stop(error)
            self._set(undecided_reason=error.message, refusal_remedy=error.remedy)
        done = [s.name for s in self.steps]
        self.steps += [Step(n, StepStatus.SKIPPED) for n in _STEPS if n not in done]
        manifest = self.machine.trusted_manifest
        return dataclasses.replace(
            self.found,
            signer=self.machine.signer,
            name=manifest.name if manifest else "",
            version=manifest.version if manifest else "",
            root_digest=manifest.root_digest if manifest else "",
            warnings=(*self.machine.warnings, *self.found.warnings),
            steps=tuple(self.steps),
        )

    def _set(self, **changes: object) -> None:
        self.found = dataclasses.replace(self.found, **changes)  # type: ignore[arg-type]  # fields by name

    def _done(self, name: str, detail: str = "", *, failed: bool = False) -> None:
        self.steps.append(Step(name, StepStatus.FAILED if failed else StepStatus.OK, detail))

    def _stop(self, error: ManifestError) -> None:
        done = {s.name for s in self.steps}
        name = next((n for n in _STEPS if n not in done), "claims")
        self.steps.append(Step(name, StepStatus.FAILED, error.message))

    # Steps 1 and 2: who signed what, and which release it is.

    def _documents(self) -> None:
        request, machine = self.request, self.machine
        if request.signature_path is not None:
            self.signature_inside = _inside(request.signature_path, request.directory)
        self.left = leave_out((), signature=self.signature_inside, ignore=request.ignore)
        self.tree = top = walk(request.directory, leave_out=self.left)
        what = request.signature_path or SIGNATURE_NAME
        machine.signature(self._signature(top), what=printable(what))
        if machine.statement is not None:
            self._done("signature", "ok" if machine.signer else "not checked: no key was given")
            self._done("statement", f"{len(machine.statement.resources)} resources")
        external = request.manifest_path is not None
        machine.manifest(self._manifest(top), external=external)
        machine.expect(request.expect_name, request.expect_version)
        if machine.trusted_manifest is not None:
            self._done("manifest", f"root digest {machine.trusted_manifest.root_digest}")
        elif machine.manifest_changed:
            self._done("manifest", "is not the one that was signed", failed=True)

    def _signature(self, top: Tree) -> bytes | None:
        path = self.request.signature_path
        if path is None:
            if any(o.path == SIGNATURE_NAME for o in top.oddities):
                raise NotTrustedError(
                    f"{SIGNATURE_NAME} is not a regular file", remedy="put the signature there"
                )
            if not any(f.path == SIGNATURE_NAME for f in top.left_out):
                return None
            self.signature_inside = SIGNATURE_NAME
            return read_file(top, SIGNATURE_NAME, max_bytes=MAX_BUNDLE_BYTES)
        return _read_given(path, "--signature", MAX_BUNDLE_BYTES)

    def _manifest(self, top: Tree) -> bytes | None:
        path = self.request.manifest_path
        if path is not None:
            return _read_given(path, "--manifest", MAX_BYTES)
        if not any(f.path == FILE_NAME for f in top.files):
            return None
        return read_file(top, FILE_NAME, max_bytes=MAX_BYTES)

    # Steps 3 to 5: names, sizes, bytes, claims.

    def _files(self) -> None:
        request, machine = self.request, self.machine
        expected = machine.expected()
        statement = machine.statement
        left = leave_out(expected, signature=self.signature_inside, ignore=request.ignore)
        external = request.manifest_path is not None
        if FILE_NAME not in expected and machine.trusted_manifest is not None and not external:
            left |= {FILE_NAME}  # the list itself, where no signature lists it
        silent = frozenset(n for n in NOT_COVERED if not any(below(p, [n]) for p in expected))
        if (left, silent) != (self.left, NOT_COVERED):
            # The signature speaks of what is left out by default, or is a list and no signature.
            self.tree = walk(request.directory, leave_out=left, not_covered=silent)
        tree = self.tree
        if external and not any(f.path == FILE_NAME for f in tree.files):
            expected.pop(FILE_NAME, None)  # the one given was held against it
        found = survey(
            tree,
            expected.keys(),
            signed_ignores=statement.ignore_paths if statement else (),
            signature=self.signature_inside,
            ignore=request.ignore,
            components=self._components,
        )
        within = self._part(expected)
        empty = self._unlisted_empty_files(found.tree, expected)
        found = dataclasses.replace(
            found,
            not_covered=(
                *found.not_covered,
                *(f"{p} (empty: a signature by byte ranges cannot list it)" for p in empty),
            ),
        )
        self._set(
            not_covered=found.not_covered,
            ignored=found.ignored,
            part=", ".join((*request.only, *request.components)),
        )
        difference = self._hash(expected, found.tree, within)
        self._collect(difference, found)
        self._second_digests(found.tree, within)
        self._named_roots(within)
        self._signatures(tree, found)
        self._claims(tree, expected)

    def _unlisted_empty_files(self, tree: Tree, expected: dict[str, Expected]) -> list[str]:
        """Empty files beside byte-range digests, which have none for them (OMS 1.0, 6.3.2)."""
        statement = self.machine.statement
        if statement is None or statement.method is not SerializationMethod.SHARDS:
            return []
        listed = {f.path for f in self._manifest_files() if not f.root}
        empty = [f.path for f in tree.files if f.size == 0 and f.path not in expected]
        for path in empty:
            expected[path] = Expected(
                path, 0, (), Algorithm(statement.hash_type), statement.shard_size
            )
        return [p for p in empty if p not in listed]

    def _components(self, path: str) -> tuple[str, ...]:
        if self._by_path is None:
            files = self._manifest_files()
            self._by_path = {f.full_path: f.components for f in files if f.components}
        return self._by_path.get(path, ())

    def _part(self, expected: Mapping[str, Expected]) -> Callable[[str], bool] | None:
        """Which paths to check; None for all.

        Raises:
            UsageError: A pattern or a component that no signed file answers to.
        """
        request = self.request
        if not request.is_part:
            return None
        named = {f.full_path for f in self._manifest_files() if f.root}
        every = expected.keys() | named
        wanted: set[str] = set()
        for pattern in request.only:
            if problem := glob_problem(pattern):
                raise UsageError(f"--only: the pattern {problem}")
            matches = compile_glob(pattern).matches
            matching = {p for p in every if matches(p)}
            if not matching:
                raise UsageError(
                    f"--only {printable(pattern)} matches no signed file",
                    remedy="* stays within a directory, ** goes through all of them",
                )
            wanted |= matching
        for component in request.components:
            wanted |= self._component_files(component)
        return wanted.__contains__

    def _manifest_files(self) -> Sequence[ManifestFile]:
        manifest = self.machine.trusted_manifest
        return manifest.files if manifest else ()

    def _component_files(self, component: str) -> set[str]:
        manifest = self.machine.trusted_manifest
        if manifest is None:
            raise UsageError(
                f"--component {printable(component)}: without a {FILE_NAME} that agrees with the "
                "signature there are no components",
                remedy="use --only PATTERN",
            )
        kind = resolve_kind(component)
        ids = [
            c.id
            for c in manifest.components
            if c.id == component or (kind is not None and c.kind is kind)
        ]
        files = {f.full_path for i in ids for f in manifest.files_of(i)}
        if not files:
            known = ", ".join(c.id for c in manifest.components if c.file_count)
            raise UsageError(
                f"--component {printable(component)}: no files belong to such a component",
                remedy=f"components with files: {known or 'none'}",
            )
        return files

    def _hash(
        self, expected: Mapping[str, Expected], tree: Tree, within: Callable[[str], bool] | None
    ) -> Difference:
        planned = plan(expected.values(), tree, within=within)
        early = len(planned.missing) + len(planned.size_mismatched)
        self._done("tree", f"{early} differ before hashing" if early else "", failed=bool(early))
        if self.request.on_total is not None:
            sizes = {f.path: f.size for f in tree.files}
            self.request.on_total(sum(sizes[p] for p in planned.to_hash), len(planned.to_hash))
        hashed = hash_files(
            tree,
            planned.to_hash,
            algorithms=(planned.algorithm,),
            shard_size=planned.shard_size,
            executor=self.request.executor,
            progress=self.request.progress,
        )
        difference = conclude(planned, hashed)
        count = sum(1 for p in expected if within is None or within(p))
        good = {f.path for f in planned.matched}
        bad = {
            i.path for i in (*difference.changed, *difference.not_fetched, *difference.undecided)
        }
        sizes = {h.path: h.size for h in hashed}
        self._set(
            files_expected=self.found.files_expected + count,
            files_checked=self.found.files_checked + difference.same,
            bytes_checked=self.found.bytes_checked + sum(sizes.get(p, 0) for p in good - bad),
            algorithm=planned.algorithm.value,
        )
        return difference

    def _collect(self, difference: Difference, found: Survey) -> None:
        odd = {p.path for p in found.problems}
        problems = [
            *_problems(difference, self._components, skip_missing=odd),
            *found.problems,
        ]
        if self.request.is_part:
            # What was added is a question about the whole.
            whole = (ProblemKind.ADDED, ProblemKind.HIDDEN, ProblemKind.LINK, ProblemKind.SPECIAL)
            expected_odd = {i.path for i in difference.missing}
            problems = [p for p in problems if p.kind not in whole or p.path in expected_odd]
        if self.request.strict:
            problems += [
                FileProblem(ProblemKind.NOT_COVERED, path, detail=rest.removesuffix(")"))
                for path, _, rest in (text.partition(" (") for text in found.not_covered)
            ]
        undecided = [
            *(
                Undecided(i.path, i.note or "it could not be read", self._components(i.path))
                for i in difference.undecided
            ),
            *(
                Undecided(
                    i.path,
                    "a large-file pointer lies in its place",
                    self._components(i.path),
                    not_fetched=True,
                )
                for i in difference.not_fetched
            ),
            *([] if self.request.is_part else found.undecided),
        ]
        failed = bool(problems or undecided)
        self._done("bytes", f"{difference.same} files as signed", failed=failed)
        self._set(problems=tuple(problems), undecided=tuple(undecided))

    def _second_digests(self, tree: Tree, within: Callable[[str], bool] | None) -> None:
        second = self.machine.second_digests()
        if not second:
            return
        planned = plan(second.values(), tree, within=lambda p: p in second and _in(p, within))
        difference = conclude(planned, hash_files(tree, planned.to_hash))
        if difference.changed:
            path = difference.changed[0].path
            raise NotTrustedError(
                f"{FILE_NAME} and the signature bind different bytes of {printable(path)}",
                remedy="ask the publisher to build and sign again",
            )

    def _named_roots(self, within: Callable[[str], bool] | None) -> None:
        manifest = self.machine.trusted_manifest
        if manifest is None:
            return
        names = sorted({f.root for f in manifest.files if f.root})
        for unknown in sorted(set(self.request.roots) - set(names)):
            raise UsageError(f"--root-dir {unknown}: the manifest has no files in such a root")
        for name in names:
            files = {f.path: f for f in manifest.files if f.root == name}
            part = None if within is None else _within_root(within, name)
            wanted = [p for p in files if part is None or part(p)]
            if not wanted:
                continue
            if name not in self.request.roots:
                text = f"root {name} ({plural(len(wanted), 'file')}): give it with --root-dir {name}=DIR"
                self._set(not_checked=(*self.found.not_checked, text))
                continue
            self._named_root(manifest, name, part)

    def _named_root(
        self, manifest: Manifest, name: str, part: Callable[[str], bool] | None
    ) -> None:
        expected = {
            f.path: Expected(f.path, f.size, (f.sha256,), Algorithm.SHA256)
            for f in manifest.files
            if f.root == name
        }
        tree = walk(self.request.roots[name])
        found = survey(
            tree,
            expected.keys(),
            signed_ignores=(),
            signature="",
            ignore=(),
            components=lambda p: self._components(f"{name}:{p}"),
        )
        planned = plan(expected.values(), found.tree, within=part)
        difference = conclude(planned, hash_files(found.tree, planned.to_hash))
        odd = {p.path for p in found.problems}
        problems = [
            *_problems(difference, lambda p: self._components(f"{name}:{p}"), skip_missing=odd),
            *found.problems,
        ]
        undecided = [*difference.undecided, *difference.not_fetched]
        self._set(
            files_expected=self.found.files_expected + len(expected),
            files_checked=self.found.files_checked + difference.same,
            bytes_checked=self.found.bytes_checked + sum(f.size for f in found.tree.files),
            problems=(
                *self.found.problems,
                *(dataclasses.replace(p, path=f"{name}:{p.path}") for p in problems),
            ),
            undecided=(
                *self.found.undecided,
                *(Undecided(f"{name}:{i.path}", i.note) for i in undecided),
            ),
        )

    def _signatures(self, tree: Tree, found: Survey) -> None:
        if self.request.is_part:
            return
        others = [p for p in found.signatures if p != self.signature_inside]
        result = further_signatures(
            tree, others, trust=self.request.trust, statement=self.machine.statement
        )
        self._set(
            also_signed_by=result.signers,
            problems=(*self.found.problems, *result.strays),
            warnings=(*self.found.warnings, *result.notes),
        )

    def _claims(self, tree: Tree, expected: Mapping[str, Expected]) -> None:
        manifest = self.machine.trusted_manifest
        wrong = {p.path for p in self.found.problems} | {u.path for u in self.found.undecided}
        if manifest is None or DESCRIPTION_NAME in wrong or DESCRIPTION_NAME not in expected:
            return
        if not any(f.path == DESCRIPTION_NAME for f in tree.files):
            return
        data = read_file(tree, DESCRIPTION_NAME, max_bytes=_MAX_DESCRIPTION)
        self.machine.check_description(data)
        findings = self.machine.claims(data)
        self._done("claims", "; ".join(findings), failed=bool(findings))
        self._set(findings=findings)


def _within_root(within: Callable[[str], bool], root: str) -> Callable[[str], bool]:
    return lambda path: within(f"{root}:{path}")


def _in(path: str, within: Callable[[str], bool] | None) -> bool:
    return within is None or within(path)


def _problems(
    difference: Difference, components: Callable[[str], tuple[str, ...]], *, skip_missing: set[str]
) -> list[FileProblem]:
    def problem(kind: ProblemKind, item: Item) -> FileProblem:
        whole = len(item.expected_digests) <= 1 and len(item.found_digests) <= 1
        signed = item.was or item.path
        return FileProblem(
            kind,
            signed,
            expected_size=item.expected_size,
            found_size=item.found_size,
            expected_sha256="".join(item.expected_digests) if whole else "",
            found_sha256="".join(item.found_digests) if whole else "",
            algorithm=item.algorithm.value,
            renamed_to=item.path if item.was else "",
            components=components(signed),
            detail=item.note if whole else _ranges(item),
        )

    return [
        *(problem(ProblemKind.CHANGED, i) for i in difference.changed),
        *(
            problem(ProblemKind.MISSING, i)
            for i in difference.missing
            if i.path not in skip_missing
        ),
        *(problem(ProblemKind.RENAMED, i) for i in difference.renamed),
        *(problem(ProblemKind.ADDED, i) for i in difference.added),
    ]


def _ranges(item: Item) -> str:
    pairs = zip(item.expected_digests, item.found_digests, strict=False)
    bad = [str(i) for i, (a, b) in enumerate(pairs, 1) if a != b]
    return f"byte ranges that differ: {', '.join(bad[:10]) or 'their number'}"


def _read_given(path: str, option: str, max_bytes: int) -> bytes:
    """A file that the user named; links are followed, since the user named them."""
    shown = printable(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise UsageError(f"{option} {shown}: there is no such file") from None
    except OSError as error:
        raise UndecidedError(f"{option} {shown} cannot be read: {error.strerror}") from None
    if len(data) > max_bytes:
        raise NotTrustedError(f"{option} {shown} has more than {max_bytes:,} bytes")
    return data


def _inside(path: str, directory: str) -> str:
    """``path`` relative to the directory when it lies in it, else empty."""
    real, root = os.path.realpath(path), os.path.realpath(directory)
    prefix = root if root.endswith(os.sep) else root + os.sep
    return os.path.relpath(real, root).replace(os.sep, "/") if real.startswith(prefix) else ""
