"""Building: a description and a directory become a manifest (spec/manifest.md)."""

from manifest.build.assembly import assemble
from manifest.build.check import CheckResult, check, differing_claims
from manifest.build.run import BuildResult, Expect, build, find_manifest, write_manifest

__all__ = [
    "BuildResult",
    "CheckResult",
    "Expect",
    "assemble",
    "build",
    "check",
    "differing_claims",
    "find_manifest",
    "write_manifest",
]
