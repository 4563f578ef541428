"""Name constraints on what path validation leaves out: addresses in a subject (RFC 5280, 4.2.1.10).

`cryptography.x509.verification` holds constraints against the subject alternative names. An
e-mail address may stand in the subject itself, and the constraints of addresses are for those
too. Constraints of directory names it cannot judge, so that a chain that has them is refused: by
the validation where they are critical, and by this module where an authority left the flag out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.x509.oid import NameOID

from manifest.display import printable

__all__ = ["name_fault"]


def name_fault(path: Sequence[x509.Certificate]) -> str | None:
    """What in a validated chain breaks a constraint of names, in words; None where nothing does.

    Args:
        path: The signer's certificate first, the trusted one last.
    """
    for position, authority in enumerate(path[1:], start=1):
        try:
            limits = authority.extensions.get_extension_for_class(x509.NameConstraints).value
        except x509.ExtensionNotFound:
            continue
        permitted, excluded = limits.permitted_subtrees or (), limits.excluded_subtrees or ()
        holder = f"the certificate of {printable(authority.subject.rfc4514_string())}"
        if any(isinstance(tree, x509.DirectoryName) for tree in (*permitted, *excluded)):
            return f"{holder} constrains directory names, which is not supported"
        allowed, denied = _addresses(permitted), _addresses(excluded)
        for below in path[:position]:
            for attribute in below.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
                address = str(attribute.value)
                fits = not allowed or any(_within(address, tree) for tree in allowed)
                odd = address.count("@") != 1 and bool(allowed or denied)
                if odd or not fits or any(_within(address, tree) for tree in denied):
                    return f"{holder} does not allow the address {printable(address)} below it"
    return None


def _addresses(trees: Iterable[x509.GeneralName]) -> list[str]:
    return [tree.value for tree in trees if isinstance(tree, x509.RFC822Name)]


def _within(address: str, tree: str) -> bool:
    """Whether a mailbox is the one, at the host, or in the domain that a constraint names."""
    local, _, host = address.rpartition("@")
    host = host.lower().rstrip(".")
    if "@" in tree:
        wanted_local, _, wanted_host = tree.rpartition("@")
        return local == wanted_local and host == wanted_host.lower()
    if tree.startswith("."):
        return host.endswith(tree.lower())
    return not tree or host == tree.lower()
