"""Signed manifests of AI model releases: are these the published bytes, and how open are they?

    import manifest

    report = manifest.verify_release("model/", keys=["publisher.pub"])
    if not report.ok:
        raise SystemExit(report.exit_code)

    verdict = manifest.lint_release("model/").verdict

Every name below is loaded when it is first used, so that ``import manifest`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from manifest._version import __version__

if TYPE_CHECKING:
    from manifest.api import (
        build_manifest,
        diff_releases,
        draft_description,
        generate_key_pair,
        lint_release,
        load_description,
        load_manifest,
        open_verified,
        sign_release,
        trace_lineage,
        verify_release,
    )
    from manifest.build import BuildResult
    from manifest.compare import DiffReport
    from manifest.data import ProofReport, check_data_proof, commit_data, prove_record
    from manifest.document.description import Description
    from manifest.document.manifest_file import Manifest
    from manifest.draft import Draft
    from manifest.errors import ExitCode, ManifestError
    from manifest.findings import Finding, Severity
    from manifest.lineage import Lineage
    from manifest.lint import LintReport, Verdict
    from manifest.sign import SignResult
    from manifest.verify.reader import VerifiedReader
    from manifest.verify.report import VerifyReport

__all__ = [
    "BuildResult",
    "Description",
    "DiffReport",
    "Draft",
    "ExitCode",
    "Finding",
    "Lineage",
    "LintReport",
    "Manifest",
    "ManifestError",
    "ProofReport",
    "Severity",
    "SignResult",
    "Verdict",
    "VerifiedReader",
    "VerifyReport",
    "__version__",
    "build_manifest",
    "check_data_proof",
    "commit_data",
    "diff_releases",
    "draft_description",
    "generate_key_pair",
    "lint_release",
    "load_description",
    "load_manifest",
    "open_verified",
    "prove_record",
    "sign_release",
    "trace_lineage",
    "verify_release",
]

_HOMES = {
    "BuildResult": "manifest.build",
    "Description": "manifest.document.description",
    "DiffReport": "manifest.compare",
    "Draft": "manifest.draft",
    "ExitCode": "manifest.errors",
    "Finding": "manifest.findings",
    "Lineage": "manifest.lineage",
    "LintReport": "manifest.lint",
    "Manifest": "manifest.document.manifest_file",
    "ManifestError": "manifest.errors",
    "ProofReport": "manifest.data",
    "Severity": "manifest.findings",
    "SignResult": "manifest.sign",
    "Verdict": "manifest.lint",
    "VerifiedReader": "manifest.verify.reader",
    "VerifyReport": "manifest.verify.report",
    "check_data_proof": "manifest.data",
    "commit_data": "manifest.data",
    "prove_record": "manifest.data",
}


if not TYPE_CHECKING:  # a type checker that saw this would take any name for a public one

    def __getattr__(name: str) -> object:
        """Find a public name where it lives (PEP 562); the functions live in `manifest.api`."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value: object = getattr(import_module(_HOMES.get(name, "manifest.api")), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
