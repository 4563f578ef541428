"""Training compute: as given, or as estimated from parameters and tokens.

The estimate is the field's rule of thumb for dense transformers, six floating-point operations
for each parameter and each token of training; it is labelled as an estimate wherever it is shown.
"""

from __future__ import annotations

import dataclasses
import enum

from manifest.display import plural
from manifest.errors import DocumentError, UndecidedError
from manifest.lint.release import Basis, Release
from manifest.readers.safetensors import read_safetensors

__all__ = ["Compute", "ComputeBasis", "training_compute"]

_FLOP_PER_PARAMETER_AND_TOKEN = 6
_MAX_HEADERS = 2_000


class ComputeBasis(enum.StrEnum):
    """How a number of floating-point operations is known."""

    GIVEN = "given"
    ESTIMATED = "estimated"


@dataclasses.dataclass(frozen=True, slots=True)
class Compute:
    """Training compute.

    Attributes:
        flop: Floating-point operations; not per second.
        basis: How it is known.
        detail: Where it comes from, in words.
    """

    flop: float
    basis: ComputeBasis
    detail: str

    def __str__(self) -> str:
        """As ``6.1e+22 FLOP, given as training.compute_flops``."""
        return f"{self.flop:.2g} FLOP, {self.detail}"


def training_compute(release: Release) -> Compute | None:
    """The compute of the training that the description tells of; None when nothing says.

    For a model made from another it is the compute of the making, not of the base.
    """
    given = release.description.training.get("compute_flops")
    if given is not None:
        return Compute(float(given), ComputeBasis.GIVEN, "given as training.compute_flops")
    parameters, tokens = _parameters(release), _tokens(release)
    if parameters is None or tokens is None or not parameters[0] or not tokens[0]:
        return None
    flop = float(_FLOP_PER_PARAMETER_AND_TOKEN * parameters[0] * tokens[0])
    detail = (
        f"estimated as 6 x {plural(parameters[0], 'parameter')} ({parameters[1]}) "
        f"x {plural(tokens[0], 'token')} ({tokens[1]})"
    )
    return Compute(flop, ComputeBasis.ESTIMATED, detail)


def _parameters(release: Release) -> tuple[int, str] | None:
    """Parameters that work on each token, and where the number comes from."""
    model = release.description.model
    for field in ("active_parameters", "parameters"):
        if field in model:
            return int(model[field]), f"model.{field}"
    counted = _counted(release) if release.basis is Basis.EVIDENCE else None
    return (counted, "counted in the weights") if counted else None


def _counted(release: Release) -> int | None:
    """Floating-point elements of the final weights; None when a file is of another form."""
    components = list(release.present("model-parameters-final"))
    if len(components) != 1 or len(components[0].inspection.accepted) > _MAX_HEADERS:
        return None  # several components may be several forms of the same weights
    total = 0
    for path in components[0].inspection.accepted:
        if not path.endswith(".safetensors"):
            return None
        try:
            count = read_safetensors(release.source, path).parameter_count
        except (DocumentError, UndecidedError):
            return None
        if count is None:
            return None
        total += count
    return total


def _tokens(release: Release) -> tuple[int, str] | None:
    """Tokens of training, and where the number comes from."""
    description = release.description
    stages = description.training.get("stages", ())
    if stages and all("tokens" in stage for stage in stages):
        return sum(int(s["tokens"]) for s in stages), "training.stages"
    if "total_tokens" in description.data:
        return int(description.data["total_tokens"]), "data.total_tokens, taken once"
    return None
