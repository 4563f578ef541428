"""Formats: files that can do more than hold numbers."""

from __future__ import annotations

from collections.abc import Iterator

from manifest.display import printable
from manifest.errors import DocumentError, UndecidedError
from manifest.findings import Finding, Location, Severity
from manifest.lint.content.weights import runs_code
from manifest.lint.release import Release
from manifest.lint.rule import Example, Rule, rule
from manifest.readers.config import read_config

_CONFIG = '{"architectures": ["S"], "auto_map": {"AutoModel": "modeling_sparrow.SparrowModel"}}\n'


@rule(
    code="SAF001",
    name="pickle-weights",
    severity=Severity.WARNING,
    rationale="PyTorch's and Python's own formats are pickles: loading one can run any code that "
    "its author put there.",
    remedy="Publish the weights as safetensors; load these only with `weights_only=True`.",
    bad=Example(
        "components:\n  model-parameters-final:\n    files: [pytorch_model.bin]\n",
        {"pytorch_model.bin": "<pickle>"},
    ),
    good=Example(
        "components:\n  model-parameters-final:\n    files: [model.safetensors]\n",
        {"model.safetensors": "<safetensors w=2x3>"},
    ),
    of_files=True,
)
def pickle_weights(rule: Rule, release: Release) -> Iterator[Finding]:
    """Weights in a format that can run code when it is loaded."""
    for component in release.components:
        if not component.kind.startswith("model-"):
            continue
        for path in component.inspection.accepted:
            try:
                what = runs_code(release.source, path)
            except UndecidedError:
                continue
            if what:
                yield rule.finding(
                    f"{printable(path)} is in the format {what}; loading it can run code",
                    location=Location(path),
                    component=component.spec.id,
                )


@rule(
    code="SAF002",
    name="remote-code-without-source",
    severity=Severity.ERROR,
    rationale="`auto_map` makes a loader download and run code. Code that lies in another "
    "repository, or nowhere, can become something else overnight.",
    remedy="Put the code that `auto_map` names beside `config.json`, or take the entry out.",
    bad=Example(
        "components:\n  model-architecture:\n    files: [config.json]\n", {"config.json": _CONFIG}
    ),
    good=Example(
        "components:\n  model-architecture:\n    files: [config.json, modeling_sparrow.py]\n",
        {"config.json": _CONFIG, "modeling_sparrow.py": "class SparrowModel:\n    pass\n"},
    ),
    of_files=True,
)
def remote_code(rule: Rule, release: Release) -> Iterator[Finding]:
    """Code that a configuration asks a loader to run and that is not in the release."""
    configs = [p for p in release.paths if p.rpartition("/")[2] == "config.json"]
    for path in sorted(configs):
        try:
            config = read_config(release.source, path)
        except (DocumentError, UndecidedError):
            continue
        for name in config.remote_code:
            if name not in release.paths:
                yield rule.finding(
                    f"auto_map names {printable(name)}, which is not in the release",
                    location=Location(path),
                )
        for repository in config.remote_repositories:
            yield rule.finding(
                f"auto_map runs code of another repository, {printable(repository)}",
                location=Location(path),
            )
