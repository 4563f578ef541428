"""What was found that belongs into a description: each value with the file that says it."""

from __future__ import annotations

import dataclasses

from manifest.readers.training_settings import FilledField

__all__ = ["CheckpointFact", "Fact", "Facts", "ResultFact"]


@dataclasses.dataclass(frozen=True, slots=True)
class Fact:
    """A value and where it was found, as ``README.md front matter``; both empty for none."""

    value: str = ""
    origin: str = ""

    def __bool__(self) -> bool:
        return bool(self.value)


@dataclasses.dataclass(frozen=True, slots=True)
class ResultFact:
    """A number that was measured, and the file that gives it."""

    task: str
    metric: str
    value: float
    harness: str = ""
    results: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class CheckpointFact:
    """A checkpoint's directory, and the step in its name."""

    directory: str
    step: int


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was found; what was not is empty."""

    name: Fact
    version: Fact = Fact()
    author: Fact = Fact()
    homepage: Fact = Fact()
    license: Fact = Fact()
    license_name: Fact = Fact()
    license_link: Fact = Fact()
    other_licenses: tuple[Fact, ...] = ()
    code_license: Fact = Fact()
    base_models: tuple[Fact, ...] = ()
    base_relation: str = ""
    tasks: Fact = Fact()
    languages: tuple[str, ...] = ()
    languages_origin: str = ""
    architecture: Fact = Fact()
    parameters: Fact = Fact()
    context_length: Fact = Fact()
    datasets: tuple[str, ...] = ()
    datasets_origin: str = ""
    results: tuple[ResultFact, ...] = ()
    results_origin: str = ""
    more_results: int = 0
    checkpoints: tuple[CheckpointFact, ...] = ()
    checkpoint_index: str = ""
    configuration: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    data_order: str = ""
    seeds: tuple[tuple[str, int, str], ...] = ()
    recipe: tuple[FilledField, ...] = ()
    notes: tuple[str, ...] = ()
