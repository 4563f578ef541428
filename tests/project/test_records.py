"""A record is what `dataclasses` makes of the same class, to everyone who looks at it."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest

from manifest.records import record


class _Fields:
    first: int
    second: str = "b"
    third: list[int] = dataclasses.field(default_factory=list)
    secret: str = dataclasses.field(default="s", repr=False)
    ignored: int = dataclasses.field(default=0, compare=False)


def _made(decorate: Any) -> Any:
    namespace = {k: v for k, v in vars(_Fields).items() if k not in {"__dict__", "__weakref__"}}
    return decorate(frozen=True, slots=True)(type("One", (), {**namespace, "__doc__": "One."}))


Theirs, One = _made(dataclasses.dataclass), _made(record)
One.__qualname__ = "One"  # where pickle looks for it
ARGUMENTS = [
    ((1,), {}),
    ((1, "x"), {"third": [1]}),
    ((), {"first": 2, "ignored": 5, "secret": "other"}),
]


@pytest.mark.parametrize(("args", "kwargs"), ARGUMENTS)
def test_fields_text_and_replacement_are_those_of_dataclasses(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    ours, theirs = One(*args, **kwargs), Theirs(*args, **kwargs)
    assert repr(ours) == repr(theirs)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert repr(dataclasses.replace(ours, second="y")) == repr(
        dataclasses.replace(theirs, second="y")
    )
    assert pickle.loads(pickle.dumps(ours)) == ours == copy.deepcopy(ours)


def test_the_class_is_that_of_dataclasses() -> None:
    assert list(inspect.signature(One).parameters) == list(inspect.signature(Theirs).parameters)
    assert (One.__slots__, One.__match_args__) == (Theirs.__slots__, Theirs.__match_args__)
    assert not hasattr(One(1), "__dict__")
    assert One(1).third is not One(1).third


def test_equality_and_hash_go_by_class_and_by_the_fields_compared() -> None:
    small: Any = record(frozen=True, slots=True)(
        type("Small", (), {"__annotations__": {"a": "int"}, "__doc__": "Small."})
    )
    assert One(1, ignored=1) == One(1, ignored=2)
    assert One(1) != One(2)
    assert One(1, secret="x") != One(1)
    assert One(1) != Theirs(1)
    assert len({small(1), small(1), small(2)}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(One(1))  # a list is in it


def test_a_record_cannot_be_changed() -> None:
    one = One(1)
    for name in ("first", "another"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, name, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.first
    assert one.first == 1


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1,), {"first": 1}), ((1,), {"unknown": 1}), ((1,) * 6, {})]
)
def test_wrong_arguments_are_refused(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        One(*args, **kwargs)


def test_what_a_record_does_not_do_is_refused_where_it_is_defined() -> None:
    decorate: Any = record
    with pytest.raises(TypeError, match="frozen and slotted"):
        decorate(frozen=False, slots=True)
    for namespace in (
        {"__post_init__": lambda _: None},
        {"a": dataclasses.field(kw_only=True)},
        {"a": dataclasses.field(init=False, default=1)},
    ):
        with pytest.raises(TypeError, match="no record has"):
            _ = decorate(frozen=True, slots=True)(
                type("Odd", (), {"__annotations__": {"a": "int"}, "__doc__": "Odd.", **namespace})
            )
