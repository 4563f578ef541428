"""Copyright notices of a plain shape: who and when, and no terms.

What stands beside a license text is read by what it may be, not by what it may not: a notice is a
mark, years, names and addresses. Anything else in the line makes it something else.
"""

from __future__ import annotations

import re

__all__ = ["is_holder", "is_name", "is_notice", "names_only"]

_MARK = re.compile(
    r"(?:portions?(?:\s+(?:of\s+this\s+\w+|are))?\s+)?(?:copyrights?\b|\(c\)|©|&copy;)",
    re.IGNORECASE,
)
_BEGINS = re.compile(rf"[^\w(©&]*{_MARK.pattern}", re.IGNORECASE)
_YEARS = re.compile(
    r"\b(?:19|20)[0-9]{2}s?\b|\bpresent\b|\bnow\b|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov"
    r"|dec)[a-z]*\.?(?=[\s,]+(?:19|20)[0-9]{2}\b)|\[?(?<![\w])y{4}\]?|<year>|\{year\}",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"<?\b(?:https?://|www\.)[^\s<>]+>?|<?\(?\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\)?>?|<[\w.+-]+ (?:at|@) [\w-]+ (?:dot|\.) \w+>"
)
_RESERVED = re.compile(r"\ball\s+rights?\s+reserved\b[.,]?", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['\u2019.-][^\W_]+)*")
# Small words of names and of those who stand for names.
_SMALL = frozenset(
    """
    a al an and as at by copyright da de del den der di do dos du e et et-al for from held himself
    holder holders i in inc individual individuals is its la le listed ltd my of on or other others
    our owner owners pty respective see team the their this to van von y zu author authors
    affiliates affiliate collaborators committee community contributing contributor contributors
    corporation developer developers development file files group its maintainer maintainers
    member members people project projects subsidiaries university various foundation company
    acknowledgements credits name names regents each individually commits history git
    """.split()  # noqa: SIM905 - a list of words reads better than eighty quoted ones
)
# A second barrier: no name of a holder, in any case of letters, sets terms.
_TERMS = re.compile(
    r"\b(?:not|no|never|only|must|shall|cannot|except|unless|without|prohibit\w*|forbid\w*"
    r"|restrict\w*|exclu\w+|non-?\s?commercial\w*|commercially|uses?|used|using|user|paid|pay|fees?"
    r"|revenues?|agreement|employees|royalt\w*|permi\w+|purposes?|allow\w*|licensed|licensees?|terms"
    r"|terminat\w*|expir\w*|revo[ck]\w*|required?|requires|apply|applies|warfare|weapons?"
    r"|evaluation|monthly|million|denied|void|subject|obtain\w*|consent)\b",
    re.IGNORECASE,
)
# Grant, May and Will are names of people.
_MODALS = re.compile(r"\b(?:may|MAY|will|WILL|grants?|GRANTS?|granted|GRANTED)\b")
_SENTENCE = re.compile(
    r"(?<![A-Z])(?<!\b(?:Inc|Ltd|Bro|Dep|Uni|Gmb))(?<!\b(?:Co|Dr|St|Jr))(?<!Corp)"
    r"[.!?;]\s+(?=[^\W\d_])"
)
_MAX_NAME = 160
_MAX_STRANGE = 2
"""Lower-case words that are no small word of a name: projects are called numpy or scikit-learn."""


def is_name(text: str) -> bool:
    """Whether a text is the name of a holder, or of several; no sentence."""
    if len(text) > _MAX_NAME or any(p.search(text) for p in (_TERMS, _MODALS, _SENTENCE)):
        return False
    words = _WORD.findall(text)
    strange = [w for w in words if w[0].islower() and w.casefold() not in _SMALL]
    numbers = [w for w in words if w.isdigit()]
    return len(strange) <= _MAX_STRANGE and not numbers


def is_holder(text: str) -> bool:
    """Whether a text is a name, or years and a name, as a license's blanks are filled."""
    return is_name(_plain(text))


def names_only(text: str) -> bool:
    """Whether a line holds names and addresses, as the continuation of a notice does."""
    rest = _plain(text)
    strange = [w for w in _WORD.findall(rest) if w[0].islower() and w.casefold() not in _SMALL]
    return not strange and is_name(rest)


def is_notice(line: str) -> bool:
    """Whether a line is a copyright notice, or says that all rights are reserved."""
    if _BEGINS.match(line) is None:
        return bool(_RESERVED.search(line)) and names_only(line)
    return is_name(_plain(line))


def _plain(line: str) -> str:
    """A line without the marks, years and addresses of a notice."""
    rest = _ADDRESS.sub(" ", line)
    for pattern in (_RESERVED, _MARK, _YEARS):
        rest = pattern.sub(" ", rest)
    return " ".join(rest.split()).strip(" .,;:-")
