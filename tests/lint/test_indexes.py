"""Indexes of checkpoints: the mistakes of real ones, many others planted, and no right row blamed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from processor import assert_takes_less

from manifest.lint.indexes import IndexProblem, ProblemKind, problems_of

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "checkpoints"
SHARED = ROOT.parent / "shared" / "data" / "checkpoints"

Kind = ProblemKind
ADVICE = {Kind.GAP, Kind.MAYBE_END, Kind.LINK}


def found(text: str | bytes, name: str = "index.csv", **finals: int) -> tuple[IndexProblem, ...]:
    data = text.encode() if isinstance(text, str) else text
    return problems_of(data, name, finals)


def lines(problems: tuple[IndexProblem, ...]) -> list[tuple[ProblemKind, int | None]]:
    return [(p.kind, p.line) for p in problems]


# What is wrong in the official indexes, found by reading them and by a script that shares nothing
# with the linter:
REAL = {
    # Nothing: early checkpoints at odd steps are as they were taken. (A part ends where it ends.)
    "OLMo-2-1124-7B-head.csv": [(Kind.MAYBE_END, None)],
    "OLMo-2-1124-7B-stage2.csv": [],
    # Step 239000 stands on two lines.
    "OLMo-2-1124-13B-part.csv": [(Kind.DUPLICATE, 22), (Kind.MAYBE_END, None)],
    # Ingredient 3 ends with a row of step 11931 whose link is that of step 11000, the line before.
    "OLMo-2-1124-13B-stage2.csv": [(Kind.STEP, 37)],
    # Stage 2 begins, at its step 1000, with the very tokens that stage 1 ended with, and stage 3
    # with those of stage 2: 1,000 steps are missing from every row of both. (The index of the
    # later OLMo Hybrid 7B counts them.)
    "OLMo-3-1025-7B-tail.csv": [(Kind.TOKENS, 22), (Kind.TOKENS, 70)],
}


@pytest.mark.parametrize("name", REAL)
def test_real_indexes(name: str) -> None:
    assert lines(found((DATA / name).read_bytes(), name)) == REAL[name]


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared with the whole indexes is absent")
def test_whole_real_indexes() -> None:
    assert {
        path.name: lines(found(path.read_bytes(), path.name)) for path in SHARED.glob("*.csv")
    } == {
        # Training ended at step 928646 (the branch stage1-step928646-tokens3896B): the index does
        # not know, so that it can only be presumed.
        "OLMo-2-1124-7B.csv": [(Kind.MAYBE_END, None)],
        "OLMo-2-1124-7B-stage2.csv": [],
        "OLMo-3-1025-7B.csv": [(Kind.TOKENS, 1417), (Kind.TOKENS, 1465)],
    }
    data = (SHARED / "OLMo-2-1124-7B.csv").read_bytes()
    assert lines(problems_of(data, "x.csv", {"": 928_646})) == [(Kind.END, None)]
    assert problems_of(data, "x.csv", {"": 928_000}) == ()


BATCH = 4_194_304
HEAD = "Stage,Step,Tokens,URL"


def row(step: int, stage: int = 1, tokens: int | str | None = None, url: str = "") -> str:
    tokens = step * BATCH if tokens is None else tokens
    return f"{stage},{step},{tokens},{url or f'https://x.org/m/stage{stage}/step{step}-unsharded/'}"


STEPS = [*range(0, 21_000, 1000), 20_345]
TEXT = "\n".join([HEAD, *(row(s) for s in STEPS)]) + "\n"


def edit(line: int, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        parts = text.split("\n")
        parts[line - 1] = new
        return "\n".join(parts)

    return change


def test_the_index_that_is_damaged_below_is_sound() -> None:
    assert found(TEXT) == ()


# Line 2 is step 0, so that line n is step (n - 2) * 1000.
DAMAGED: dict[str, tuple[Callable[[str], str], list[tuple[ProblemKind, int]]]] = {
    "link-of-another-step": (
        edit(9, row(7000, url="https://x.org/m/stage1/step6000-unsharded/")),
        [(Kind.STEP, 9)],
    ),
    "link-of-a-step-that-is-not-listed": (
        edit(9, row(7000, url="https://x.org/m/stage1/step7001-unsharded/")),
        [(Kind.STEP, 9)],
    ),
    "step-mistyped": (
        edit(9, row(70_000, tokens=7000 * BATCH, url="https://x.org/m/stage1/step7000-unsharded/")),
        [(Kind.STEP, 9)],
    ),
    "percent-encoded-link-of-another-step": (
        edit(9, row(7000, url="https://x.org/m/stage1/%73tep6999-unsharded/")),
        [(Kind.STEP, 9)],
    ),
    "row-twice": (lambda t: t.replace(row(7000), f"{row(7000)}\n{row(7000)}"), [(Kind.DUPLICATE, 10)]),
    "row-again-at-the-end": (lambda t: t + row(7000) + "\n", [(Kind.DUPLICATE, 24)]),
    "place-twice-by-other-spelling": (
        lambda t: t + row(7000, url="HTTPS://X.org/m/stage1/%73tep7000-unsharded") + "\n",
        [(Kind.DUPLICATE, 24)],
    ),
    "step-twice-in-two-places": (
        lambda t: t + row(7000, url="https://x.org/other/stage1/step7000/") + "\n",
        [(Kind.LINK, 24), (Kind.DUPLICATE, 24)],
    ),
    "rows-swapped": (
        lambda t: edit(9, row(8000))(edit(10, row(7000))(t)),
        [(Kind.ORDER, 9)],
    ),
    "row-out-of-place": (
        lambda t: t.replace(row(3000) + "\n", "").replace(row(9000), f"{row(9000)}\n{row(3000)}"),
        [(Kind.ORDER, 11)],
    ),
    "tokens-off-by-one": (edit(9, row(7000, tokens=7000 * BATCH + 1)), [(Kind.TOKENS, 9)]),
    "tokens-of-the-row-before": (edit(9, row(7000, tokens=6000 * BATCH)), [(Kind.TOKENS, 9)]),
    "tokens-without-a-digit": (
        edit(9, row(7000, tokens=7000 * BATCH // 10)),
        [(Kind.TOKENS, 9)],
    ),
    "tokens-in-another-unit": (edit(9, row(7000, tokens="29")), [(Kind.TOKENS, 9)]),
    "tokens-of-step-0": (edit(2, row(0, tokens=5)), [(Kind.TOKENS, 2)]),
    "tokens-at-the-last-row": (edit(23, row(20_345, tokens=1)), [(Kind.TOKENS, 23)]),
    "two-rows-of-tokens-swapped": (
        lambda t: edit(9, row(7000, tokens=8000 * BATCH))(edit(10, row(8000, tokens=7000 * BATCH))(t)),
        [(Kind.TOKENS, 9), (Kind.TOKENS, 10)],
    ),
    "stage-of-another-link": (
        edit(9, row(7000, url="https://x.org/m/stage2/step7000-unsharded/")),
        [(Kind.STAGE, 9), (Kind.LINK, 9)],
    ),
    "step-no-number": (edit(9, "1,seven,5,https://x.org/m/stage1/step7000-unsharded/"), [(Kind.UNREADABLE, 9), (Kind.TOKENS, 9)]),
    "step-negative": (
        edit(9, f"1,-7000,{7000 * BATCH},https://x.org/m/stage1/step7000-unsharded/"),
        [(Kind.UNREADABLE, 9)],
    ),
    "step-not-whole": (
        edit(9, f"1,7000.5,{7000 * BATCH},https://x.org/m/stage1/step7000-unsharded/"),
        [(Kind.UNREADABLE, 9)],
    ),
    "tokens-no-number": (
        edit(9, "1,7000,n/a?,https://x.org/m/stage1/step7000-unsharded/"),
        [(Kind.UNREADABLE, 9)],
    ),
    "separators-that-break-cells": (
        edit(9, "1,7000,29,360,128,000,https://x.org/m/stage1/step7000-unsharded/"),
        [(Kind.UNREADABLE, 9)],
    ),
    "cell-missing": (edit(9, "1,7000,29360128000"), [(Kind.UNREADABLE, 9)]),
    "link-missing": (edit(9, "1,7000,29360128000,"), [(Kind.UNREADABLE, 9)]),
    "step-missing": (
        edit(9, "1,,29360128000,https://x.org/m/stage1/step7000-unsharded/"),
        [(Kind.UNREADABLE, 9)],
    ),
    "row-missing": (lambda t: t.replace(row(7000) + "\n", ""), [(Kind.GAP, 9)]),
    "other-host": (
        edit(9, row(7000, url="https://y.org/m/stage1/step7000-unsharded/")),
        [(Kind.LINK, 9)],
    ),
    "other-scheme": (
        edit(9, row(7000, url="s3://x.org/m/stage1/step7000-unsharded/")),
        [(Kind.LINK, 9)],
    ),
    "other-model": (
        edit(9, row(7000, url="https://x.org/n/stage1/step7000-unsharded/")),
        [(Kind.LINK, 9)],
    ),
    "columns-swapped": (
        lambda t: t.replace("Step,Tokens", "Tokens,Step"),
        [(Kind.UNREADABLE, 1)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_found_and_nothing_else_blamed(name: str) -> None:
    change, wanted = DAMAGED[name]
    damaged = change(TEXT)
    assert damaged != TEXT
    problems = found(damaged)
    assert sorted(lines(problems), key=str) == sorted(wanted, key=str), problems
    assert all(p.message and "\n" not in p.message for p in problems)


SOUND: dict[str, Callable[[str], str]] = {
    "crlf": lambda t: t.replace("\n", "\r\n"),
    "byte-order-mark": lambda t: "\ufeff" + t,
    "trailing-blank-rows": lambda t: t + "\n,,,\n  \n",
    "no-line-feed-at-the-end": lambda t: t.rstrip("\n"),
    "quoted-cells": lambda t: "\n".join(
        ",".join(f'"{c}"' for c in line.split(",")) for line in t.strip().split("\n")
    ),
    "semicolons": lambda t: t.replace(",", ";"),
    "tabs": lambda t: t.replace(",", "\t"),
    "other-names": lambda t: t.replace(HEAD, "phase,Global Step,tokens_seen,Checkpoint Directory"),
    "no-heading": lambda t: t.replace(HEAD + "\n", ""),
    "upside-down": lambda t: "\n".join([HEAD, *reversed(t.strip().split("\n")[1:])]),
    "floats-of-a-spreadsheet": lambda t: t.replace("1,7000,", "1,7000.0,"),
    "scientific": lambda t: t.replace("1,7000,", "1,7E+03,"),
    "thousands-separators": lambda t: t.replace("1,7000,29360128000,", '1,"7,000","29,360,128,000",'),
    "step-in-words": lambda t: t.replace("1,7000,", "1,step7000,"),
    "final-row-main": lambda t: t + "1,,,main\n",
    "steps-from-links-alone": lambda t: "\n".join(
        ["URL", *(line.rpartition(",")[2] for line in t.strip().split("\n")[1:])]
    ),
    "links-alone": lambda t: "\n".join(line.rpartition(",")[2] for line in t.strip().split("\n")[1:]),
    "no-slash-at-the-end": lambda t: t.replace("unsharded/", "unsharded"),
    "restart-at-another-cadence": lambda t: t
    + "".join(row(s) + "\n" for s in (*range(25_000, 61_000, 5000), 60_111)),
    "second-stage": lambda t: t
    + "".join(row(s, 2, (s + 20_345) * BATCH) + "\n" for s in (*range(1000, 9000, 1000), 8123)),
    "second-stage-counting-anew": lambda t: t
    + "".join(row(s, 2) + "\n" for s in (*range(0, 9000, 1000), 8123)),
    "batch-doubled-halfway": lambda t: "\n".join(
        [HEAD, *(row(s, tokens=s * BATCH + max(s - 8000, 0) * BATCH) for s in STEPS)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_other_ways_to_write_it_are_right(name: str) -> None:
    changed = SOUND[name](TEXT)
    assert changed != TEXT
    assert found(changed) == ()


def branches(batch: int = BATCH) -> list[str]:
    def tokens(step: int) -> int:
        return math.ceil(step * batch / 1e9)

    names = [f"stage1-step{s}-tokens{tokens(s)}B" for s in (*range(0, 61_000, 1000), 60_646)]
    for ingredient in (1, 2, 3):
        names += [
            f"stage2-ingredient{ingredient}-step{s}-tokens{tokens(s)}B"
            for s in (*range(1000, 12_000, 1000), 11_931)
        ]
    return names


def test_names_of_branches() -> None:
    names = branches()
    assert found("\n".join(["main", *names]), "branches.txt") == ()
    # As a hub lists them, by name; a list of names has no order to break.
    assert found("\n".join(sorted(names)), "branches.txt") == ()
    listed = "\n".join(f"- `{n}`" for n in names)
    assert found(f"# Branches\n\n{listed}\n", "BRANCHES.md") == ()
    assert found("\n".join(f"{k:040x}\trefs/heads/{n}" for k, n in enumerate(names))) == ()


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("stage1-step30000-tokens126B", "stage1-step30000-tokens125B", Kind.TOKENS),
        ("stage1-step30000-tokens126B", "stage1-step30000-tokens127B", Kind.TOKENS),
        ("stage1-step30000-tokens126B", "stage1-step30000-tokens126M", Kind.TOKENS),
        ("stage2-ingredient2-step5000-tokens21B", "stage2-ingredient2-step5000-tokens26B", Kind.TOKENS),
        ("stage1-step30000-tokens126B", "stage1-step29000-tokens122B", Kind.DUPLICATE),
    ],
    ids=["too-few", "too-many", "unit", "stage-2", "twice"],
)  # fmt: skip
def test_mistakes_in_names_of_branches(old: str, new: str, kind: ProblemKind) -> None:
    names = [new if n == old else n for n in branches()]
    position = names.index(new, names.index(new) + 1 if names.count(new) > 1 else 0)
    problems = [p for p in found("\n".join(names), "branches.txt") if p.kind is not Kind.GAP]
    assert lines(tuple(problems)) == [(kind, position + 1)]


def test_rounding_to_the_nearest_is_a_habit_like_another() -> None:
    names = [f"step{s}-tokens{round(s * BATCH / 1e9)}B" for s in range(0, 60_000, 500)]
    assert found("\n".join(names), "b.txt", final=0) == found("\n".join(names), "b.txt")
    assert {p.kind for p in found("\n".join(names), "b.txt")} <= {Kind.MAYBE_END}


def test_counters_that_are_not_steps() -> None:
    names = [f"ckpt_{n:03}" for n in range(359)]
    assert {p.kind for p in found("\n".join(names), "b.txt")} <= {Kind.MAYBE_END}
    counted = "\n".join(["Step,Branch", *(f"{n * 6800},ckpt_{n:03}" for n in range(20))])
    assert {p.kind for p in found(counted)} <= {Kind.MAYBE_END}
    trainer = [
        "Step,Path",
        *(f"{n * 500},out/checkpoint-{n * 500}" for n in range(1, 12)),
        "6000,out/checkpoint-6001",
    ]
    assert [p for p in lines(found("\n".join(trainer))) if p[0] not in ADVICE] == [(Kind.STEP, 13)]


def test_markdown_tables_and_links() -> None:
    text = """# Model

