"""What a release directory holds: sound paths, the walk, digests, and differences.

Floor 1: knows files and bytes, not documents or signatures.
"""

from manifest.inventory.difference import (
    Difference,
    Expected,
    Item,
    Plan,
    compare,
    conclude,
    plan,
)
from manifest.inventory.digests import Algorithm, Hashed, Progress, digest_of
from manifest.inventory.entries import FileEntry, tree_digest
from manifest.inventory.globs import Matcher, compile_glob, escape_glob, glob_problem
from manifest.inventory.opening import Problem, ProblemKind, read_file
from manifest.inventory.parallel import hash_files
from manifest.inventory.paths import check_path, collisions, path_problem, sort_key
from manifest.inventory.tree import FileStat, NotCovered, Oddity, OddityKind, Tree
from manifest.inventory.walk import NOT_COVERED, OWN_FILES, walk

__all__ = [
    "NOT_COVERED",
    "OWN_FILES",
    "Algorithm",
    "Difference",
    "Expected",
    "FileEntry",
    "FileStat",
    "Hashed",
    "Item",
    "Matcher",
    "NotCovered",
    "Oddity",
    "OddityKind",
    "Plan",
    "Problem",
    "ProblemKind",
    "Progress",
    "Tree",
    "check_path",
    "collisions",
    "compare",
    "compile_glob",
    "conclude",
    "digest_of",
    "escape_glob",
    "glob_problem",
    "hash_files",
    "path_problem",
    "plan",
    "read_file",
    "sort_key",
    "tree_digest",
    "walk",
]
