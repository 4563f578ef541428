"""The public face: the main job from end to end, and names that are what they say."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import manifest
from manifest.errors import BytesDifferError, DocumentError, TreeError, UsageError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "spec" / "vectors"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    directory = tmp_path / "tiny"
    shutil.copytree(EXAMPLE / "release", directory)
    return directory


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return manifest.generate_key_pair(tmp_path / "key.pem", passphrase=b"secret")


def test_main_job_from_end_to_end(release: Path, pair: tuple[Path, Path]) -> None:
    for name in ("manifest.json", "model.sig", "release.yaml"):
        (release / name).unlink()
    draft = manifest.draft_description(release)
    assert not (release / "release.yaml").exists()
    (release / "release.yaml").write_text(draft.text)
    assert manifest.load_description(release).name == draft.description.name

    built = manifest.build_manifest(release)
    assert (release / "manifest.json").read_bytes() == built.data
    assert manifest.load_manifest(release) == built.manifest

    private, public = pair
    signed = manifest.sign_release(release, private, passphrase=b"secret")
    assert signed.path == release / "model.sig"

    report = manifest.verify_release(release, keys=[public])
    assert report.ok
    assert report.exit_code is manifest.ExitCode.OK
    assert report.signer is not None
    assert report.signer.fingerprint == signed.fingerprint

    (release / "README.md").write_text("other")
    report = manifest.verify_release(release, keys=[public])
    assert not report.ok
    assert report.exit_code is manifest.ExitCode.DIFFERENT
    assert [p.path for p in report.problems] == ["README.md"]
    with pytest.raises(BytesDifferError, match="README"):
        manifest.sign_release(release, private, passphrase=b"secret")


def test_build_in_memory_writes_nothing(release: Path) -> None:
    before = {p: p.read_bytes() for p in release.iterdir()}
    (release / "manifest.json").unlink()
    built = manifest.build_manifest(release, write=False)
    assert built.data == before[release / "manifest.json"]
    assert not (release / "manifest.json").exists()


def test_keys_may_be_given_as_bytes(release: Path, pair: tuple[Path, Path]) -> None:
    private, public = (path.read_bytes() for path in pair)
    (release / "model.sig").unlink()
    manifest.sign_release(release, private, passphrase=b"secret")
    assert manifest.verify_release(str(release), keys=[public]).ok


def test_a_second_signer_leaves_the_first_signature_good(
    release: Path, pair: tuple[Path, Path]
) -> None:
    private, public = pair
    second = release / "signatures" / "auditor.sig"
    manifest.sign_release(release, private, passphrase=b"secret", signature_path=second)
    report = manifest.verify_release(release, keys=[EXAMPLE / "key.pub", public])
    assert report.ok
    assert len(report.also_signed_by) == 1


def test_nobody_is_vouched_for_without_a_key(release: Path) -> None:
    assert manifest.verify_release(release).exit_code is manifest.ExitCode.NOT_TRUSTED
    assert manifest.verify_release(release, integrity_only=True).ok


def test_lint_reports_a_verdict_and_fails_below_the_one_required(release: Path) -> None:
    report = manifest.lint_release(release)
    assert isinstance(report.verdict, manifest.Verdict)
    demanding = manifest.lint_release(release, require="replayable")
    assert demanding.verdict is report.verdict
    assert demanding.exit_code is not manifest.ExitCode.OK


@pytest.mark.parametrize(
    ("call", "error"),
    [
        pytest.param(
            lambda d: manifest.lint_release(d, require="splendid"), UsageError, id="verdict"
        ),
        pytest.param(lambda d: manifest.lint_release(d, select=["ZZZ"]), UsageError, id="rule"),
        pytest.param(lambda d: manifest.lint_release(d / "no"), UsageError, id="lint-nothing"),
        pytest.param(lambda d: manifest.build_manifest(d / "no"), UsageError, id="build-nothing"),
        pytest.param(lambda d: manifest.load_manifest(d / "no"), UsageError, id="load-nothing"),
        pytest.param(
            lambda d: manifest.draft_description(d / "no"), UsageError, id="draft-nothing"
        ),
        pytest.param(
            lambda d: manifest.draft_description(d, described_by="me"), UsageError, id="describer"
        ),
        pytest.param(lambda d: manifest.sign_release(d, d / "no"), UsageError, id="no-key"),
        pytest.param(lambda d: manifest.sign_release(d, b"junk"), UsageError, id="junk-key"),
        pytest.param(
            lambda d: manifest.generate_key_pair(d.parent / "k", passphrase=b"x", kind="rsa"),
            UsageError,
            id="kind-of-key",
        ),
        pytest.param(
            lambda d: manifest.generate_key_pair(d / "k", passphrase=b"x"),
            UsageError,
            id="key-inside-a-release",
        ),
        pytest.param(
            lambda d: manifest.verify_release(d, keys=[EXAMPLE / "key.pub"], integrity_only=True),
            UsageError,
            id="key-and-integrity-only",
        ),
        pytest.param(
            lambda d: manifest.verify_release(d, root_certificates=[EXAMPLE / "key.pub"]),
            UsageError,
            id="key-as-root",
        ),
    ],
)
def test_misuse_is_told_apart_from_findings(call: object, error: type, release: Path) -> None:
    assert callable(call)
    with pytest.raises(error) as caught:
        call(release)
    assert isinstance(caught.value, manifest.ManifestError)
    assert caught.value.message


def test_errors_name_the_place(release: Path) -> None:
    (release / "release.yaml").write_text("schema_version: '1.0'\nname: 3\n")
    with pytest.raises(DocumentError, match="version"):
        manifest.load_description(release)
    (release / "release.yaml").unlink()
    with pytest.raises(TreeError, match=r"release\.yaml"):
        manifest.build_manifest(release)


# What the package offers is what it says it offers.


def test_every_public_name_is_there_and_documented() -> None:
    for name in manifest.__all__:
        value = getattr(manifest, name)
        assert name in dir(manifest)
        assert name == "__version__" or inspect.getdoc(value), name


def test_no_public_name_is_that_of_a_module() -> None:
    # `import manifest.build` sets the name `build`: a function of that name would be lost.
    modules = {p.stem for p in Path(str(manifest.__file__)).parent.iterdir()} - {"__init__"}
    assert modules.isdisjoint(manifest.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = manifest.nothing_of_the_kind  # type: ignore[attr-defined]  # what is tested


@pytest.mark.parametrize("name", [n for n in manifest.__all__ if n[0].islower()])
def test_functions_are_typed_and_say_what_they_raise(name: str) -> None:
    function = getattr(manifest, name)
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(p.annotation is not inspect.Parameter.empty for p in signature.parameters.values())
    doc = inspect.getdoc(function) or ""
    assert "Raises:" in doc
    documented = [p for p in signature.parameters if f"\n    {p}:" in doc]
    assert documented in ([], list(signature.parameters))


def test_the_example_of_the_package_runs(release: Path) -> None:
    code = "\n".join(
        line.removeprefix("    ")
        for line in (manifest.__doc__ or "").splitlines()
        if line.startswith("    ")
    )
    (release.parent / "model").symlink_to(release)
    shutil.copy(EXAMPLE / "key.pub", release.parent / "publisher.pub")
    done = subprocess.run(
        [sys.executable, "-c", code + "\nprint(verdict)"],
        cwd=release.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in [v.value for v in manifest.Verdict]
