"""Whose word counts for which release: a trust policy, and the decision by it (spec/policy.md)."""

from manifest.policy.decision import Decision, Demand
from manifest.policy.document import Policy, Role, Signer
from manifest.policy.reading import load_policy
from manifest.policy.run import decide

__all__ = ["Decision", "Demand", "Policy", "Role", "Signer", "decide", "load_policy"]
