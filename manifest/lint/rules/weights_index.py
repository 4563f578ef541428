"""Sharded weights: an index against the headers of the shards that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from manifest.display import plural, printable
from manifest.errors import DocumentError, UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.lint.reading import header_of
from manifest.lint.release import Release
from manifest.lint.rule import Example, Rule, rule
from manifest.readers.safetensors import SafetensorsIndex, read_safetensors_index

_WEIGHTS = ("model-parameters-final", "model-parameters-intermediate")
_MAX_INDEXES = 200
_DESCRIBED = (
    "components:\n  model-parameters-final:\n    files: ['*.safetensors', '*.index.json']\n"
)
_SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def _files(index: str) -> dict[str, str]:
    return {
        _SHARDS[0]: "<safetensors w=2x3>",
        _SHARDS[1]: "<safetensors v=2x3>",
        "model.safetensors.index.json": f'{{"weight_map": {index}}}',
    }


_GOOD = _files(f'{{"w": "{_SHARDS[0]}", "v": "{_SHARDS[1]}"}}')


@rule(
    code="WGT005",
    name="index-names-absent-tensors",
    severity=Severity.ERROR,
    rationale="A loader takes each tensor from the shard that the index names. One that is not "
    "there ends in an error, or in weights that were drawn at random.",
    remedy="Write the index again from the shards, or publish the shards that it was made of.",
    bad=Example(
        _DESCRIBED,
        _files(f'{{"w": "{_SHARDS[0]}", "u": "{_SHARDS[0]}", "v": "{_SHARDS[1]}"}}'),
    ),
    good=Example(_DESCRIBED, _GOOD),
    of_files=True,
)
def absent_tensors(rule: Rule, release: Release) -> Iterator[Finding]:
    """Tensors that an index places in a shard whose header does not have them."""
    for component, index in _indexes(release):
        lacking = []
        for path, tensors in _by_shard(index).items():
            held = _held(release, path)
            if held is not None:
                lacking += [(name, path) for name in sorted(tensors) if name not in held]
        if lacking:
            name, path = lacking[0]
            more = f", and {plural(len(lacking) - 1, 'more tensor')}" if len(lacking) > 1 else ""
            yield rule.finding(
                f"{printable(index.path)} places {_short(name)} in {printable(path)}, which does "
                f"not hold it{more}",
                location=Location(index.path),
                component=component,
            )


@rule(
    code="WGT006",
    name="tensors-outside-the-index",
    severity=Severity.WARNING,
    rationale="A tensor that the index does not name, or that two shards hold, is loaded by one "
    "program and not by another: the same release is then two models.",
    remedy="Write the index again from the shards, and take out shards and tensors left over "
    "from another version.",
    bad=Example(_DESCRIBED, _GOOD | {_SHARDS[1]: "<safetensors v=2x3 w=2x3>"}),
    good=Example(_DESCRIBED, _GOOD),
    of_files=True,
)
def stray_tensors(rule: Rule, release: Release) -> Iterator[Finding]:
    """Tensors of indexed shards that the index places elsewhere or nowhere."""
    for component, index in _indexes(release):
        prefix = index.path.rpartition("/")[0]
        prefix = f"{prefix}/" if prefix else ""
        stray = [
            (name, path)
            for path in _by_shard(index)
            for name in sorted(_held(release, path) or ())
            if prefix + index.weight_map.get(name, "") != path
        ]
        if stray:
            name, path = stray[0]
            where = index.weight_map.get(name)
            said = f"places in {printable(where)}" if where else "does not name"
            more = f"; {plural(len(stray) - 1, 'more tensor')} alike" if len(stray) > 1 else ""
            yield rule.finding(
                f"{printable(path)} holds {_short(name)}, which {printable(index.path)} "
                f"{said}{more}",
                location=Location(path),
                component=component,
            )


def _indexes(release: Release) -> Iterator[tuple[str, SafetensorsIndex]]:
    """The indexes among the weights, each with its component's id."""
    for component in release.components:
        if component.kind not in _WEIGHTS:
            continue
        paths = [f.path for f in component.files.here if f.path.endswith(".index.json")]
        for path in paths[:_MAX_INDEXES]:
            try:
                yield component.spec.id, read_safetensors_index(release.source, path)
            except (DocumentError, UndecidedError):
                continue


def _by_shard(index: SafetensorsIndex) -> Mapping[str, set[str]]:
    directory = index.path.rpartition("/")[0]
    prefix = f"{directory}/" if directory else ""
    shards: dict[str, set[str]] = {}
    for tensor, name in index.weight_map.items():
        shards.setdefault(prefix + name, set()).add(tensor)
    return dict(sorted(shards.items()))


def _held(release: Release, path: str) -> set[str] | None:
    """The names of a shard's tensors; None when they cannot be known."""
    if not path.endswith(".safetensors") or path not in release.paths:
        return None
    header = header_of(release.source, path)
    return None if header is None else {t.name for t in header.tensors}


def _short(name: str) -> str:
    return printable(name if len(name) <= 100 else name[:100] + "...")
