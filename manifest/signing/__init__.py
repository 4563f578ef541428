"""Signatures over bytes: keys, DSSE envelopes, Sigstore bundles, OMS statements, certificates.

The package knows bytes and names, not releases. Nothing outside it imports `cryptography`.
"""