| seed | Checkpoint | Config |
|---|:---:|---|
| 42 | [stage2-ingredient1-step11931](https://h.co/m/tree/stage2-ingredient1-step11931) | [a](a.yaml) |
| 43 | [stage2-ingredient2-step11931](https://h.co/m/tree/stage2-ingredient2-step35773) | [b](b.yaml) |
| 44 | [stage2-ingredient3-step11931](https://h.co/m/tree/stage2-ingredient2-step11931) | [c](c.yaml) |
"""
    assert lines(found(text, "README.md")) == [(Kind.STEP, 6), (Kind.STAGE, 7)]


def test_json() -> None:
    refs = '{\n "tags": [],\n "branches": [\n' + ",\n".join(
        f'  {{"name": "{n}", "targetCommit": "{k:040x}"}}' for k, n in enumerate(branches())
    ) + "\n ]\n}\n"  # fmt: skip
    assert found(refs, "refs.json") == ()
    damaged = refs.replace("stage1-step3000-", "stage1-step2000-")
    # Step 2000 is there twice, once with the tokens of step 3000.
    assert {p.line for p in found(damaged, "refs.json") if p.kind not in ADVICE} == {7}
    objects = ",\n".join(
        f'{{"step": {s}, "url": "https://x.org/step{9 if s == 400 else s}"}}'
        for s in range(0, 600, 100)
    )
    assert lines(found(f"[{objects}]", "index.json")) == [(Kind.STEP, 5)]
    assert lines(found(objects.replace(",\n", "\n"), "index.jsonl")) == [(Kind.STEP, 5)]
    names = ",\n".join(f'"step{s}"' for s in (0, 100, 200, 200, 300))
    assert lines(found(f"[\n{names}\n]", "index.json")) == [(Kind.DUPLICATE, 5)]


def test_stages_that_have_names() -> None:
    rows = [
        f"{s},{n},https://x.org/{s}/step{n}" for s in ("pre", "mid") for n in range(0, 500, 100)
    ]
    assert found("\n".join(["Stage,Step,URL", *rows])) == ()
    rows[6] = rows[6].replace("/mid/", "/pre/")
    assert (Kind.STAGE, 8) in lines(found("\n".join(["Stage,Step,URL", *rows])))


def test_final_steps() -> None:
    assert lines(problems_of(TEXT.encode(), "i.csv", {"": 20_345})) == []
    assert lines(problems_of(TEXT.encode(), "i.csv", {"": 21_000})) == [(Kind.END, None)]
    assert lines(problems_of(TEXT.encode(), "i.csv", {"stage1": 21_000})) == [(Kind.END, None)]
    assert lines(problems_of(TEXT.encode(), "i.csv", {"stage2": 21_000})) == []


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "empty.csv"),
        (b"\xff\xfe\x00", "utf16.csv"),
        (b"a,b\n\0,1\n", "nul.csv"),
        (b"Name,Colour\nrobin,red\n", "birds.csv"),
        (b'Step,URL\n1,"unclosed\n', "quote.csv"),
        (b'{"a": 1, "a": 2}', "twice.json"),
        (b"[" * 5000, "deep.json"),
        (b"42", "number.json"),
        (b"Step,Tokens\n1,2\n2,4\n", "nowhere.csv"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_is_no_index_is_one_problem(data: bytes, name: str) -> None:
    problems = problems_of(data, name)
    assert [p.kind for p in problems] == [Kind.UNREADABLE]
    assert problems[0].message.isprintable()


def test_size_is_bounded_and_time_linear() -> None:
    def judge() -> None:
        assert "bytes" in found("x" * (16 * 1024 * 1024 + 1))[0].message
        many = [HEAD, *(row(s * 1000) for s in range(10_000)), row(9_999_123)]
        assert found("\n".join(many)) == ()
        assert len(found("step1\n" * 20_000, "b.txt")) == 19_999
        stages = [f"s{n:x},{n},https://x.org/s{n:x}/step{n}" for n in range(5000)]
        assert found("\n".join(["Stage,Step,URL", *stages])) == ()
        assert found("1," * 1_000_000)[0].kind is Kind.UNREADABLE

    assert_takes_less(10, judge)


@pytest.mark.parametrize("seed", range(40))
def test_one_random_mistake_is_on_its_line(seed: int) -> None:
    """Whatever one number of one row becomes, that line is named, and no other."""
    draw = random.Random(seed)
    parts = TEXT.strip().split("\n")
    line = draw.randrange(3, len(parts))
    cells = parts[line - 1].split(",")
    column = draw.choice((1, 2))
    value = int(cells[column])
    changed = draw.choice([value + 1, value * 10, value // 10, value + 1000, abs(value - 1000) + 7])
    parts[line - 1] = ",".join([*cells[:column], str(changed), *cells[column + 1 :]])
    if changed == value:
        pytest.skip("nothing changed")
    problems = [p for p in found("\n".join(parts)) if p.kind not in ADVICE]
    assert {p.line for p in problems} == {line}, (parts[line - 1], problems)
