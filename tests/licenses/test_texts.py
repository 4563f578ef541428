"""A license text is recognised by its words; a name, or words added, are not that license."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lint_releases import license_text

from manifest.licenses import recognise

NAMES = ("MIT", "Apache-2.0", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0")


@pytest.mark.parametrize("name", NAMES)
def test_whole_texts(name: str) -> None:
    found = recognise(license_text(name).encode())
    assert (found.ids, found.changed) == ((name,), False)
    assert found.expression == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: t.replace("\n", "\r\n"), id="line ends"),
        pytest.param(lambda t: "\ufeff" + t, id="byte order mark"),
        pytest.param(lambda t: t.replace("\n\n", "\n\n    "), id="indented"),
        pytest.param(lambda t: f"Copyright (c) 2026 Ada <ada@x.example>\n\n{t}", id="copyright"),
        pytest.param(lambda t: t.replace('"', "”"), id="quotation marks"),
    ],
)
def test_form_does_not_matter(name: str, change: object) -> None:
    assert callable(change)
    assert recognise(change(license_text(name)).encode()).expression == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MIT",
        "Apache-2.0\n",
        "This model is licensed under the Apache License, Version 2.0.",
        "License: apache-2.0. See https://www.apache.org/licenses/LICENSE-2.0",
        "SPDX-License-Identifier: MIT",
        license_text("MIT")[:300],
        "\0" * 1000,
    ],
    ids=["empty", "name", "id", "sentence", "link", "tag", "cut off", "zeros"],
)
def test_a_name_is_no_text(text: str) -> None:
    assert recognise(text.encode()).ids == ()


ADDITIONS = {
    "commons clause": "The grant of rights does not include the right to sell the software.",
    "field of use": "It may be used for research only.",
    "users": "Products with more than 100 million monthly active users display our name.",
    "military": "Military use is excluded.",
    "policy": "Use is subject to the acceptable use policy.",
    "termination": "We can terminate it.",
}


ADDITIONS |= {
    "revenue": "Grants apply to entities whose revenue is below one million dollars a year.",
    "ended at will": "This licence ends when the licensor says so.",
    "fee": "Free for personal use. Firms above 10 employees pay a fee of 5%.",
    "another script": "Коммерческое использование запрещено.",
    "digits for letters": "N0t for c0mmercial use.",
    "look-alike letters": "N\u043et f\u043er c\u043emmercial use.",
}


@pytest.mark.parametrize("name", ["MIT", "Apache-2.0", "CC-BY-4.0", "CC0-1.0"])
@pytest.mark.parametrize("sentence", ADDITIONS.values(), ids=ADDITIONS)
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_sentence_added_is_noticed(name: str, sentence: str, place: str) -> None:
    text = license_text(name)
    changed = f"{sentence}\n\n{text}" if place == "before" else f"{text}\n\n{sentence}\n"
    found = recognise(changed.encode())
    assert found.expression != name
    assert found.changed or not found.ids


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("MIT", "without restriction", "for non-commercial purposes only"),
        ("MIT", "to any person", "to any researcher"),
        ("Apache-2.0", "to reproduce, prepare Derivative", "for research only, to reproduce"),
        ("BSD-3-Clause", "are permitted provided", "for academic use are permitted provided"),
    ],
)
def test_words_changed_within_are_noticed(name: str, old: str, new: str) -> None:
    text = " ".join(license_text(name).split())
    assert old in text
    assert recognise(text.replace(old, new).encode()).expression != name


def test_creative_commons_preamble_hides_nothing() -> None:
    text = license_text("CC-BY-4.0")
    hidden = text.replace(
        "Considerations for licensors:", "It may not be sold.\nConsiderations for licensors:"
    )
    assert hidden != text
    assert recognise(hidden.encode()).changed


def test_two_licenses_in_one_file() -> None:
    both = license_text("MIT") + "\n\n" + license_text("Apache-2.0")
    assert recognise(both.encode()).ids == ("MIT", "Apache-2.0")
    assert recognise(both.encode()).expression == "MIT AND Apache-2.0"


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("LLAMA 3.1 COMMUNITY LICENSE AGREEMENT\nLlama 3.1 Version Release Date …", "llama3.1"),
        ("META LLAMA 3 COMMUNITY LICENSE AGREEMENT\n…", "llama3"),
        ("Gemma Terms of Use\n… the Gemma Prohibited Use Policy …", "gemma"),
        ("BigScience RAIL License v1.0\n…", "bigscience-bloom-rail-1.0"),
        ("Our Own License\nUse-based restrictions … use restrictions … Attachment A", "openrail"),
        ("Mistral AI Research License\n…", "mrl"),
        (
            "Modified MIT License\n" + license_text("MIT") + "\n100 million monthly active users",
            "modified-mit",
        ),
    ],
    ids=lambda v: v if len(v) < 30 else "text",
)
def test_ai_licenses_by_title_and_phrases(text: str, id_: str) -> None:
    assert recognise(text.encode()).ids == (id_,)


# A few sentences of each text, as its publisher or the scancode-toolkit has it.
EXCERPTS = {
    # meta-llama/llama-models, models/llama3_2/LICENSE
    "llama3.2": "LLAMA 3.2 COMMUNITY LICENSE AGREEMENT\nLlama 3.2 Version Release Date: September 25, "
    "2024\n“Agreement” means the terms and conditions for use, reproduction, distribution and "
    "modification of the Llama Materials set forth herein.",
    # meta-llama/llama-models, models/llama3_3/LICENSE
    "llama3.3": "**LLAMA 3.3 COMMUNITY LICENSE AGREEMENT**\n\n Llama 3.3 Version Release Date: "
    "December 6, 2024",
    # meta-llama/llama-models, models/llama4/LICENSE
    "llama4": "LLAMA 4 COMMUNITY LICENSE AGREEMENT\n\nLlama 4 Version Effective Date: April 5, 2025",
    # scancode-toolkit, llama-2-license-2023
    "llama2": "LLAMA 2 COMMUNITY LICENSE AGREEMENT\nLlama 2 Version Release Date: July 18, 2023",
    # scancode-toolkit, gemma-tou-2024-04-01
    "gemma": "Gemma Terms of Use\nLast modified: April 1, 2024\nYou must not use any of the Gemma "
    "Services: for the restricted uses set forth in the Gemma Prohibited Use Policy",
    # scancode-toolkit, nvidia-open-model-2025-04-28
    "nvidia-open-model-license": "NVIDIA Open Model License Agreement\nLast Modified: April 28, 2025\n"
    "Models are commercially usable.",
    # scancode-toolkit, deepseek-la-1.0
    "deepseek": "DEEPSEEK LICENSE AGREEMENT\nVersion 1.0, 23 October 2023\nUse-based restrictions. "
    "The restrictions set forth in Attachment A … Attachment A Use Restrictions … For military use "
    "in any way;",
    # scancode-toolkit, tongyi-qianwen-2023
    "tongyi-qianwen": "Tongyi Qianwen LICENSE AGREEMENT\nTongyi Qianwen Release Date: August 3, 2023\n"
    "your product or service has more than 100 million monthly active users",
    # Tencent-Hunyuan/HunyuanDiT, LICENSE.txt
    "tencent-hunyuan-community": "TENCENT HUNYUAN COMMUNITY LICENSE AGREEMENT\nTencent Hunyuan DiT "
    "Release Date: 14 May 2024\n“Territory” shall mean the worldwide territory, excluding the "
    "territory of the European Union.",
    # mistral.ai/licenses/MRL-0.1.md
    "mrl": "# Mistral AI Research License\n**3.2. Usage Limitation.** You shall only use the Mistral "
    "Models, Derivatives (whether or not created by Mistral AI) and Outputs for Research Purposes.",
    # mistral.ai/licenses/MNPL-0.1.md
    "mnpl": "# Mistral AI Non-Production License\nYou shall not supply the Mistral Models or "
    "Derivatives in the course of a commercial activity",
    # Stability-AI/stablediffusion, LICENSE-MODEL
    "openrail++": "CreativeML Open RAIL++-M License\ndated November 24, 2022\nUse-based restrictions … "
    "Attachment A Use Restrictions",
    # The license of Stable Diffusion 1
    "creativeml-openrail-m": "CreativeML Open RAIL-M\ndated August 22, 2022\nUse-based restrictions … "
    "Attachment A Use Restrictions",
    # scancode-toolkit, bigcode-open-rail-m-v1
    "bigcode-openrail-m": "BigCode Open RAIL-M v1 License Agreement\nAttachment A - USE RESTRICTIONS",
    # MoonshotAI/Kimi-K2, LICENSE, its last paragraph
    "modified-mit": "Modified MIT License\nOur only modification part is that, if the Software (or any "
    "derivative works thereof) is used for any of your commercial products or services that have more "
    "than 100 million monthly active users",
    # Falcon 180B
    "falcon-tii-license": "FALCON 180B TII LICENSE VERSION 1.0\nSeptember 2023\nUse of Falcon180B for "
    "hosted services may require a separate license.",
    # 01-ai/Yi, MODEL_LICENSE_AGREEMENT.txt
    "yi-license": "Yi Series Models License Agreement\nVersion: 1.0\nDate of Release: November 1, 2023",
    # deep-floyd/IF, LICENSE-MODEL
    "deepfloyd-if-license": "DEEPFLOYD IF LICENSE AGREEMENT\nThis License Agreement (as may be amended "
    "in accordance with this License Agreement, “License”)",
    # apple/ml-mobileclip, LICENSE_MODELS
    "apple-amlr": "Disclaimer: IMPORTANT: This Apple Machine Learning Research Model is specifically "
    "developed and released by Apple Inc. … of the Apple Machine Learning Research Model exclusively "
    "for Research Purposes.",
}


@pytest.mark.parametrize("id_", EXCERPTS)
def test_ai_licenses_by_an_excerpt(id_: str) -> None:
    found = recognise(EXCERPTS[id_].encode())
    assert found.ids == (id_,)
    assert found.basis == "phrases"


@given(st.binary(max_size=400))
def test_never_raises(data: bytes) -> None:
    assert recognise(data).ids == ()


@pytest.mark.parametrize(
    "line",
    [
        "(c) You must not use the Work commercially.",
        "Copyright grants above apply only to non-commercial research use.",
        "All rights reserved. Military use is prohibited.",
    ],
    ids=["mark", "word", "reserved"],
)
def test_terms_that_begin_as_a_copyright_notice_change_the_license(line: str) -> None:
    license_ = license_text("Apache-2.0").encode()
    assert recognise(license_ + f"\n\n{line}\n".encode()).changed


@pytest.mark.parametrize(
    "holder", ["IBM Research", "Acme Limited", "The Users Group", "A Commercial Bank"]
)
def test_a_holder_may_be_called_what_a_limit_is_called(holder: str) -> None:
    license_ = license_text("Apache-2.0").encode()
    assert not recognise(
        f"Copyright (c) 2026 {holder}. All rights reserved.\n\n".encode() + license_
    ).changed
