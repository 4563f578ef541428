"""Sentences that claim openness, and sentences that only have its words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from processor import assert_takes_less

from manifest.lint.claim_words import openness_claims, reproducibility_claims

NAMES = ("acme", "Sparrow")

CLAIMS = [
    "Sparrow is an open-source language model.",
    "Sparrow is open source.",
    "Sparrow-7B is a state-of-the-art open-source LLM.",
    "We present Sparrow, an open-source model for garden birds.",
    "We open-source the weights of Sparrow.",
    "We are open-sourcing our models today.",
    "Today we open source Sparrow.",
    "A fully open source large language model!",
    "The model is truly open-source and free.",
    "OPEN-SOURCE MODEL",
    "# Sparrow: the strongest open-sourced LLM",
    "Our open-source models speak 40 languages.",
    "The weights are open source.",
    "Sparrow is fully open.",
    "Sparrow has been released as open source.",
    "It is a **fully open** language model.",
    "This release is completely open-source.",
    "Sparrow is an [open-source model](https://birds.example) with ears.",
    "Sparrow es un modelo de código abierto.",
    "Sparrow est un modèle de langue open source.",
    "Sparrow ist ein Open-Source-Sprachmodell.",
    "Sparrow 是一个开源的大语言模型。",
    "本模型已开源。",
    "Sparrow はオープンソースの言語モデルです。",
]
HARMLESS = [
    "Sparrow is an open-weight model.",
    "It is not an open-source model.",
    "Sparrow isn't open source.",
    "Sparrow is open-weight rather than an open-source model.",
    "We trained it with an open-source library.",
    "The training used open source software for tokenization.",
    "It is open-source software that runs it.",
    "Evaluated on an open-source dataset.",
    "See our open-source code.",
    "We open-source the training code of the model.",
    "Questions about open source are answered.",
    "Python is open source.",
    "Sparrow outperforms every open-source model of its size.",
    "It is the best among open-source models.",
    "It was distilled from an open-source model.",
    "OLMo is an open-source language model.",
    "We compare it with Pythia, an open-source model suite.",
    "Run it with vLLM, an open-source LLM inference engine.",
    "Sparrow is released under an open-source license.",
    "Is Sparrow an open-source model?",
    "We will open-source the weights in May.",
    "If the model were open source, we would say so.",
    "The code of the model is open source.",
    "The open source model zoo has it too.",
    "![open source model](https://img.shields.io/badge/open-source-model.svg)",
    "`an open-source model`",
    "```\nSparrow is open source.\n```",
    "<!-- Sparrow is open source. -->",
    "See https://birds.example/sparrow-is-an-open-source-model",
    "The open source community welcomed the model.",
    "Sparrow n'est pas un modèle open source.",
    "Sparrow ist kein Open-Source-Sprachmodell.",
    "Sparrow no es un modelo de código abierto.",
    "它优于其他开源模型。",
    "基于开源模型训练。",
    "大多数开源模型都采用了 Llama 的架构。",
    "Sparrow 在所有开源模型的基准测试中排名第一。",
    "Sparrow 是所有开源模型中最好的。",
    "オープンソースのモデルと比べました。",
    "Thanks to the open-source AI community.",
]


@pytest.mark.parametrize("text", CLAIMS)
def test_claims(text: str) -> None:
    found = list(openness_claims(f"First.\n\n{text}\n", NAMES))
    assert [c.line for c in found] == [3]
    assert found[0].words


@pytest.mark.parametrize("text", HARMLESS)
def test_no_claims(text: str) -> None:
    assert list(openness_claims(f"First.\n\n{text}\n", NAMES)) == []


def test_a_sentence_over_two_lines() -> None:
    (claim,) = openness_claims("Sparrow is a small, kind, open-source\nlanguage model.\n", NAMES)
    assert (claim.line, claim.words) == (1, "open-source language model")


def test_two_claims_of_one_text() -> None:
    text = "Sparrow is open source.\n\n- Sparrow is an open-source model.\n"
    assert [c.line for c in openness_claims(text, NAMES)] == [1, 3]


@pytest.mark.parametrize(
    "text",
    [
        "Sparrow is fully reproducible.",
        "The training is bit-for-bit reproducible.",
        "A fully reproducible language model.",
    ],
)
def test_claims_of_reproducibility(text: str) -> None:
    assert len(list(reproducibility_claims(text, NAMES))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "The evaluation is reproducible.",
        "A reproducible build of the tokenizer.",
        "Sparrow is not reproducible.",
        "Fully reproducible results need a seed.",
        "We hope that the training is reproducible.",
    ],
)
def test_no_claims_of_reproducibility(text: str) -> None:
    assert list(reproducibility_claims(text, NAMES)) == []


@pytest.mark.parametrize(
    "text",
    [
        "open source " * 20_000,
        "a-" * 50_000 + "open-source model",
        "open-source " + "word " * 50_000,
        "`" * 100_000,
        "[" * 100_000,
        "<" * 100_000,
        "the best of the open-source " * 5_000,
    ],
    ids=["repeated", "dashes", "words", "ticks", "brackets", "angles", "chains"],
)
def test_hostile_texts_take_no_time(text: str) -> None:
    def read() -> None:
        list(openness_claims(text, NAMES))
        list(reproducibility_claims(text, NAMES))

    assert_takes_less(2, read)


@given(st.text(max_size=200))
def test_never_raises(text: str) -> None:
    list(openness_claims(text, NAMES))
