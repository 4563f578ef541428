"""A verification from beginning to end: reads what the state machine asks for, in its order.

`manifest.verify.machine` decides; this module opens files, walks, hashes and gathers the report.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

from manifest.display import plural, printable
from manifest.document.description import FILE_NAME as DESCRIPTION_NAME
from manifest.document.manifest_file import FILE_NAME, MAX_BYTES, ManifestFile
from manifest.document.yaml_text import MAX_BYTES as MAX_DESCRIPTION
from manifest.errors import ManifestError, NotTrustedError, UndecidedError, UsageError
from manifest.inventory import (
    NOT_COVERED,
    Algorithm,
    Expected,
    Progress,
    Tree,
    conclude,
    hash_files,
    plan,
    read_file,
    walk,
)
from manifest.sign import SIGNATURE_NAME
from manifest.signing.bundle import MAX_BUNDLE_BYTES
from manifest.signing.certificates import Root
from manifest.signing.keys import PublicKey
from manifest.signing.statement import SerializationMethod
from manifest.verify.comparison import Comparison, Engine, compare_root
from manifest.verify.machine import Trust, Verification
from manifest.verify.part import Part, select_part, within_root
from manifest.verify.report import FileProblem, Mode, ProblemKind, Step, StepStatus, VerifyReport
from manifest.verify.request import Request, path_inside, read_given
from manifest.verify.signatures import further_signatures
from manifest.verify.survey import Survey, leave_out, spoken_of, survey

__all__ = ["verify"]

_STEPS = ("signature", "statement", "manifest", "tree", "bytes", "claims")


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
    request = Request(
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
        engine=Engine(executor, progress, on_total),
    )
    if integrity_only and not request.trust.is_empty:
        raise UsageError(
            "--integrity-only and a key exclude each other",
            remedy="leave out --integrity-only: the signature covers every byte",
        )
    return _Run(request).report()


class _Run:
    """The state of one run; each method is a step and leaves its result in the report's fields."""

    def __init__(self, request: Request) -> None:
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
            self.signature_inside = path_inside(request.signature_path, request.directory)
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
        return read_given(path, "--signature", MAX_BUNDLE_BYTES)

    def _manifest(self, top: Tree) -> bytes | None:
        path = self.request.manifest_path
        if path is not None:
            return read_given(path, "--manifest", MAX_BYTES)
        if not any(f.path == FILE_NAME for f in top.files):
            return None
        return read_file(top, FILE_NAME, max_bytes=MAX_BYTES)

    # Steps 3 to 5: names, sizes, bytes, claims.

    def _files(self) -> None:
        machine, request = self.machine, self.request
        expected = machine.expected()
        self._walk_again(expected)
        external = request.manifest_path is not None
        if external and not any(f.path == FILE_NAME for f in self.tree.files):
            expected.pop(FILE_NAME, None)  # the one given was held against it
        named = {f.full_path for f in self._manifest_files() if f.root}
        part = select_part(
            request.only,
            request.components,
            signed=expected.keys() | named,
            manifest=machine.trusted_manifest,
        )
        self._set(part=", ".join((*request.only, *request.components)))
        found = self._survey(expected)
        self._compare(expected, found, part)
        self._second_digests(found.tree, part)
        self._named_roots(part)
        if part is None:
            self._further_signatures(found)
        self._claims(expected)

    def _walk_again(self, expected: Mapping[str, Expected]) -> None:
        """Walk anew where the signature speaks of what is left out, or no signature lists the list."""
        request, machine = self.request, self.machine
        left = leave_out(expected, signature=self.signature_inside, ignore=request.ignore)
        if machine.trusted_manifest and FILE_NAME not in expected and not request.manifest_path:
            left |= {FILE_NAME}
        silent = NOT_COVERED - spoken_of(NOT_COVERED, expected)
        if (left, silent) != (self.left, NOT_COVERED):
            self.tree = walk(request.directory, leave_out=left, not_covered=silent)

    def _survey(self, expected: dict[str, Expected]) -> Survey:
        statement = self.machine.statement
        found = survey(
            self.tree,
            expected.keys(),
            signed_ignores=statement.ignore_paths if statement else (),
            signature=self.signature_inside,
            ignore=self.request.ignore,
            components=self._components,
        )
        not_covered = (*found.not_covered, *self._unlisted_empty_files(found.tree, expected))
        self._set(not_covered=not_covered, ignored=found.ignored)
        return dataclasses.replace(found, not_covered=not_covered)

    def _unlisted_empty_files(self, tree: Tree, expected: dict[str, Expected]) -> list[str]:
        """Expect empty files beside byte-range digests, which have none for them (OMS 1.0, 6.3.2).

        Returns:
            Those that no manifest lists either, in words.
        """
        statement = self.machine.statement
        if statement is None or statement.method is not SerializationMethod.SHARDS:
            return []
        listed = {f.path for f in self._manifest_files() if not f.root}
        empty = [f.path for f in tree.files if f.size == 0 and f.path not in expected]
        algorithm, shard_size = Algorithm(statement.hash_type), statement.shard_size
        expected |= {p: Expected(p, 0, (), algorithm, shard_size) for p in empty}
        words = "empty: a signature by byte ranges cannot list it"
        return [f"{p} ({words})" for p in empty if p not in listed]

    def _components(self, path: str) -> tuple[str, ...]:
        if self._by_path is None:
            files = self._manifest_files()
            self._by_path = {f.full_path: f.components for f in files if f.components}
        return self._by_path.get(path, ())

    def _manifest_files(self) -> Sequence[ManifestFile]:
        manifest = self.machine.trusted_manifest
        return manifest.files if manifest else ()

    def _compare(self, expected: Mapping[str, Expected], found: Survey, part: Part) -> None:
        result = compare_root(
            expected, found, part=part, components=self._components, engine=self.request.engine
        )
        early = f"{result.early} differ before hashing" if result.early else ""
        self._done("tree", early, failed=bool(early))
        failed = bool(result.problems or result.undecided)
        self._done("bytes", f"{result.same} files as signed", failed=failed)
        refused = () if not self.request.strict else tuple(map(_refused, found.not_covered))
        self._add(result)
        self._set(algorithm=result.algorithm, problems=(*self.found.problems, *refused))

    def _add(self, result: Comparison) -> None:
        self._set(
            files_expected=self.found.files_expected + result.expected,
            files_checked=self.found.files_checked + result.same,
            bytes_checked=self.found.bytes_checked + result.size,
            problems=(*self.found.problems, *result.problems),
            undecided=(*self.found.undecided, *result.undecided),
        )

    def _second_digests(self, tree: Tree, part: Part) -> None:
        second = self.machine.second_digests()
        if not second:
            return
        planned = plan(
            second.values(), tree, within=lambda p: p in second and (part is None or part(p))
        )
        difference = conclude(planned, hash_files(tree, planned.to_hash))
        if difference.changed:
            path = difference.changed[0].path
            raise NotTrustedError(
                f"{FILE_NAME} and the signature bind different bytes of {printable(path)}",
                remedy="ask the publisher to build and sign again",
            )

    def _named_roots(self, part: Part) -> None:
        given = self.request.roots
        by_root: dict[str, dict[str, Expected]] = {}
        for file in self._manifest_files():
            if file.root:
                wanted = Expected(file.path, file.size, (file.sha256,))
                by_root.setdefault(file.root, {})[file.path] = wanted
        for unknown in sorted(set(given) - set(by_root)):
            raise UsageError(f"--root-dir {unknown}: the manifest has no files in such a root")
        for name, expected in by_root.items():
            inner = within_root(part, name)
            count = sum(1 for p in expected if inner is None or inner(p))
            if count and name not in given:
                text = f"root {name} ({plural(count, 'file')}): give it with --root-dir {name}=DIR"
                self._set(not_checked=(*self.found.not_checked, text))
            elif count:
                self._named_root(name, expected, inner)

    def _named_root(self, name: str, expected: Mapping[str, Expected], part: Part) -> None:
        found = survey(
            walk(self.request.roots[name]),
            expected.keys(),
            signed_ignores=(),
            signature="",
            ignore=(),
            components=lambda p: self._components(f"{name}:{p}"),
        )
        self._add(
            compare_root(
                expected,
                found,
                part=part,
                components=self._components,
                engine=self.request.engine,
                root=name,
            )
        )

    def _further_signatures(self, found: Survey) -> None:
        others = [p for p in found.signatures if p != self.signature_inside]
        result = further_signatures(
            self.tree, others, trust=self.request.trust, statement=self.machine.statement
        )
        self._set(
            also_signed_by=result.signers,
            problems=(*self.found.problems, *result.strays),
            warnings=(*self.found.warnings, *result.notes),
        )

    def _claims(self, expected: Mapping[str, Expected]) -> None:
        manifest = self.machine.trusted_manifest
        wrong = {p.path for p in self.found.problems} | {u.path for u in self.found.undecided}
        if manifest is None or DESCRIPTION_NAME in wrong or DESCRIPTION_NAME not in expected:
            return
        if not any(f.path == DESCRIPTION_NAME for f in self.tree.files):
            return
        data = read_file(self.tree, DESCRIPTION_NAME, max_bytes=MAX_DESCRIPTION)
        self.machine.check_description(data)
        findings = self.machine.claims(data)
        self._done("claims", "; ".join(findings), failed=bool(findings))
        self._set(findings=findings)


def _refused(words: str) -> FileProblem:
    path, _, detail = words.partition(" (")
    return FileProblem(ProblemKind.NOT_COVERED, path, detail=detail.removesuffix(")"))
