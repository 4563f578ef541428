"""Parents that are not what they are said to be, and chains that never end."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import Result
from lineages import make_model, named, weights_of

from manifest.document.manifest_file import dump_manifest, parse_manifest
from manifest.lineage.walking import MAX_DEPTH

Run: TypeAlias = Callable[..., Result]


@dataclasses.dataclass(frozen=True)
class Case:
    """An attack: makes releases under a directory, and gives the one asked about and the others."""

    name: str
    make: Callable[[Path], tuple[Path, list[Path]]]
    exit_code: int
    words: str


def digest_of(path: Path) -> str:
    return parse_manifest((path / "manifest.json").read_bytes()).weights[0].weights_digest


def another_of_that_name(at: Path) -> tuple[Path, list[Path]]:
    real = make_model(at / "real", "acme/robin")
    fake = make_model(at / "fake", "acme/robin", fill=7)
    return make_model(at / "t", "acme/t", bases=named(real, "acme/robin")), [fake]


def manifest_that_lists_a_digest(at: Path) -> tuple[Path, list[Path]]:
    """The manifest of the real model lies beside other weights."""
    real = make_model(at / "real", "acme/robin")
    (real / "model.safetensors").write_bytes(weights_of(7))
    pin = f"{{name: acme/robin, weights_digest: {digest_of(real)}}}"
    return make_model(at / "t", "acme/t", bases=pin), [real]


def one_pin_of_two(at: Path) -> tuple[Path, list[Path]]:
    """The manifest is the one named, and the weights digest is another model's."""
    real = make_model(at / "real", "acme/robin")
    other = make_model(at / "other", "acme/other", fill=7)
    both = named(real, "acme/robin", weights_digest=digest_of(other))
    return make_model(at / "t", "acme/t", bases=both), [real]


def edited_description_beside_the_manifest(at: Path) -> tuple[Path, list[Path]]:
    """The license is edited in release.yaml; the manifest, which is named, has the true one."""
    real = make_model(at / "real", "acme/robin", license_="cc-by-nc-4.0")
    text = (real / "release.yaml").read_text().replace("cc-by-nc-4.0", "mit")
    (real / "release.yaml").write_text(text)
    return make_model(at / "t", "acme/t", bases=named(real, "acme/robin")), [real]


def misstated(at: Path) -> tuple[Path, list[Path]]:
    real = make_model(at / "real", "acme/robin", license_="mit")
    said = named(real, "acme/robin", license="apache-2.0")
    return make_model(at / "t", "acme/t", bases=said), [real]


def laundered_in_the_middle(at: Path) -> tuple[Path, list[Path]]:
    root = make_model(at / "root", "acme/root", license_="cc-by-nc-4.0")
    middle = make_model(at / "middle", "acme/middle", bases=named(root, "acme/root"))
    return make_model(at / "t", "acme/t", bases=named(middle, "acme/middle")), [middle, root]


def unrelated(at: Path) -> tuple[Path, list[Path]]:
    files = {"model.safetensors": weights_of(3, "x", "y", "z")}
    real = make_model(at / "real", "acme/robin", files=files)
    return make_model(at / "t", "acme/t", bases=named(real, "acme/robin")), [real]


def its_own_ancestor(at: Path) -> tuple[Path, list[Path]]:
    one = make_model(at / "one", "acme/one", bases="{name: acme/two}")
    two = make_model(at / "two", "acme/two", bases="{name: acme/one}")
    return make_model(at / "t", "acme/t", bases="{name: acme/one}"), [one, two]


def endless(at: Path) -> tuple[Path, list[Path]]:
    models = [make_model(at / "0", "acme/m0")]
    for number in range(1, MAX_DEPTH + 2):
        base = f"{{name: acme/m{number - 1}}}"
        models.append(make_model(at / str(number), f"acme/m{number}", bases=base))
    return models[-1], models[:-1]


