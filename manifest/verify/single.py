"""The verification of a model that is one file (spec/signature.md, "One file").

The specification lists such a file by its name; the reference implementation lists it as ``.``,
which binds the bytes and not the name. Both are read. A signature of several files is refused:
which of them the file should be would be a guess.
"""

from __future__ import annotations

import dataclasses
import os

from manifest.display import plural, printable
from manifest.errors import NotTrustedError, UsageError
from manifest.inventory.single import tree_of_file
from manifest.signing.bundle import MAX_BUNDLE_BYTES
from manifest.signing.statement import SINGLE_FILE
from manifest.verify.machine import Verification
from manifest.verify.report import FileProblem, ProblemKind
from manifest.verify.request import Request, read_given
from manifest.verify.steps import Run
from manifest.verify.survey import Survey

__all__ = ["FileRun", "default_signature"]

_OF_DIRECTORIES = (
    ("only", "--only"),
    ("components", "--component"),
    ("checkpoints", "--checkpoint"),
    ("tensors", "--tensor"),
    ("manifest_path", "--manifest"),
    ("expect_name", "--expect-name"),
    ("expect_version", "--expect-version"),
    ("ignore", "--ignore"),
    ("roots", "--root-dir"),
    ("sample", "--sample"),
    ("strict", "--strict"),
)


def default_signature(path: str) -> str:
    """Where the signature of a file lies when nothing else is said: beside it."""
    return f"{path}.sig"


class FileRun(Run):
    """As `Run`, for one file; the steps about a manifest and its claims are passed over."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        for field, option in _OF_DIRECTORIES:
            if getattr(request, field):
                raise UsageError(f"{option} is for directories", remedy="leave it out for a file")
        self.machine = Verification(request.trust, target=request.directory, of_one_file=True)
        self.name = os.path.basename(request.directory)  # noqa: PTH119 - as it was named

    def _documents(self) -> None:
        given = self.request.signature_path
        path = default_signature(self.request.directory) if given is None else given
        data = None
        if given is not None or os.path.lexists(path):
            data = read_given(path, "--signature", MAX_BUNDLE_BYTES)
        self.machine.signature(data, what=printable(path))
        self._told()

    def _files(self) -> None:
        lists = self.machine.expected(self._select())
        (signed, *others) = lists[0]
        if others:
            raise NotTrustedError(
                f"the signature is of {plural(len(lists[0]), 'file')}, and not of this one alone",
                remedy="verify the directory they lie in; --only checks a part of it",
            )
        if signed not in (SINGLE_FILE, self.name):
            renamed = FileProblem(ProblemKind.RENAMED, signed, renamed_to=self.name)
            self._set(problems=(renamed,), files_expected=1)
            self._done("tree", "the file has another name", failed=True)
            return
        if signed == SINGLE_FILE:
            self._warn("the signature is of the bytes alone: it does not say the file's name")
        self.tree = tree_of_file(self.request.directory)
        there = self.tree.files[0].path
        here = tuple({there: each[signed]._replace(path=there)} for each in lists)
        self._compare(here, Survey(self.tree, (), (), (), (), ()), None)
        # What a link leads to may have another name than the one the user knows.
        self._set(
            problems=tuple(dataclasses.replace(p, path=self.name) for p in self.found.problems),
            undecided=tuple(dataclasses.replace(u, path=self.name) for u in self.found.undecided),
        )
