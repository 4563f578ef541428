from __future__ import annotations

import hashlib
import random
import subprocess

from hypothesis import given
from hypothesis import strategies as st

from manifest.inventory import FileEntry, tree_digest

SHA = st.binary(min_size=32, max_size=32).map(bytes.hex)
ENTRIES = st.lists(
    st.builds(
        FileEntry,
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
        st.integers(0, 2**63),
        SHA,
    ),
    unique_by=lambda entry: entry.path,
)


def test_the_documented_bytes() -> None:
    a, b, c = (hashlib.sha256(text).hexdigest() for text in (b"a", b"bb", b""))
    entries = [FileEntry("é", 0, c), FileEntry("b/a", 2, b, blake3="0" * 64), FileEntry("b-", 1, a)]
    written = "b-\0" + f"1\0{a}\nb/a\0" + f"2\0{b}\né\0" + f"0\0{c}\n"
    assert tree_digest(entries) == hashlib.sha256(written.encode()).hexdigest()


def test_sort_and_sha256sum_compute_it_too() -> None:
    """An independent oracle: the shell, with lines sorted by their bytes."""
    entries = [
        FileEntry(path, size, hashlib.sha256(path.encode()).hexdigest())
        for size, path in enumerate(
            ["z", "a", "a/b", "a-b", "é", "模", "A", "\U0001f600", "\uffee"]
        )
    ]
    script = (
        'while read -r path size sha; do printf "%s\\0%s\\0%s\\n" "$path" "$size" "$sha"; done'
        " | LC_ALL=C sort | sha256sum"
    )
    lines = "".join(f"{entry.path} {entry.size} {entry.sha256}\n" for entry in entries)
    done = subprocess.run(
        ["bash", "-c", script], input=lines.encode(), capture_output=True, check=True
    )
    assert tree_digest(entries) == done.stdout.decode().split()[0]


@given(ENTRIES, st.randoms(use_true_random=False))
def test_the_order_of_the_list_does_not_matter(
    entries: list[FileEntry], chance: random.Random
) -> None:
    shuffled = list(entries)
    chance.shuffle(shuffled)
    assert tree_digest(shuffled) == tree_digest(entries)


@given(ENTRIES, ENTRIES)
def test_different_trees_have_different_digests(
    one: list[FileEntry], other: list[FileEntry]
) -> None:
    def facts(entries: list[FileEntry]) -> set[tuple[str, int, str]]:
        return {(entry.path, entry.size, entry.sha256) for entry in entries}

    assert (tree_digest(one) == tree_digest(other)) == (facts(one) == facts(other))