def merges_of_merges(at: Path) -> tuple[Path, list[Path]]:
    models = [make_model(at / "0", "acme/m0")]
    for number in range(1, 11):
        bases = "\n".join([f"{{name: acme/m{number - 1}, relation: merge}}"] * 4)
        models.append(make_model(at / str(number), f"acme/m{number}", bases=bases))
    return models[-1], models[:-1]


def linked_manifest(at: Path) -> tuple[Path, list[Path]]:
    real = make_model(at / "real", "acme/robin")
    target = make_model(at / "t", "acme/t", bases=named(real, "acme/robin"))
    (real / "manifest.json").rename(at / "elsewhere.json")
    (real / "manifest.json").symlink_to(at / "elsewhere.json")
    return target, [real]


def manifest_twice_the_key(at: Path) -> tuple[Path, list[Path]]:
    real = make_model(at / "real", "acme/robin")
    target = make_model(at / "t", "acme/t", bases=named(real, "acme/robin"))
    data = (real / "manifest.json").read_bytes()
    (real / "manifest.json").write_bytes(data.replace(b"{", b'{"schema_version": "1.0",', 1))
    return target, [real]


def manifest_of_another_version(at: Path) -> tuple[Path, list[Path]]:
    real = make_model(at / "real", "acme/robin")
    target = make_model(at / "t", "acme/t", bases=named(real, "acme/robin"))
    one = parse_manifest((real / "manifest.json").read_bytes())
    (real / "manifest.json").write_bytes(
        dump_manifest(dataclasses.replace(one, schema_version="2.0"))
    )
    return target, [real]


def truncated_weights(at: Path) -> tuple[Path, list[Path]]:
    real = make_model(at / "real", "acme/robin")
    pin = f"{{name: acme/robin, weights_digest: {digest_of(real)}}}"
    target = make_model(at / "t", "acme/t", bases=pin)
    (real / "model.safetensors").write_bytes(weights_of(1)[:-3])
    return target, [real]


CASES = (
    Case("another-of-that-name", another_of_that_name, 5, "its manifest.json has the SHA-256"),
    Case("listed-digest", manifest_that_lists_a_digest, 5, "no model in it has the weights digest"),
    Case("one-pin-of-two", one_pin_of_two, 5, "no model in it has the weights digest"),
    Case("edited-description", edited_description_beside_the_manifest, 1, "is under cc-by-nc-4.0"),
    Case("misstated-license", misstated, 1, "that is under mit by its own manifest.json"),
    Case("laundered-in-the-middle", laundered_in_the_middle, 1, "through acme/middle, is under"),
    Case("unrelated-model", unrelated, 1, "no tensor of acme/t has the name and shape"),
    Case("cycle", its_own_ancestor, 1, "was made from it by what the releases between say"),
    Case("endless-chain", endless, 4, "a chain of more than 32"),
    Case("merges-of-merges", merges_of_merges, 4, "more than 512 links"),
    Case("linked-manifest", linked_manifest, 1, "is a link"),
    Case("duplicate-key", manifest_twice_the_key, 1, "schema_version"),
    Case("another-version", manifest_of_another_version, 4, "this program reads version 1"),
    Case("truncated-weights", truncated_weights, 5, "no model in it has the weights digest"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_false_parent_is_named(run: Run, tmp_path: Path, case: Case) -> None:
    target, parents = case.make(tmp_path)
    result = run("lineage", target, *(f"--parent={one}" for one in parents))
    said = " ".join((result.stdout + result.stderr).split())
    assert (result.exit_code, case.words in said) == (case.exit_code, True), said


def test_a_name_cannot_move_the_cursor(run: Run, tmp_path: Path) -> None:
    target = make_model(tmp_path / "t", "acme/t", bases='{name: "acme/\\u001b[2K\\u202erobin"}')
    shown = run("lineage", target).stdout
    assert "\x1b[2K" not in shown
    assert "\u202e" not in shown
    assert "acme/\\x1b[2K\\u202erobin" in shown
    plain = json.loads(run("lineage", target, "--format", "json").stdout)
    assert plain["release"]["links"][0]["name"] == "acme/\x1b[2K\u202erobin"
