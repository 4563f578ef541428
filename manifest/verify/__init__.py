"""Verification: is this the release that was signed? (spec/verification.md)."""
