"""What a release was made from: which links are proven, by what, and whose terms stay."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema
import pytest
from click.testing import Result
from hub_server import HubServer, ServedFile, ServedRepository
from lineages import make_model, named, sha256_of, weights_of

import manifest
from manifest.build import build, write_manifest
from manifest.document.manifest_file import parse_manifest
from manifest.document.schema import schema_text
from manifest.errors import BytesDifferError
from manifest.lineage import LinkStatus, Pin
from manifest.sign import sign
from manifest.signing.keys import KeyKind, generate, public_pem

Run: TypeAlias = Callable[..., Result]

COMMIT = "c0ffee" * 6 + "c0ff"
OTHER = "0ddba11" * 5 + "0ddba"


def report_of(run: Run, *args: object) -> dict[str, Any]:
    result = run("lineage", *args, "--format", "json")
    report: dict[str, Any] = json.loads(result.stdout)
    jsonschema.Draft202012Validator(json.loads(schema_text("lineage-report"))).validate(report)
    assert result.exit_code == report["exit_code"]
    return report


def weights_digest(path: Path) -> str:
    return parse_manifest((path / "manifest.json").read_bytes()).weights[0].weights_digest


@pytest.fixture
def robin(tmp_path: Path) -> Path:
    return make_model(tmp_path / "robin ñ", "acme/robin")


def chat(tmp_path: Path, bases: str, **options: Any) -> Path:
    return make_model(tmp_path / "chat", "acme/robin-chat", bases=bases, fill=2, **options)


def test_a_parent_is_proven_by_its_manifest(run: Run, robin: Path, tmp_path: Path) -> None:
    target = chat(tmp_path, named(robin, "acme/robin"))
    report = report_of(run, target, "--parent", robin)
    (link,) = report["release"]["links"]
    assert (link["status"], link["proven_by"], report["exit_code"]) == ("proven", ["manifest"], 0)
    assert link["parent"]["place"] == str(robin)
    assert link["tensors"] == {"total": 2, "same": 0, "shaped": 2}
    assert run("lineage", target, "--parent", robin, "--strict").exit_code == 0


@pytest.mark.parametrize("has_manifest", [True, False])
def test_a_parent_is_proven_by_its_weights_whatever_it_is_called(
    run: Run,
    robin: Path,
    tmp_path: Path,
    has_manifest: bool,  # noqa: FBT001 - pytest calls it by name
) -> None:
    digest = weights_digest(robin)
    target = chat(tmp_path, f"{{name: acme/robin, weights_digest: {digest}}}")
    (robin / "model.safetensors").rename(robin / "renamed.safetensors")
    copy = make_model(
        tmp_path / "copy",
        "someone/bird",
        files={"other.safetensors": (robin / "renamed.safetensors").read_bytes()},
        manifest=has_manifest,
    )
    (link,) = report_of(run, target, "--parent", copy)["release"]["links"]
    assert (link["status"], link["proven_by"]) == ("proven", ["weights-digest"])
    assert link["parent"]["name"] == "someone/bird"


def test_of_two_releases_of_one_name_the_one_that_is_named_is_taken(
    run: Run, robin: Path, tmp_path: Path
) -> None:
    older = make_model(tmp_path / "older", "acme/robin", fill=9)
    target = chat(tmp_path, named(robin, "acme/robin"))
    report = report_of(run, target, "--parent", older, "--parent", robin)
    assert report["release"]["links"][0]["parent"]["place"] == str(robin)
    assert report["unused"] == [str(older)]


def test_a_name_proves_nothing(run: Run, robin: Path, tmp_path: Path) -> None:
    target = chat(tmp_path, "{name: acme/robin, relation: finetune}")
    report = report_of(run, target, "--parent", robin)
    (link,) = report["release"]["links"]
    assert (link["status"], link["proven_by"], report["exit_code"]) == ("unproven", [], 0)
    shown = run("lineage", target, "--parent", robin).stdout
    assert f"reference: {{type: manifest, name: acme/robin, sha256: {sha256_of(robin)}}}" in shown
    assert run("lineage", target, "--parent", robin, "--strict").exit_code == 1


def test_a_parent_that_is_not_there_is_said_to_be_unproven(
    run: Run, robin: Path, tmp_path: Path
) -> None:
    target = chat(tmp_path, named(robin, "acme/robin"))
    (link,) = report_of(run, target)["release"]["links"]
    assert (link["status"], link["parent"]) == ("unproven", None)
    assert "not among the parents given" in link["detail"]


def test_a_release_without_parents(run: Run, robin: Path) -> None:
    result = run("lineage", robin)
    assert result.exit_code == 0
    assert "it names no model that it was made from" in result.stdout


def test_terms_are_carried_through_a_model_that_lost_them(run: Run, tmp_path: Path) -> None:
    root = make_model(tmp_path / "root", "acme/root", license_="llama3.1")
    middle = make_model(tmp_path / "middle", "acme/middle", bases=named(root, "acme/root"))
    target = chat(tmp_path, named(middle, "acme/middle", "merge"))
    report = report_of(run, target, "--parent", middle, "--parent", root)
    assert report["exit_code"] == 1
    lost = [p["message"] for p in report["problems"] if p["kind"] == "terms-lost"]
    assert [text.partition(" is declared")[0] for text in lost] == [
        "acme/robin-chat",
        "acme/middle",
    ]
    assert "its base acme/root, through acme/middle, is under llama3.1" in lost[0]
    (carried,) = report["carried"]
    assert (carried["name"], carried["through"]) == ("acme/root", ["acme/middle"])


def test_a_release_that_keeps_the_terms_is_fine(run: Run, tmp_path: Path) -> None:
    root = make_model(tmp_path / "root", "acme/root", license_="llama3.1")
    target = chat(tmp_path, named(root, "acme/root"), license_="llama3.1")
    report = report_of(run, target, "--parent", root)
    assert (report["exit_code"], report["problems"], len(report["carried"])) == (0, [], 1)


@pytest.mark.parametrize(
    ("license_", "expected"),
    [
        ("llama3.1", ["prescribes how derived models are named"]),
        (
            "gemma",
            [
                "limits use by a list of forbidden purposes",
                "obliges whoever passes the model on to impose the same limits",
            ],
        ),
        ("cc-by-nc-4.0", []),
    ],
)
def test_of_a_distilled_model_only_terms_on_outputs_are_carried(
    run: Run, tmp_path: Path, license_: str, expected: list[str]
) -> None:
    root = make_model(tmp_path / "root", "acme/root", license_=license_)
    target = chat(tmp_path, named(root, "acme/root", "distilled"))
    report = report_of(run, target, "--parent", root)
    assert [t for c in report["carried"] for t in c["terms"]] == expected
    assert all(c["by_outputs"] for c in report["carried"])
    assert report["exit_code"] == 0


def test_who_holds_anothers_tensors_did_not_distill_them(run: Run, tmp_path: Path) -> None:
    root = make_model(tmp_path / "root", "acme/root", license_="llama3.1", fill=7)
    bases = named(root, "acme/root", "distilled")
    target = make_model(tmp_path / "student", "acme/student", bases=bases, fill=7)
    report = report_of(run, target, "--parent", root)
    assert report["exit_code"] == 1
    assert {p["kind"] for p in report["problems"]} == {"unlike", "terms-lost"}
    assert not any(c["by_outputs"] for c in report["carried"])
    honest = make_model(tmp_path / "honest", "acme/honest", bases=bases, fill=8)
    assert report_of(run, honest, "--parent", root)["exit_code"] == 0


def test_a_parent_whose_weights_lie_elsewhere_is_not_another_model(
    run: Run, tmp_path: Path
) -> None:
    root, store = make_model(tmp_path / "root", "acme/root", manifest=False), tmp_path / "store"
    store.mkdir()
    (root / "model.safetensors").rename(store / "model.safetensors")
    text = (root / "release.yaml").read_text()
    text = text.replace('"*.safetensors"', '"w:*.safetensors"') + "roots: {w: {type: directory}}\n"
    (root / "release.yaml").write_text(text)
    write_manifest(root, build(root, roots={"w": store}))
    pin = f"weights_digest: {weights_digest(root)}"
    target = chat(tmp_path, f"{{name: acme/root, relation: finetune, {pin}}}")
    report = report_of(run, target, "--parent", root)
    assert report["exit_code"] != 5
    assert "mismatch" not in {p["kind"] for p in report["problems"]}


def test_a_family_whose_terms_are_known_needs_no_release_at_hand(run: Run, tmp_path: Path) -> None:
    target = chat(tmp_path, "{name: meta-llama/Llama-3.1-8B, relation: finetune}")
    report = report_of(run, target)
    assert [c["said_by"] for c in report["carried"]] == ["its name"]
    assert report["exit_code"] == 1


def test_lint_judges_by_the_terms_of_a_base_two_steps_away(run: Run, tmp_path: Path) -> None:
    root = make_model(tmp_path / "root", "acme/root", license_="cc-by-nc-4.0")
    middle = make_model(tmp_path / "middle", "acme/middle", bases=named(root, "acme/root"))
    target = chat(tmp_path, named(middle, "acme/middle"))
    assert "LIC008" not in run("lint", target).stdout
    result = run("lint", target, "--parent", middle, "--parent", root)
    assert result.exit_code == 1
    assert "through acme/middle, is under cc-by-nc-4.0" in " ".join(result.stdout.split())
    found = manifest.lint_release(target, parents=[middle, root]).findings
    assert "LIC008" in {finding.code for finding in found}


def test_lint_takes_a_proven_base_for_a_resolved_one(tmp_path: Path) -> None:
    root = make_model(tmp_path / "root", "acme/root", files={"model.safetensors": weights_of(7)})
    target = make_model(
        tmp_path / "adapter",
        "acme/adapter",
        bases=named(root, "acme/root", "adapter", license="apache-2.0"),
        files={"adapter_model.safetensors": weights_of(1, "q.lora_A.weight", "q.lora_B.weight")},
    )
    (target / "adapter_config.json").write_text(
        '{"peft_type": "LORA", "r": 8, "base_model_name_or_path": "acme/root"}'
    )

    alone, with_base = (manifest.lint_release(target, parents=p) for p in ((), (root,)))
    left = {r.code for r in alone.missing} - {r.code for r in with_base.missing}
    assert left == {"WGT003"}  # the architecture is the base's


def test_lint_does_not_go_on_with_another_base(run: Run, robin: Path, tmp_path: Path) -> None:
    target = chat(tmp_path, named(robin, "acme/robin"))
    other = make_model(tmp_path / "other", "acme/robin", fill=8)
    result = run("lint", target, "--parent", other)
    assert result.exit_code == 5
    assert "is not the acme/robin that acme/robin-chat names" in result.stderr
    with pytest.raises(BytesDifferError):
        manifest.lint_release(target, parents=[other])
    nobody = run("lint", target, "--parent", tmp_path / "chat")
    assert "is nobody's base model here" in nobody.stderr


def test_python_gets_the_same_answer(robin: Path, tmp_path: Path) -> None:
    target = chat(tmp_path, named(robin, "acme/robin"))
    lineage = manifest.trace_lineage(str(target), parents=[robin])
    ((_, link),) = lineage.links
    assert (link.status, link.proven_by) == (LinkStatus.PROVEN, (Pin.MANIFEST,))
    with pytest.raises(manifest.ManifestError, match="exclude each other"):
        manifest.trace_lineage(target, online=True, offline=True)


def test_signatures_are_checked_when_a_key_is_given(run: Run, robin: Path, tmp_path: Path) -> None:
    key, other = generate(KeyKind.ECDSA_P256), generate(KeyKind.ECDSA_P256)
    target = chat(tmp_path, named(robin, "acme/robin"))
    for release in (robin, target):
        sign(release, key)
    for name, one in (("pub", key), ("other", other)):
        (tmp_path / name).write_bytes(public_pem(one.public))
    asked = (target, "--parent", robin, "--key")
    good = report_of(run, *asked, tmp_path / "pub")
    assert (good["exit_code"], good["problems"]) == (0, [])
    assert good["release"]["signer"] == good["release"]["links"][0]["parent"]["signer"] != ""
    assert "signed by" in run("lineage", *asked, tmp_path / "pub").stdout
    wrong = report_of(run, *asked, tmp_path / "other")
    assert (wrong["exit_code"], wrong["problems"][0]["kind"]) == (3, "signature")
    with (robin / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")
    flipped = report_of(run, *asked, tmp_path / "pub")
    assert (flipped["exit_code"], flipped["problems"][0]["kind"]) == (5, "changed")
    assert "not verified" in run("lineage", *asked, tmp_path / "pub").stdout
    (robin / "model.sig").unlink()
    unsigned = report_of(run, *asked, tmp_path / "pub")
    assert (unsigned["exit_code"], unsigned["problems"][0]["kind"]) == (3, "signature")


def test_a_hub_cache_is_a_directory_of_a_name(run: Run, tmp_path: Path) -> None:
    model = tmp_path / "hub" / "models--acme--robin"
    snapshot = model / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (model / "blobs").mkdir()
    blob = "d7edf6bd2a681fb0175f7735299831ee1b22b812"
    (model / "blobs" / blob).write_bytes(b"---\nlicense: cc-by-nc-4.0\n---\n# Robin\n")
    (snapshot / "README.md").symlink_to(f"../../blobs/{blob}")
    reference = f"reference: {{type: huggingface, repo: acme/robin, revision: {COMMIT}}}"
    target = chat(tmp_path, f"{{name: acme/robin, relation: finetune, {reference}}}")
    report = report_of(run, target, "--parent", snapshot)
    (link,) = report["release"]["links"]
    assert (link["status"], link["proven_by"]) == ("reported", ["hub-revision"])
    assert report["carried"][0]["license"] == "cc-by-nc-4.0"
    assert report["exit_code"] == 1
    os.rename(snapshot, model / "snapshots" / OTHER)  # noqa: PTH104 - a directory of links
    moved = report_of(run, target, "--parent", model / "snapshots" / OTHER)
    assert (moved["exit_code"], moved["release"]["links"][0]["status"]) == (5, "mismatch")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    root = b"---\nlicense: gemma\n---\n# Root\n"
    middle = b"---\nlicense: apache-2.0\nbase_model: acme/root\n---\n# Middle\n"
    repositories = {
        f"acme/{name}": ServedRepository({"README.md": ServedFile.of("README.md", text)})
        for name, text in (("root", root), ("middle", middle))
    }
    with HubServer(repositories) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def middle_at(revision: str) -> str:
    reference = f"reference: {{type: huggingface, repo: acme/middle, revision: {revision}}}"
    return f"{{name: acme/middle, relation: quantized, {reference}}}"


def test_the_hub_is_asked_only_when_the_user_says_so(
    run: Run, hub: HubServer, tmp_path: Path
) -> None:
    target = chat(tmp_path, middle_at(COMMIT))
    (link,) = report_of(run, target)["release"]["links"]
    assert (hub.asked, link["status"]) == ([], "unproven")
    report = report_of(run, target, "--online")
    (link,) = report["release"]["links"]
    assert (link["status"], link["proven_by"]) == ("reported", ["hub-revision"])
    assert link["parent"]["links"][0]["status"] == "unproven"
    assert [c["name"] for c in report["carried"]] == ["acme/root"]
    assert report["exit_code"] == 1
    assert run("lineage", target, "--online", "--offline").exit_code == 2


def test_a_release_on_the_hub_may_be_asked_about(run: Run, hub: HubServer) -> None:
    report = report_of(run, "hf:acme/middle", "--parent", "hf:acme/root")
    assert report["release"]["links"][0]["parent"]["revision"] == COMMIT
    assert {kind["kind"] for kind in report["problems"]} == {"terms-lost"}
    assert run("lineage", "hf:acme/middle", "--offline").exit_code == 4


def test_a_hub_that_cannot_tell_is_no_answer(run: Run, hub: HubServer, tmp_path: Path) -> None:
    target = chat(tmp_path, middle_at(OTHER))
    report = report_of(run, target, "--online")
    (link,) = report["release"]["links"]
    assert (report["exit_code"], link["status"]) == (4, "could-not-tell")
    assert report["problems"][0]["kind"] == "unreadable"


def test_the_report_reads_well(run: Run, robin: Path, tmp_path: Path) -> None:
    root = make_model(tmp_path / "root", "acme/root", license_="llama3.1")
    merged = make_model(
        tmp_path / "merged",
        "acme/merged",
        bases="\n".join([named(root, "acme/root", "merge", license="mit"), "{name: acme/robin}"]),
    )
    target = chat(tmp_path, named(merged, "acme/merged"))
    result = run("lineage", target, *(f"--parent={p}" for p in (merged, root, robin)))
    shown = result.stdout.replace(str(tmp_path), "DIR").replace(sha256_of(robin), "SHA256")
    golden = Path(__file__).parent / "golden" / "lineage.txt"
    if "UPDATE_GOLDEN" in os.environ:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")
    assert result.exit_code == 1
