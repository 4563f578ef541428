"""A first ``policy.yaml``, with the words by which a person goes on from there."""

from __future__ import annotations

import json

from manifest.signing.keys import PublicKey, public_pem

__all__ = ["draft_policy"]

_HEAD = """\
# yaml-language-server: $schema=https://model-release-manifest.github.io/schemas/policy-1.schema.json
# Whose word counts for which release, and what a release must have (spec/policy.md).
# `manifest policy check policy.yaml DIR` explains what follows from it.
schema_version: "1.0"

# When this policy holds: days in UTC, the last one included.
# valid_from: 2026-01-01
# valid_until: 2026-12-31
"""

_SIGNER = """\
  {name}:
    # PEM files beside this one, PEM text, or sha256: and a fingerprint (then --key brings the key).
    # Compare the fingerprint with what its owner publishes before this file is relied on:
    # sha256:{fingerprint}
    keys:
      - |
{pem}
    roles: [publisher]        # and auditor, reproducer
    releases: [{releases}]    # `*` is a part of a name; `/` and other scripts stand for themselves
    # valid_until: 2026-12-31
"""

_OTHERS = """\
  # Certificates of an authority, for the names that stand here alone:
  # release-team:
  #   authorities: [ca.pem]
  #   identities: ["email:release@example.org"]
  #   revocation_lists: [ca.crl]
  #   roles: [publisher]
  #   releases: ["example/*"]
  # Keyless signatures (Sigstore), each identity with who vouches for it:
  # workflow:
  #   sigstore:
  #     - identity: https://github.com/example/model/.github/workflows/release.yml@refs/heads/main
  #       issuer: https://token.actions.githubusercontent.com
  #   roles: [publisher]
  #   releases: ["example/*"]
"""

_TAIL = """\

# How many different signers each role needs.
thresholds:
  publisher: 1
  # auditor: 1

require:
  sha256: true
  strict: false               # true refuses what no signature covers, as .git
  # verdict: open-weight
  # licenses: [Apache-2.0, MIT]
  # components: [model-parameters-final, tokenizer]

forbidden_formats: [runs-code]

# What others must have said of a release, signed, in signatures/:
# attestations:
#   - {type: replay, signers: 2}                            # by reproducers
#   - {type: verification-summary, max_age_days: 90}        # by an auditor
#   - {type: provenance, builders: ["https://builder.example/v1"]}

# revoked:
#   keys: ["sha256:..."]
#   digests: ["sha256:..."]
# lowest_versions:
#   - {release: "example/*", version: "1.0"}

# Whether the first key seen for a release that nobody above publishes is pinned.
tofu: false
"""


def draft_policy(keys: dict[str, PublicKey], *, release: str = "") -> bytes:
    """A policy that trusts these keys, and comments for the rest.

    Args:
        keys: Signers by the names that the policy is to give them.
        release: The release they publish; a name to be replaced when empty.
    """
    signers = "".join(
        _SIGNER.format(
            name=name,
            fingerprint=key.fingerprint,
            pem="\n".join(f"        {line}" for line in public_pem(key).decode().splitlines()),
            releases=json.dumps(release or "example/*", ensure_ascii=False),
        )
        for name, key in keys.items()
    )
    return f"{_HEAD}\nsigners:\n{signers}{_OTHERS}{_TAIL}".encode()
