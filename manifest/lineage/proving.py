"""What proves that a release is the parent that another names (spec/lineage.md, "Links")."""

from __future__ import annotations

from manifest.document.description import BaseModel
from manifest.document.manifest_weights import ManifestTensor, WeightsSet
from manifest.document.references import ReferenceType
from manifest.lineage.releases import KnownRelease
from manifest.lineage.report import LinkStatus, Pin, SharedTensors

__all__ = ["examine", "pins_of", "shared_tensors"]

_SAME_SHAPES = frozenset({"finetune", "merge"})
"""Relations under which a model keeps the tensors of its parent, by name and shape."""
_DISTILLED = "distilled"


def pins_of(base: BaseModel) -> tuple[tuple[Pin, str], ...]:
    """By what a description names a parent, each with the value."""
    pins: list[tuple[Pin, str]] = []
    reference = base.reference
    if reference is not None and reference.pin:
        if reference.type is ReferenceType.MANIFEST:
            pins.append((Pin.MANIFEST, reference.pin))
        elif reference.type is ReferenceType.HUGGINGFACE:
            pins.append((Pin.REVISION, reference.pin))
    if base.weights_digest:
        pins.append((Pin.WEIGHTS, base.weights_digest))
    return tuple(pins)


def examine(base: BaseModel, found: KnownRelease) -> tuple[LinkStatus, tuple[Pin, ...], str]:
    """Whether ``found`` is the parent that a description names.

    Every pin is looked at: one that does not hold makes it another model, whatever the others say.

    Returns:
        The status, the pins that hold, and the reason in words.

    Raises:
        DocumentError, UndecidedError: Its weights cannot be hashed.
    """
    holding: list[Pin] = []
    words: list[str] = []
    for pin, value in pins_of(base):
        if pin is Pin.MANIFEST:
            own = found.manifest_sha256
            if own and own != value:
                return LinkStatus.MISMATCH, (), f"its manifest.json has the SHA-256 {own}"
            text = (
                "its manifest.json is the one that is named" if own else "it has no manifest.json"
            )
            holds = bool(own)
        elif pin is Pin.REVISION:
            if found.revision and found.revision != value:
                return LinkStatus.MISMATCH, (), f"it is at the commit {found.revision}"
            holds = bool(found.revision)
            if not holds:
                text = "nothing in the directory says which revision it is"
            elif found.directory is None:
                text = "the hub gives it at the revision that is named"
            else:
                text = "its place in the hub's cache is called by the revision that is named"
        elif found.directory is None:
            holds, text = False, "its weights were not read to be hashed"
        else:
            holds = found.has_weights(value)
            if not holds:
                return LinkStatus.MISMATCH, (), "no model in it has the weights digest named"
            text = "its tensors, hashed here, are those that are named"
        if holds:
            holding.append(pin)
        words.append(text)
    if not words:
        return LinkStatus.UNPROVEN, (), "is named and not pinned: any release can be called so"
    measured = {Pin.MANIFEST, Pin.WEIGHTS}
    status = LinkStatus.UNPROVEN
    if holding:
        status = LinkStatus.REPORTED if measured.isdisjoint(holding) else LinkStatus.PROVEN
    return status, tuple(holding), "; ".join(words)


def shared_tensors(
    base: BaseModel, child: KnownRelease, parent: KnownRelease
) -> SharedTensors | None:
    """How the tensors of a model compare with its parent's, by what their manifests list.

    None where one lists no tensors or several models, where the formats differ, and for relations
    that give a model other tensors than its parent's; of what says to be distilled, None unless
    most of its tensors are the parent's all the same.
    """
    if (
        base.relation not in _SAME_SHAPES | {_DISTILLED}
        or child.manifest is None
        or parent.manifest is None
    ):
        return None
    mine, theirs = child.manifest.weights, parent.manifest.weights
    if len(mine) != 1 or len(theirs) != 1 or mine[0].format != theirs[0].format:
        return None
    there = _by_name(theirs[0])
    same = shaped = 0
    for name, tensor in _by_name(mine[0]).items():
        other = there.get(name)
        if other is None or other.shape != tensor.shape:
            continue
        if (tensor.dtype, tensor.blake3) == (other.dtype, other.blake3):
            same += 1
        else:
            shaped += 1
    # Some a student may have by its architecture, as tables of positions.
    if base.relation == _DISTILLED and 2 * same <= mine[0].tensor_count:
        return None
    return SharedTensors(mine[0].tensor_count, same, shaped)


def _by_name(weights: WeightsSet) -> dict[str, ManifestTensor]:
    return {tensor.name: tensor for _, tensor in weights.tensors}
