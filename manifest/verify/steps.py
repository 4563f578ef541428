"""The steps of a verification: reads what the state machine asks for, in its order.

`manifest.verify.machine` decides; this module opens files, walks, hashes and gathers the report.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from manifest.display import plural, printable
from manifest.document.description import FILE_NAME as DESCRIPTION_NAME
from manifest.document.inventories import InventorySpec, look_inside, owned_directories, walk_beside
from manifest.document.manifest_file import FILE_NAME, ManifestFile
from manifest.document.yaml_text import MAX_BYTES as MAX_DESCRIPTION
from manifest.errors import ManifestError, NotTrustedError, UndecidedError, UsageError
from manifest.inventory import NOT_COVERED, Expected, Tree, read_file, walk
from manifest.signing.names import SIGNATURE_NAME
from manifest.verify.claims import checkpoint_claims
from manifest.verify.comparison import Comparison, compare_root
from manifest.verify.listed import unlisted_empty_files
from manifest.verify.machine import Verification
from manifest.verify.part import OwnedPart, Part, refuse_nothing, select_part, within_root
from manifest.verify.report import Mode, Step, StepStatus, VerifyReport
from manifest.verify.request import Request, path_inside, read_manifest, read_signature, sample_of
from manifest.verify.selection import DigestChoice, Selection, expected_in_root
from manifest.verify.signatures import further_signatures
from manifest.verify.survey import Survey, leave_out, refusal_of, refuse_ignored, spoken_of, survey

__all__ = ["Run"]

_NO_PART = "{} is not the one that was signed; it is no part of this check"
_STEPS = ("signature", "statement", "manifest", "tree", "bytes", "claims")


class Run:
    """The state of one run; each method is a step and leaves its result in the report's fields."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.machine = Verification(request.trust, target=request.directory)
        self.steps: list[Step] = []
        self.signature_inside = ""
        self.left: frozenset[str] = frozenset()
        self.owned: OwnedPart | None = None
        self.bytes_differ = False
        self.tree: Tree
        self.walked: dict[str, Tree] = {}
        self._by_path: dict[str, tuple[str, ...]] | None = None
        self.found = VerifyReport(
            target=request.directory,
            mode=Mode.INTEGRITY if request.trust.is_empty else Mode.SIGNED,
            integrity_only=request.integrity_only,
        )

    def report(self) -> VerifyReport:
        """Go through the steps and say what was found; raises what `run.verify` says."""
        try:
            self._documents()
            self._files()
            refuse_nothing(self.found, named=self.request.names_a_part)
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
            manifest=manifest,
            manifest_digest=self.machine.manifest_digest,
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
        # What an inventory owns is not known yet, and may be millions of files.
        self.tree = top = walk(
            request.directory,
            leave_out=self.left,
            not_covered=frozenset(),
            enter=lambda path: self.signature_inside.startswith(f"{path}/"),
        )
        what = request.signature_path or SIGNATURE_NAME
        data, self.signature_inside = read_signature(request, top, self.signature_inside)
        machine.signature(data, what=printable(what))
        self._told()
        external = request.manifest_path is not None
        machine.manifest(read_manifest(request, top), external=external)
        machine.expect(request.expect_name, request.expect_version)
        if machine.trusted_manifest is not None:
            self._done("manifest", f"root digest {machine.trusted_manifest.root_digest}")
        elif machine.manifest_changed:
            self._done("manifest", "is not the one that was signed", failed=True)

    def _told(self) -> None:
        """Note what step 1 found."""
        signer, statement = self.machine.signer, self.machine.statement
        if statement is not None:
            self._done("signature", "ok" if signer else "not checked: no key was given")
            self._done("statement", f"{len(statement.resources)} resources, {statement.format}")

    # Steps 3 to 5: names, sizes, bytes, claims.

    def _files(self) -> None:
        machine, request = self.machine, self.request
        selection = self._select()
        lists = machine.expected(selection)
        expected = lists[0]
        self._walk_again(expected)
        external = request.manifest_path is not None
        if external and not any(f.path == FILE_NAME for f in self.tree.files):
            expected.pop(FILE_NAME, None)  # the one given was held against it
        named = {f.full_path for f in self._manifest_files() if f.root}
        part = self._part(expected.keys() | named)
        self.check_roots()
        if request.tensors and not machine.manifest_changed:
            self._tensors(part)
            return
        found = self._survey(expected)
        self._compare(lists, found, part)
        self._named_roots(selection, part)
        self._inventories(selection, part)
        if part is None and (manifest := machine.trusted_manifest) and manifest.weights:
            from manifest.verify.tensors import refuse_other_headers

            refuse_other_headers(manifest, self.found, {"": self.tree, **self.walked})
        # Said last: a file in a named root, or of an inventory, counts as any other.
        words = f"{plural(self.found.files_checked, 'file')} as signed"
        self._done("bytes", words, failed=self.bytes_differ)
        if part is None:
            self._further_signatures(found)
        self._claims(expected, part)

    def _select(self) -> Selection:
        machine, choice = self.machine, self.request.digest
        if machine.manifest_changed and not self.request.only:
            # That the manifest was changed is the answer, by whichever digest the rest is checked.
            choice = DigestChoice.AUTO
        selection = machine.select(choice)
        compared, others = (
            tuple(map(str, each)) for each in (selection.compared, selection.not_compared)
        )
        self._set(digests=compared, digests_not_compared=others)
        return selection

    def _part(self, signed: Collection[str]) -> Part:
        request, changed = self.request, self.machine.manifest_changed
        named = request.named
        self._set(part=", ".join((*request.only, *named, *sample_of(request))))
        if named and changed:
            # What they are is not known; that the manifest was changed is.
            return frozenset({FILE_NAME}).__contains__
        part, self.owned = select_part(
            request.only,
            request.components,
            request.checkpoints,
            signed=signed,
            manifest=self.machine.trusted_manifest,
            roots=request.roots,
        )
        if part is not None and changed and not part(FILE_NAME):
            self._warn(_NO_PART.format(FILE_NAME))
        return part

    def _warn(self, text: str) -> None:
        self._set(warnings=(*self.found.warnings, text))

    def check_roots(self) -> None:
        """Refuse a root that the manifest does not know, before anything is hashed."""
        known = {f.root for f in self._manifest_files()}
        known |= {spec.directory_root for spec in self._specs()}
        for name in sorted(self.request.roots.keys() - known):
            if not self.machine.manifest_changed:
                raise UsageError(f"--root-dir {name}: the manifest has no files in such a root")
            text = f"root {name}: the {FILE_NAME} that was signed is not there"
            self._set(not_checked=(*self.found.not_checked, text))

    def _walk_again(self, expected: Mapping[str, Expected]) -> None:
        """Walk the release, now that it is known what is signed and what inventories own."""
        request, machine = self.request, self.machine
        left = leave_out(expected, signature=self.signature_inside, ignore=request.ignore)
        if machine.trusted_manifest and FILE_NAME not in expected and not request.manifest_path:
            left |= {FILE_NAME}
        silent = NOT_COVERED - spoken_of(NOT_COVERED, expected)
        refuse_ignored(request.ignore, owned_directories(self._specs()))
        self.tree = walk(
            request.directory,
            leave_out=left,
            not_covered=silent,
            enter=look_inside(self._specs()),
        )

    def _survey(self, expected: dict[str, Expected]) -> Survey:
        statement, owned = self.machine.statement, owned_directories(self._specs())
        ignored = statement.ignore_paths if statement else ()
        found = survey(
            self.tree,
            expected.keys(),
            signed_ignores=[p for p in ignored if p not in owned],
            signature=self.signature_inside,
            ignore=self.request.ignore,
            components=self._components,
        )
        manifest = self.machine.trusted_manifest
        unlisted = unlisted_empty_files(statement, manifest, found.tree, expected)
        not_covered = (*found.not_covered, *unlisted)
        self._set(not_covered=not_covered, ignored=found.ignored)
        return dataclasses.replace(found, not_covered=not_covered)

    def _components(self, path: str) -> tuple[str, ...]:
        if self._by_path is None:
            files = self._manifest_files()
            self._by_path = {f.full_path: f.components for f in files if f.components}
        return self._by_path.get(path, ())

    def _specs(self) -> tuple[InventorySpec, ...]:
        manifest = self.machine.trusted_manifest
        return tuple(bound.spec for bound in manifest.inventories) if manifest else ()

    def _manifest_files(self) -> Sequence[ManifestFile]:
        manifest = self.machine.trusted_manifest
        return manifest.files if manifest else ()

    def _compare(self, lists: Sequence[Mapping[str, Expected]], found: Survey, part: Part) -> None:
        result = compare_root(
            lists, found, part=part, components=self._components, engine=self.request.engine
        )
        early = f"{result.early} differ before hashing" if result.early else ""
        self._done("tree", early, failed=bool(early))
        self._add(result, found.tree)
        if part is None or part(FILE_NAME):
            told = {p.path for p in self.found.problems}
            self.machine.hashed(told | {u.path for u in self.found.undecided})
        self._refuse_not_covered(found.not_covered)

    def _refuse_not_covered(self, words: Sequence[str]) -> None:
        if self.request.strict:
            self._set(problems=(*self.found.problems, *map(refusal_of, words)))

    def _tensors(self, part: Part) -> None:
        """Steps 3 and 4 for single tensors."""
        from manifest.verify.tensors import check_tensors, select_tensors

        manifest = self.machine.trusted_manifest
        wanted = select_tensors(self.request.tensors, manifest, part)
        self._set(digests=("blake3",), digests_not_compared=())
        found = check_tensors(wanted, self.tree, self.request.roots, components=self._components)
        self._set(
            tensors_checked=found.same,
            bytes_checked=found.size,
            problems=found.problems,
            undecided=found.undecided,
            not_checked=(*self.found.not_checked, *found.not_checked),
        )
        failed = bool(found.problems or found.undecided)
        self._done("bytes", f"{found.same} tensors as signed", failed=failed)

    def _add(self, result: Comparison, tree: Tree | None = None, root: str = "") -> None:
        manifest = self.machine.trusted_manifest
        weights = [f for one in manifest.weights for f in one.files] if manifest else []
        problems = result.problems
        self.bytes_differ |= bool(problems or result.undecided)
        if weights and problems and tree is not None:
            from manifest.verify.tensors import name_damage

            problems = name_damage(problems, weights, tree, root=root)
        self._set(
            files_expected=self.found.files_expected + result.expected,
            files_checked=self.found.files_checked + result.same,
            bytes_checked=self.found.bytes_checked + result.size,
            problems=(*self.found.problems, *problems),
            undecided=(*self.found.undecided, *result.undecided),
        )
        if result.contradicted:
            path = result.contradicted[0]
            by = " and by ".join(self.found.digests)
            raise NotTrustedError(
                f"what was signed binds different bytes of {printable(path)} by {by}",
                remedy="ask the publisher to build and sign again",
            )

    def _named_roots(self, selection: Selection, part: Part) -> None:
        by_root: dict[str, list[ManifestFile]] = {}
        for file in self._manifest_files():
            if file.root:
                by_root.setdefault(file.root, []).append(file)
        for root in sorted({spec.directory_root for spec in self._specs()} - {""}):
            by_root.setdefault(root, [])
        for name, files in by_root.items():
            inner = within_root(part, name)
            count = sum(1 for f in files if inner is None or inner(f.path))
            if count and name not in self.request.roots:
                text = f"root {name} ({plural(count, 'file')}): give it with --root-dir {name}=DIR"
                self._set(not_checked=(*self.found.not_checked, text))
            elif count or (part is None and name in self.request.roots):
                self._named_root(name, expected_in_root(files, selection.of_manifest), inner)

    def _named_root(self, name: str, lists: Sequence[Mapping[str, Expected]], part: Part) -> None:
        found = survey(
            walk_beside(self.request.roots[name], self._specs(), name),
            lists[0].keys(),
            signed_ignores=(),
            signature="",
            ignore=(),
            components=lambda p: self._components(f"{name}:{p}"),
        )
        engine = self.request.engine
        result = compare_root(
            lists, found, part=part, components=self._components, engine=engine, root=name
        )
        self._add(result, found.tree, name)
        self.walked[name] = found.tree
        not_covered = [f"{name}:{words}" for words in found.not_covered]
        self._set(not_covered=(*self.found.not_covered, *not_covered))
        self._refuse_not_covered(not_covered)

    def _inventories(self, selection: Selection, part: Part) -> None:
        if not self._specs() and self.owned is None and self.request.sample is None:
            return
        from manifest.verify.owned import check_inventories

        found = check_inventories(
            self.machine.trusted_manifest,
            self.request,
            self.tree,
            compared=selection.compared,
            part=part,
            owned=self.owned,
        )
        for comparison in found.comparisons:
            self._add(comparison)
        self.bytes_differ |= bool(found.altered)
        told = {p.path for p in self.found.problems} | {u.path for u in self.found.undecided}
        altered = [p for p in found.altered if p.path not in told]
        self._set(
            problems=(*self.found.problems, *altered),
            not_checked=(*self.found.not_checked, *found.not_checked),
            warnings=(*self.found.warnings, *found.warnings),
            samples=tuple(found.samples),
        )

    def _further_signatures(self, found: Survey) -> None:
        others = [p for p in found.signatures if p != self.signature_inside]
        result = further_signatures(self.tree, others, self.request, self.machine)
        self._set(
            also_signed_by=result.signers,
            replays=result.replays,
            statements=result.statements,
            problems=(*self.found.problems, *result.strays),
            warnings=(*self.found.warnings, *result.notes),
        )

    def _claims(self, expected: Mapping[str, Expected], part: Part) -> None:
        manifest = self.machine.trusted_manifest
        wrong = {p.path for p in self.found.problems} | {u.path for u in self.found.undecided}
        there = DESCRIPTION_NAME in expected and self.tree.find(DESCRIPTION_NAME) is not None
        if manifest is None or DESCRIPTION_NAME in wrong or not there:
            return
        try:
            data = read_file(self.tree, DESCRIPTION_NAME, max_bytes=MAX_DESCRIPTION)
            self.machine.check_description(data)
        except UndecidedError:
            if part is None or part(DESCRIPTION_NAME):
                raise
            self._warn(_NO_PART.format(DESCRIPTION_NAME))
            return
        told = wrong if part is None else None
        findings = self.machine.claims(data)
        findings += checkpoint_claims(manifest, self.tree, self.request, told=told)
        self._done("claims", "; ".join(findings), failed=bool(findings))
        self._set(findings=findings)
