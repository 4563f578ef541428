"""What a license allows: SPDX expressions, AI licenses, and license texts (spec/evidence.md).

`assess` says of an expression whether it is open for a type of content; `recognise` says which
license a text is. Both say "unknown" of what they do not know, and unknown is never open.
"""

from manifest.licenses.ai import AI_LICENSES, AiLicense
from manifest.licenses.bases import base_license
from manifest.licenses.clauses import Clause
from manifest.licenses.expressions import LicenseAssessment, LicenseStatus, assess, same_license
from manifest.licenses.texts import RecognisedText, recognise

__all__ = [
    "AI_LICENSES",
    "AiLicense",
    "Clause",
    "LicenseAssessment",
    "LicenseStatus",
    "RecognisedText",
    "assess",
    "base_license",
    "recognise",
    "same_license",
]
