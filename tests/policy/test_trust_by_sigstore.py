"""Signers without keys in a policy: an identity with its issuer, and nobody else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("sigstore", reason="needs the extra sigstore")

from manifest.errors import UsageError
from manifest.policy import Decision, decide
from manifest.policy.reading import parse_policy
from manifest.signing import keyless

PUBLISHED = Path(__file__).parents[1] / "data" / "oms-published" / "v1.1.0-sigstore"
WHO = "stefanb@us.ibm.com"
ISSUER = "https://sigstore.verify.ibm.com/oauth2"
POLICY = """\
schema_version: "1.0"
signers:
  stefan:
    sigstore: [{identity: "WHO", issuer: "ISSUER"}]
    roles: [publisher]
    releases: ["**"]
"""


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PUBLISHED, tmp_path / "model"))


def decided(release: Path, *, who: str = WHO, issuer: str = ISSUER, more: str = "") -> Decision:
    text = POLICY.replace("WHO", who).replace("ISSUER", issuer) + more
    return decide(parse_policy(text.encode(), name="p.yaml", directory=release.parent), release)


def test_the_identity_is_who_speaks(release: Path) -> None:
    decision = decided(release)
    assert decision.report.signer is not None
    assert decision.report.signer.identity == WHO
    # Its signature counts; that no manifest says what the release is, the policy does not accept.
    assert "a signed name and version" in decision.report.refusal
    assert not decision.accepted
    assert decision.exit_code == 3


@pytest.mark.parametrize(
    ("who", "issuer"),
    [("else@us.ibm.com", ISSUER), (WHO, "https://accounts.example.org"), (WHO.upper(), ISSUER)],
    ids=["another-name", "another-issuer", "another-case"],
)
def test_nobody_else_is_trusted(release: Path, who: str, issuer: str) -> None:
    decision = decided(release, who=who, issuer=issuer)
    assert decision.exit_code == 3
    assert decision.report.signer is None


def test_roots_that_are_given(release: Path) -> None:
    (release.parent / "root.json").write_bytes(keyless._carried_root(staging=False))
    given = "    trusted_root: root.json\n"
    assert decided(release, more=given).report.signer is not None
    (release.parent / "root.json").write_bytes(keyless._carried_root(staging=True))
    assert decided(release, more=given).report.signer is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("    trusted_root: none.json\n", "does not exist"),
        ("    trusted_root: model\n", "is a directory"),
        ('    keys: ["a\\0b"]\n', "NUL"),
        ('    keys: ["sha256:abc"]\n', "64 lower-case"),
        ('    valid_from: "2026-13-01"\n', "is not a time"),
        ('    valid_from: "2026-02-01"\n    valid_until: "2026-01-01"\n', "is not after"),
        ('lowest_versions: [{release: "a[", version: "1"}]\n', "a["),
    ],
)
def test_a_policy_that_cannot_be_read_names_the_place(release: Path, more: str, words: str) -> None:
    with pytest.raises(UsageError, match=r"p\.yaml:[0-9]+|does not|is a dir") as caught:
        decided(release, more=more)
    assert words in caught.value.message
