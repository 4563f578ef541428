"""What can happen to the files of `everything.Everything`, whoever signed them."""

from __future__ import annotations

import hashlib
import os
import shutil

from everything import HERE, POINTER, RELEASE, Everything


def damaged(one: Everything) -> None:
    """A fault of every kind in every place where files lie."""
    for path, store in (("m-2.safetensors", False), ("m-3.safetensors", True)):
        file = (one.store if store else one.path) / path
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
    one.put("m.gguf", b"shorter")
    (one.path / "notes.txt").unlink()
    (one.path / "third notes.txt").unlink()
    (one.path / "other notes.txt").rename(one.path / "renamed.txt")
    one.put("added.bin", b"new")
    (one.path / "linked").symlink_to("/etc/passwd")
    os.mkfifo(one.path / "pipe")
    digest = hashlib.sha256(b"{}").hexdigest().encode()
    one.put("tokenizer/tokenizer.json", POINTER % (digest, 2))
    one.put(".cache/huggingface/x.lock", b"")
    one.put("signatures/readme.txt", b"no signature")
    one.put("vocab.txt", b"a b d\n", root="store")
    (one.store / "step1/optimizer.bin").rename(one.store / "step1/optimiser.bin")
    one.put("test/0.txt", b"TEST 0", root="more")
    (one.more / "test/1.txt").unlink()
    one.put("test/added.txt", b"new", root="more")
    one.put("beside the inventory's", b"new", root="more")
    (one.path / "zlink").symlink_to("/etc/passwd")
    one.put("data/train/000.txt", b"longer than it was")
    one.put("data/train/001.txt", b"9" * 27)
    (one.path / "data/train/002.txt").unlink()
    owned = hashlib.sha256(HERE["data/train/004.txt"]).hexdigest().encode()
    one.put("data/train/004.txt", POINTER % (owned, 27))
    (one.path / "data/train/003.txt").rename(one.path / "data/train/moved.txt")
    one.put("data/train/added.txt", b"new")
    (one.path / "data/train/linked.txt").symlink_to("000.txt")


def inventories_changed(one: Everything) -> None:
    for file in (one.path / "data/train.jsonl", one.store / "test.jsonl"):
        file.write_bytes(file.read_bytes().replace(b'"size":', b'"size": '))


def inventories_gone(one: Everything) -> None:
    (one.path / "data/train.jsonl").unlink()
    (one.store / "test.jsonl").unlink()


def manifest_changed(one: Everything) -> None:
    file = one.path / "manifest.json"
    file.write_bytes(file.read_bytes().replace(b"acme/everything", b"acme/everyth1ng"))


def signature_gone(one: Everything) -> None:
    (one.path / "model.sig").unlink()


def signature_broken(one: Everything) -> None:
    one.put("model.sig", b"{}")


def signature_is_a_directory(one: Everything) -> None:
    (one.path / "model.sig").unlink()
    one.put("model.sig/inside", b"x")


def unsigned_description_changed(one: Everything) -> None:
    signature_gone(one)
    one.put("release.yaml", RELEASE.encode() + b"#")


def nothing(_one: Everything) -> None:
    """The good release."""


def directories_gone(one: Everything) -> None:
    shutil.rmtree(one.path / "data/train")
    shutil.rmtree(one.more / "test")


def manifest_elsewhere(one: Everything) -> None:
    (one.path / "manifest.json").rename(one.path.parent / "there.json")


def unsigned_elsewhere(one: Everything) -> None:
    manifest_elsewhere(one)
    signature_gone(one)


def signature_elsewhere(one: Everything) -> None:
    (one.path / "model.sig").rename(one.path.parent / "there.sig")


def signature_inside(one: Everything) -> None:
    """In a directory of the release, beside a file that is none of it."""
    one.put("deep/er/stray.txt", b"x")
    (one.path / "model.sig").rename(one.path / "deep/er/there.sig")


def weights_are_pointers(one: Everything) -> None:
    digest = hashlib.sha256(HERE["m-1.safetensors"]).hexdigest().encode()
    one.put("m-1.safetensors", POINTER % (digest, len(HERE["m-1.safetensors"])))


def ends_in_x(one: Everything) -> None:
    one.put("box", b"x")
    one.put("boX", b"x")


def deep_and_added(one: Everything) -> None:
    one.put("a/b/c/d.txt", b"x")
    one.put("x/y/z.txt", b"x")


def cut_off_elsewhere(one: Everything) -> None:
    file = one.store / "m-3.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
