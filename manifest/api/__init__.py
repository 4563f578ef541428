"""The public face: what the commands do, as functions that return values and print nothing.

Import these names from `manifest`; this package is where they live. Paths may be text or path
objects. Whatever fails raises a `ManifestError`, whose message names place and cause, whose
``remedy`` says what to do, and whose ``exit_code`` is that of the command line. What a
verification or a lint finds is no failure of the function: it is in the report.
"""

from manifest.api.judge import diff_releases, lint_release, trace_lineage
from manifest.api.publish import (
    build_manifest,
    draft_description,
    generate_key_pair,
    load_description,
    load_manifest,
    sign_release,
)
from manifest.api.verify import open_verified, verify_release

__all__ = [
    "build_manifest",
    "diff_releases",
    "draft_description",
    "generate_key_pair",
    "lint_release",
    "load_description",
    "load_manifest",
    "open_verified",
    "sign_release",
    "trace_lineage",
    "verify_release",
]
