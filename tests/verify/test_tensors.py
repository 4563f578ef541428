"""Which tensor is damaged, and one tensor checked by reading no more than it needs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from permissions import permissions_hold
from weights import RELEASE, T, gguf, header_of, release, safetensors, with_header

from manifest.document.manifest_file import dump_manifest, parse_manifest
from manifest.document.schema import violations
from manifest.errors import ExitCode, UsageError
from manifest.inventory.tensors import TensorDigest, weights_digest
from manifest.render.verify_json import verify_plain
from manifest.render.verify_text import render_verify
from manifest.sign import sign
from manifest.signing.keys import KeyKind, PrivateKey, generate
from manifest.signing.signer import sign_payload
from manifest.signing.statement import build_statement
from manifest.verify.report import ProblemKind, StepStatus, VerifyReport
from manifest.verify.run import verify

A, B, C, D = (T(n, n.encode() * 64) for n in "abcd")
ONE, TWO = "m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"
FILES = {
    ONE: safetensors(A, B),
    TWO: safetensors(C, D),
    "m.gguf": gguf([("g", (3,), 0, b"g" * 12), ("h", (8,), 0, b"h" * 32)]),
}


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return generate(KeyKind.ECDSA_P256)


@pytest.fixture
def signed(tmp_path: Path, key: PrivateKey) -> Path:
    release(tmp_path / "r", FILES)
    sign(tmp_path / "r", key)
    return tmp_path / "r"


def check(path: Path, key: PrivateKey, *tensors: str, **options: Any) -> VerifyReport:
    report = verify(path, keys=[key.public], tensors=tensors, **options)
    assert not violations(verify_plain(report), "verify-report")
    return report


def put(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def damage(report: VerifyReport) -> dict[str, tuple[bool, tuple[str, ...]]]:
    return {p.path: (p.damage.header, p.damage.tensors) for p in report.problems if p.damage}


def test_damaged_tensors_are_named(signed: Path, key: PrivateKey) -> None:
    put(signed / TWO, len(FILES[TWO]) - 1, b"!")
    report = check(signed, key)
    assert report.exit_code is ExitCode.DIFFERENT
    assert damage(report) == {TWO: (False, ("d",))}
    assert "tensors that differ (1 of 2): d" in render_verify(report)


def test_damage_over_a_boundary_names_both(signed: Path, key: PrivateKey) -> None:
    put(signed / ONE, len(FILES[ONE]) - 65, b"!!")
    assert damage(check(signed, key)) == {ONE: (False, ("a", "b"))}


def test_a_damaged_header_is_told_from_damaged_tensors(signed: Path, key: PrivateKey) -> None:
    put(signed / ONE, 10, b"z")
    report = check(signed, key)
    assert damage(report) == {ONE: (True, ())}
    assert "the header differs" in render_verify(report)


def test_the_header_of_another_order_of_the_same_bytes(signed: Path, key: PrivateKey) -> None:
    """Both tensors keep their bytes, and a loader would take each for the other."""
    (signed / ONE).write_bytes(with_header(header_of([B, A]), A.data + B.data))
    assert damage(check(signed, key)) == {ONE: (True, ())}
    assert check(signed, key, "a").exit_code is ExitCode.DIFFERENT


def test_two_shards_exchanged(signed: Path, key: PrivateKey) -> None:
    (signed / ONE).write_bytes(FILES[TWO])
    (signed / TWO).write_bytes(FILES[ONE])
    found = damage(check(signed, key))
    assert found == {ONE: (True, ("a", "b")), TWO: (True, ("c", "d"))}


def test_a_tensor_moved_within_its_file(signed: Path, key: PrivateKey) -> None:
    """A sound file of the same tensors in another order is not the one that was signed."""
    (signed / ONE).write_bytes(safetensors(B, A))
    assert damage(check(signed, key)) == {ONE: (True, ("a", "b"))}


def test_a_file_that_was_cut_off(signed: Path, key: PrivateKey) -> None:
    (signed / TWO).write_bytes(FILES[TWO][:-1])
    assert damage(check(signed, key)) == {TWO: (False, ("d",))}


def test_damage_in_the_padding_of_gguf_lies_in_no_tensor(signed: Path, key: PrivateKey) -> None:
    put(signed / "m.gguf", len(FILES["m.gguf"]) - 32 - 1, b"!")
    report = check(signed, key)
    assert damage(report) == {"m.gguf": (False, ())}
    assert "the damage lies between or after them" in render_verify(report)


# One tensor.


def test_one_tensor_is_a_part(signed: Path, key: PrivateKey) -> None:
    report = check(signed, key, "c")
    assert report.ok
    assert (report.tensors_checked, report.bytes_checked, report.files_checked) == (1, 64, 0)
    assert report.part == "tensor c"
    assert render_verify(report).startswith("VERIFIED IN PART")
    assert "1 tensor (64 B, blake3; tensor c) is exactly what was signed" in render_verify(report)


def test_the_step_of_bytes_counts_tensors(signed: Path, key: PrivateKey) -> None:
    def step() -> tuple[StepStatus, str]:
        report = check(signed, key, "a", "c")
        assert (report.digests, report.digests_not_compared) == (("blake3",), ())
        (found,) = (s for s in report.steps if s.name == "bytes")
        return found.status, found.detail

    assert step() == (StepStatus.OK, "2 tensors as signed")
    put(signed / TWO, len(FILES[TWO]) - 128, b"!")
    assert step() == (StepStatus.FAILED, "1 tensors as signed")
    (signed / TWO).write_bytes(FILES[TWO])
    (signed / TWO).chmod(0)
    with permissions_hold():
        assert step() == (StepStatus.FAILED, "1 tensors as signed")


def test_nothing_but_header_and_tensor_is_read(
    signed: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[int, int]] = []
    inode = (signed / TWO).stat().st_ino
    preadv, pread = os.preadv, os.pread

    def spying_preadv(fd: int, buffers: Any, offset: int) -> int:
        count = preadv(fd, buffers, offset)
        if os.fstat(fd).st_ino == inode:
            read.append((offset, offset + count))
        return count

    def spying_pread(fd: int, length: int, offset: int) -> bytes:
        data = pread(fd, length, offset)
        if os.fstat(fd).st_ino == inode:
            read.append((offset, offset + len(data)))
        return data

    monkeypatch.setattr(os, "preadv", spying_preadv)
    monkeypatch.setattr(os, "pread", spying_pread)
    assert check(signed, key, "d").ok
    start = len(FILES[TWO]) - 128
    assert read
    assert all(end <= start or (begin >= start + 64) for begin, end in read)


def test_damage_elsewhere_is_no_part_of_it(signed: Path, key: PrivateKey) -> None:
    put(signed / TWO, len(FILES[TWO]) - 1, b"!")
    (signed / ONE).unlink()
    assert check(signed, key, "c").ok
    report = check(signed, key, "d", "c")
    assert report.exit_code is ExitCode.DIFFERENT
    assert damage(report) == {TWO: (False, ("d",))}
    assert report.tensors_checked == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(lambda p: p.unlink(), ExitCode.DIFFERENT, id="missing"),
        pytest.param(lambda p: p.write_bytes(b"short"), ExitCode.DIFFERENT, id="other-size"),
        pytest.param(lambda p: put(p, 12, b"!"), ExitCode.DIFFERENT, id="header-changed"),
        pytest.param(
            lambda p: (p.rename(p.with_suffix(".x")), p.symlink_to(p.with_suffix(".x"))),
            ExitCode.DIFFERENT,
            id="link",
        ),
    ],
)
def test_its_file_is_not_the_one_signed(
    signed: Path, key: PrivateKey, change: Any, code: ExitCode
) -> None:
    change(signed / TWO)
    report = check(signed, key, "c")
    assert report.exit_code is code
    assert report.tensors_checked == 0 or report.problems[0].kind is ProblemKind.CHANGED


def test_a_pointer_in_its_place_is_not_fetched(signed: Path, key: PrivateKey) -> None:
    manifest = parse_manifest((signed / "manifest.json").read_bytes())
    sha256, size = next((f.sha256, f.size) for f in manifest.files if f.path == TWO)
    (signed / TWO).write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
    )
    report = check(signed, key, "c")
    assert report.exit_code is ExitCode.UNDECIDED
    assert report.undecided[0].not_fetched


def test_what_is_told_of_a_file_is_as_of_a_whole_one(signed: Path, key: PrivateKey) -> None:
    (signed / TWO).write_bytes(b"short")
    (signed / ONE).unlink()
    put(signed / "m.gguf", len(FILES["m.gguf"]) - 1, b"!")
    report = check(signed, key, "a", "c", "h")
    told = {p.path: p for p in report.problems}
    assert set(told) == {ONE, TWO, "m.gguf"}
    for path, problem in told.items():
        assert problem.components == ("model-parameters-final",), path
    assert (told[ONE].kind, told[ONE].expected_size) == (ProblemKind.MISSING, len(FILES[ONE]))
    assert told[TWO].kind is ProblemKind.CHANGED
    assert (told[TWO].expected_size, told[TWO].found_size) == (len(FILES[TWO]), 5)
    assert told["m.gguf"].algorithm == "blake3"


def test_what_cannot_be_read_leaves_the_others_checked(signed: Path, key: PrivateKey) -> None:
    manifest = parse_manifest((signed / "manifest.json").read_bytes())
    sha256, size = next((f.sha256, f.size) for f in manifest.files if f.path == TWO)
    (signed / TWO).write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
    )
    (signed / ONE).chmod(0)
    with permissions_hold():
        report = check(signed, key, "a", "c", "g")
    assert report.exit_code is ExitCode.UNDECIDED
    assert report.tensors_checked == 1
    assert {u.path: (u.not_fetched, u.components) for u in report.undecided} == {
        ONE: (False, ("model-parameters-final",)),
        TWO: (True, ("model-parameters-final",)),
    }
    (signed / "m.gguf").chmod(0)
    with permissions_hold():
        report = check(signed, key, "a", "g")
    assert {u.path for u in report.undecided} == {ONE, "m.gguf"}
    assert all("denied" in u.reason for u in report.undecided)


def test_tensors_below_what_cannot_be_read_are_undecided(tmp_path: Path, key: PrivateKey) -> None:
    (tmp_path / "deep").mkdir()
    text = RELEASE.replace("FILES", "deep/m.safetensors, m.gguf")
    release(tmp_path, {"deep/m.safetensors": FILES[ONE], "m.gguf": FILES["m.gguf"]}, text)
    sign(tmp_path, key)
    (tmp_path / "deep").chmod(0)
    with permissions_hold():
        report = check(tmp_path, key, "a", "g")
    (tmp_path / "deep").chmod(0o700)
    assert report.exit_code is ExitCode.UNDECIDED
    assert report.tensors_checked == 1
    assert [u.path for u in report.undecided] == ["deep/m.safetensors"]


def test_bytes_of_all_files_are_counted(signed: Path, key: PrivateKey) -> None:
    assert check(signed, key, "a", "c").bytes_checked == 128


def test_a_changed_manifest_says_nothing_of_tensors(signed: Path, key: PrivateKey) -> None:
    put(signed / "manifest.json", 30, b"  ")
    report = check(signed, key, "c")
    assert report.exit_code is ExitCode.DIFFERENT
    assert [p.path for p in report.problems] == ["manifest.json"]


def test_nobody_trusted_is_no_trust(signed: Path) -> None:
    assert check(signed, generate(KeyKind.ECDSA_P256), "c").exit_code is ExitCode.NOT_TRUSTED
    assert verify(signed, tensors=["c"]).exit_code is ExitCode.NOT_TRUSTED
    assert verify(signed, tensors=["c"], integrity_only=True).ok


def test_names_that_do_not_exist_are_refused(signed: Path, key: PrivateKey) -> None:
    with pytest.raises(UsageError, match="no tensor"):
        check(signed, key, "c", "nope")
    with pytest.raises(UsageError, match="in the part"):
        check(signed, key, "c", only=[ONE])


@pytest.mark.parametrize("options", [{"strict": True}, {"digest": "sha256"}, {"digest": "both"}])
def test_what_a_tensor_alone_cannot_answer_is_refused(
    options: dict[str, Any], signed: Path, key: PrivateKey
) -> None:
    with pytest.raises(UsageError, match="--tensor"):
        check(signed, key, "a", **options)


def test_a_part_narrows_it_to_one_of_several_models(tmp_path: Path, key: PrivateKey) -> None:
    files = {f"step{n}/m.safetensors": safetensors(T("w", bytes([n]) * 9)) for n in (1, 2)}
    release(tmp_path, files)
    sign(tmp_path, key)
    assert check(tmp_path, key, "w").tensors_checked == 2
    put(tmp_path / "step2/m.safetensors", len(files["step2/m.safetensors"]) - 1, b"!")
    assert check(tmp_path, key, "w", only=["step1/**"]).tensors_checked == 1
    assert check(tmp_path, key, "w").exit_code is ExitCode.DIFFERENT


def test_a_manifest_without_tensors_has_none_to_check(tmp_path: Path, key: PrivateKey) -> None:
    text = RELEASE.replace("FILES", "m.safetensors") + "    tensors: false\n"
    release(tmp_path, {"m.safetensors": safetensors(A)}, text)
    sign(tmp_path, key)
    with pytest.raises(UsageError, match="no manifest"):
        check(tmp_path, key, "a")


def test_a_signer_who_lists_other_tensors_than_the_header_is_not_trusted(
    signed: Path, key: PrivateKey
) -> None:
    plain = json.loads((signed / "manifest.json").read_bytes())
    one = next(s for s in plain["weights"] if s["format"] == "safetensors")
    rows = [row for file in one["files"] for row in file["tensors"]]
    rows[0][0] = "another"
    one["weights_digest"] = weights_digest(
        "safetensors", [TensorDigest(r[0], r[1], tuple(r[2]), r[5]) for r in rows]
    )
    data = dump_manifest(parse_manifest(json.dumps(plain).encode()))
    (signed / "manifest.json").write_bytes(data)
    import hashlib

    resources = [
        (p.relative_to(signed).as_posix(), hashlib.sha256(p.read_bytes()).hexdigest())
        for p in signed.iterdir()
        if p.name != "model.sig"
    ]
    payload = build_statement("r", resources, ("model.sig", "signatures"))
    (signed / "model.sig").write_bytes(sign_payload(payload, key))
    report = check(signed, key, "another")
    assert report.exit_code is ExitCode.NOT_TRUSTED
    assert "header" in report.refusal


def test_a_named_root(tmp_path: Path, key: PrivateKey) -> None:
    from manifest.build import build, write_manifest

    root = tmp_path / "store"
    root.mkdir()
    (root / "m.safetensors").write_bytes(safetensors(A))
    home = tmp_path / "r"
    home.mkdir()
    text = (
        RELEASE.replace("FILES", '"store:m.safetensors"') + "roots:\n  store: {type: directory}\n"
    )
    (home / "release.yaml").write_text(text)
    write_manifest(home, build(home, roots={"store": root}))
    sign(home, key, roots={"store": root})
    assert check(home, key, "a", roots={"store": root}).tensors_checked == 1
    report = check(home, key, "a")
    assert report.exit_code is ExitCode.UNDECIDED
    assert (report.tensors_checked, len(report.not_checked)) == (0, 1)
    put(root / "m.safetensors", len(safetensors(A)) - 1, b"!")
    report = check(home, key, roots={"store": root})
    assert damage(report) == {"store:m.safetensors": (False, ("a",))}
