"""Sentences that take something away, and sentences that only have their words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.licenses import Clause
from manifest.licenses.terms import restrictions

N, R = Clause.NON_COMMERCIAL, Clause.RESEARCH_ONLY
TAKES = {
    "Non-commercial use only.": N,
    "License: CC BY-NC 4.0": N,
    "For research purposes only.": R,
    "It may be used for research only.": R,
    "Use is limited to academic and educational purposes.": R,
    "Weights are licensed for academic research only.": R,
    "The weights are released for non-commercial use.": N,
    "The weights are available under a non-commercial license.": N,
    "Commercial use is prohibited.": N,
    "Commercial use requires a separate license.": N,
    "You may not use the model for commercial purposes.": N,
    "For commercial licensing, please contact sales@acme.example.": N,
    "Any use, including commercial use, is prohibited.": N,
    "License: CC BY-ND 4.0": Clause.NO_DERIVATIVES,
    "You may not modify the weights.": Clause.NO_DERIVATIVES,
    "Products with more than 100 million monthly active users display our name.": (
        Clause.USER_THRESHOLD
    ),
    "If you have over 700 million users you must request a license.": Clause.USER_THRESHOLD,
    "A license is required above revenues of $1,000,000 a year.": Clause.REVENUE_THRESHOLD,
    "Firms with more than 10 employees pay a fee.": Clause.SIZE_THRESHOLD,
    "Military use is excluded.": Clause.MILITARY,
    "It must not be used for military purposes.": Clause.MILITARY,
    "The license does not apply in the European Union.": Clause.TERRITORY,
    "No rights are not granted to residents of the United Kingdom.": Clause.TERRITORY,
}
GIVES = [
    "It may be used for commercial and non-commercial purposes.",
    "Free for both research and commercial use.",
    "Commercial use is permitted.",
    "The license is not limited to non-commercial use.",
    "There are no restrictions on commercial use.",
    "It does not prohibit commercial use.",
    "The model is no longer restricted to research use.",
    "You can use it for anything, including commercial use.",
    "Is it for non-commercial use only?",
    "We evaluated only research benchmarks.",
    "It is intended for research use.",
    "It is not a commercial product.",
    "We did not train on commercial data.",
    "The dataset has more than 10 million users.",
    "It was evaluated in the European Union.",
    "It has been tested in military contexts.",
    "The names of its contributors may not be used to endorse commercial products.",
    "This work was supported solely by academic research grants.",
]


@pytest.mark.parametrize(("sentence", "clause"), TAKES.items(), ids=list(TAKES))
def test_what_takes_away(sentence: str, clause: Clause) -> None:
    found = list(restrictions(f"Terms\n\nA model.\n{sentence} It knows birds.\n"))
    assert clause in [r.clause for r in found]
    assert {r.line for r in found} == {4}


@pytest.mark.parametrize("sentence", GIVES)
def test_what_does_not(sentence: str) -> None:
    assert list(restrictions(sentence)) == []


def test_a_sentence_over_several_lines() -> None:
    found = list(restrictions("The weights\nare for\nnon-commercial\nuse only.\n"))
    assert [r.clause for r in found] == [N]


@pytest.mark.parametrize("words", range(180, 260))
def test_a_text_without_a_full_stop_hides_nothing(words: int) -> None:
    text = f"{'bird ' * words}only for non-commercial use {'bird ' * 400}"
    assert [r.clause for r in restrictions(text)][:1] == [N]


@given(st.text(alphabet="only comercialresearchuse not-.\n$5%", max_size=300))
def test_never_raises(text: str) -> None:
    for found in restrictions(text):
        assert 1 <= found.line <= text.count("\n") + 1
