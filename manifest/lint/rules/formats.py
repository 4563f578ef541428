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
from manifest.readers.pickles import can_scan, scan_pickle
from manifest.sources.hub import HubSource

_INSTALL = "`pip install 'model-release-manifest[scan]'` has what they import looked at here."
_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", "training_args.bin")
_MAX_PICKLES = 64
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
    hint = "" if can_scan() else f" {rule.remedy} {_INSTALL}"
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
                    remedy=hint.strip(),
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


@rule(
    code="SAF003",
    name="pickle-imports-danger",
    severity=Severity.ERROR,
    rationale="Weights need no shell and no network. A pickle that imports them runs a stranger's "
    "program on the machine of whoever loads it.",
    remedy="Do not load the file. Publish the weights as safetensors, made anew from a source that "
    "you trust. What looks is picklescan, which the extra `scan` installs.",
    bad=Example("", {"extra/classifier.pkl": "<pickle os.system>"}),
    good=Example("", {"extra/classifier.pkl": "<pickle>"}),
    exemptable=False,
    of_files=True,
)
def dangerous_pickles(rule: Rule, release: Release) -> Iterator[Finding]:
    """Pickles, weights or not, that import what can take over the machine that loads them."""
    if isinstance(release.source, HubSource) or not can_scan():
        return  # an archive is skipped through in a thousand places: not over a network
    paths = {
        path
        for component in release.components
        if component.kind.startswith("model-")
        for path in component.inspection.accepted
        if path.endswith((".bin", ".npy", ".npz", ".jit", ".ptl", ".torchscript"))
    }
    paths |= {p for p in release.paths if p.lower().endswith(_PICKLES)}
    for path in sorted(paths)[:_MAX_PICKLES]:
        try:
            found = scan_pickle(release.source, path)
        except UndecidedError:
            continue
        if found.dangerous:
            named = ", ".join(printable(name) for name in found.dangerous[:3])
            more = f" and {len(found.dangerous) - 3} more" if len(found.dangerous) > 3 else ""
            yield rule.finding(
                f"{printable(path)} imports {named}{more} when it is loaded",
                location=Location(path),
            )
