"""What a Python file does, as far as its syntax tree tells: nothing is run or imported.

Counted is *work*: live statements that compute something from something else. What can never run
(`if False`, a loop over nothing, what follows a `return`), stubs, constants, and calls of
functions that do nothing are no work. Whether the work is any good, no reading of the text tells.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import operator
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = ["Part", "Program", "read_program"]

_ROUNDS = 8
_OUTPUT = frozenset({"critical", "debug", "error", "info", "log", "print", "warn", "warning"})
_SIMPLE = frozenset(
    {"bool", "bytes", "dict", "float", "int", "iter", "len", "list", "max", "min", "object", "range",
     "repr", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "type"}
)  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_BLOCKS = frozenset({"body", "orelse", "finalbody", "handlers", "cases", "decorator_list"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Loop = ast.For | ast.AsyncFor | ast.While


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A function, a method, or what the file itself runs.

    Attributes:
        name: Its name; empty for the file's own statements.
        work: Live statements that compute.
        words: The names that its live statements use, in lower case, with spaces between.
        shape: A digest of its structure, without the names and constants that anyone can change.
    """

    name: str
    work: int
    words: str
    shape: str


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """What a file of Python does.

    Attributes:
        statements: Live statements besides imports, docstrings and ``pass``.
        blocks: Functions, classes and live loops.
        parts: The parts that can run: all of a library's, and of a script what it calls.
        idle: The parts of a script that nothing in it calls.
        shape: A digest of the whole file's structure.
    """

    statements: int
    blocks: int
    parts: tuple[Part, ...]
    idle: tuple[Part, ...]
    shape: str

    @property
    def work(self) -> int:
        """Live statements that compute, of the parts that can run."""
        return sum(part.work for part in self.parts)

    @property
    def words(self) -> str:
        """The names that the parts that can run use."""
        return " ".join(part.words for part in self.parts)


def read_program(text: str) -> Program | None:
    """Read a file of Python; None when it does not parse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a stranger's invalid escapes are not ours to report
        try:
            return _Reader(ast.parse(text)).program()
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


class _Reader:
    """One pass over one file's tree."""

    def __init__(self, tree: ast.Module) -> None:
        self._own: list[ast.stmt] = []
        self._classes: dict[str, ast.ClassDef] = {}
        self._functions: list[tuple[str, _Function, list[ast.stmt]]] = []
        self._collect(tree.body, "")
        self._shape = _shape(tree.body)
        # Functions that do nothing: a call of one does nothing either.
        self._empty: frozenset[str] = frozenset()
        for _ in range(_ROUNDS):
            empty = frozenset(f.name for _, f, body in self._functions if not self._work(body))
            if empty == self._empty:
                break
            self._empty = empty

    def _collect(self, body: Sequence[ast.stmt], of: str) -> None:
        for statement in _live(body, into_definitions=False):
            if isinstance(statement, _Function):
                inner = list(_live(statement.body, into_definitions=True))
                self._functions.append((of, statement, inner))
            elif isinstance(statement, ast.ClassDef):
                self._classes[statement.name] = statement
                self._collect(statement.body, statement.name)
            else:
                self._own.append(statement)

    def program(self) -> Program:
        everything = [*self._own, *(s for *_, body in self._functions for s in body)]
        definitions = len(self._functions) + len(self._classes)
        loops = sum(isinstance(s, _Loop) for s in everything)
        running = self._running()
        parts = [
            (function.name in running or of in running, self._part(function, body))
            for of, function, body in self._functions
        ]
        own = Part("", self._work(self._own), _words(self._own), _shape(self._own))
        return Program(
            definitions + sum(not _is_nothing(s) for s in everything),
            definitions + loops,
            (own, *(part for runs, part in parts if runs)),
            tuple(part for runs, part in parts if not runs),
            self._shape,
        )

    def _part(self, function: _Function, body: list[ast.stmt]) -> Part:
        named = " ".join(a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg))
        words = f"{function.name} {named} ".lower() + _words(body)
        return Part(function.name, self._work(body), words, _shape(function.body))

    def _running(self) -> frozenset[str]:
        """Names of the functions and classes that can run; those of a library all can."""
        names = {f.name for _, f, _ in self._functions} | set(self._classes)
        if not self._is_script(names):
            return frozenset(names)
        bodies: dict[str, list[ast.stmt]] = {}
        waiting = set(_words(self._own, lower=False).split())
        for of, function, body in self._functions:
            bodies.setdefault(function.name, []).extend(body)
            if of:
                bodies.setdefault(of, []).extend(body)
            if function.decorator_list:  # a command, a hook, a handler: called by what decorates it
                waiting.add(function.name)
        for name, definition in self._classes.items():
            bodies.setdefault(name, []).extend(definition.body)
            bodies[name].extend(ast.Expr(base) for base in definition.bases)
        running: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in names and name not in running:
                running.add(name)
                waiting.update(_words(bodies.get(name, []), lower=False).split())
        return frozenset(running)

    def _is_script(self, names: set[str]) -> bool:
        """Whether the file runs something when it is started, and is not only imported."""
        for statement in self._own:
            if isinstance(statement, _Loop) or _is_main_guard(statement):
                return True
            called = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(called, ast.Call) and _called(called) in {"print", *names}:
                return True
        return False

    def _work(self, statements: Sequence[ast.stmt]) -> int:
        return sum(self._computes(s) for s in statements)

    def _computes(self, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.AugAssign):
            return not _is_constant(statement.value)
        if isinstance(statement, ast.Raise | ast.Assert) or _is_nothing(statement):
            return False
        if _is_main_guard(statement):
            return False
        return any(self._is_work(node) for e in _expressions(statement) for node in ast.walk(e))

    def _is_work(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Call):
            name = _called(node)
            if name in self._empty or name in _OUTPUT:
                return False
            given = [*node.args, *(k.value for k in node.keywords)]
            return name not in _SIMPLE or not all(map(_is_constant, given))
        if isinstance(node, ast.BinOp | ast.Compare | ast.UnaryOp | ast.Subscript):
            return not _is_constant(node)
        return isinstance(
            node,
            ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.Await | ast.Yield,
        )


def _live(body: Sequence[ast.stmt], *, into_definitions: bool) -> Iterator[ast.stmt]:
    """The statements of a block and of all blocks in it that can run, as far as constants tell."""
    for statement in body:
        yield statement
        if isinstance(statement, _Function | ast.ClassDef):
            if into_definitions:
                yield from _live(statement.body, into_definitions=True)
            continue
        for block in _blocks(statement):
            yield from _live(block, into_definitions=into_definitions)
        if isinstance(statement, ast.Return | ast.Raise | ast.Break | ast.Continue):
            return


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a statement that can run."""
    if isinstance(statement, ast.If):
        value = _truth(statement.test)
        if value is not False:
            yield statement.body
        if value is not True:
            yield statement.orelse
        return
    skipped = (isinstance(statement, ast.While) and _truth(statement.test) is False) or (
        isinstance(statement, ast.For | ast.AsyncFor) and _is_empty(statement.iter)
    )
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, None)
        if isinstance(block, list) and not (skipped and name == "body"):
            yield block
    for inner in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield inner.body


def _truth(test: ast.expr) -> bool | None:
    """What a condition comes to where constants decide it; None where they do not."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.List | ast.Tuple | ast.Set):
        return bool(test.elts) if not any(isinstance(e, ast.Starred) for e in test.elts) else None
    if isinstance(test, ast.Dict):
        return bool(test.keys)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _truth(test.operand)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        found = [_truth(v) for v in test.values]
        decides = isinstance(test.op, ast.Or)
        if decides in found:
            return decides
        return None if None in found else not decides
    if isinstance(test, ast.Name | ast.Attribute):
        name = test.id if isinstance(test, ast.Name) else test.attr
        return False if name == "TYPE_CHECKING" else None
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return _compared(test.left, test.ops[0], test.comparators[0])
    return None


def _compared(left: ast.expr, op: ast.cmpop, right: ast.expr) -> bool | None:
    compare = _COMPARE.get(type(op))
    if compare is None or not isinstance(right, ast.Constant):
        return None
    if isinstance(left, ast.Name) and left.id == "__name__" and isinstance(op, ast.Eq):
        return None if right.value == "__main__" else False
    numbers = [n.value for n in (left, right) if isinstance(n, ast.Constant)]
    if not all(isinstance(n, int | float) for n in numbers) or len(numbers) != 2:
        return None
    return bool(compare(*numbers))


def _is_empty(iterated: ast.expr) -> bool:
    """Whether a loop goes over nothing: `()`, `[]`, `""`, `range(0)`."""
    if isinstance(iterated, ast.Call) and _called(iterated) == "range" and iterated.args:
        values = [a.value for a in iterated.args if isinstance(a, ast.Constant)]
        numbers = [v for v in values if isinstance(v, int)]
        if len(numbers) == len(iterated.args) <= 2:
            first, end = (0, *numbers)[-2:]
            return end <= first
    return _truth(iterated) is False


def _is_nothing(statement: ast.stmt) -> bool:
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(
        statement, ast.Import | ast.ImportFrom | ast.Pass | ast.Global | ast.Nonlocal
    )


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and any(
        isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(statement.test)
    )


def _is_constant(node: ast.AST) -> bool:
    """Whether an expression is made of constants alone."""
    return not any(
        isinstance(n, ast.Name | ast.Attribute | ast.Call | ast.NamedExpr | ast.Await)
        for n in ast.walk(node)
    )


def _called(call: ast.Call) -> str:
    """The last part of the name that a call names; empty for other calls."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _expressions(statement: ast.AST) -> Iterator[ast.AST]:
    """What a statement itself evaluates, without the blocks in it."""
    for name, value in ast.iter_fields(statement):
        if name not in _BLOCKS:
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, ast.AST):
                    yield item


def _words(statements: Sequence[ast.stmt], *, lower: bool = True) -> str:
    """The names that statements use."""
    found: list[str] = []
    for statement in statements:
        if isinstance(statement, _Function | ast.ClassDef):
            found.append(statement.name)
        for expression in () if _is_nothing(statement) else _expressions(statement):
            for node in ast.walk(expression):
                if isinstance(node, ast.Name):
                    found.append(node.id)
                elif isinstance(node, ast.Attribute):
                    found.append(node.attr)
                elif isinstance(node, ast.keyword | ast.arg) and node.arg:
                    found.append(node.arg)
    text = " ".join(found)
    return text.lower() if lower else text


def _shape(body: Sequence[ast.stmt]) -> str:
    """A digest of statements that renaming and other constants do not change."""
    digest = hashlib.sha256()
    waiting: list[ast.AST] = [s for s in reversed(body) if not _is_nothing(s)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt) and _is_nothing(node):
            continue
        digest.update(type(node).__name__.encode())
        if isinstance(node, ast.Attribute):
            digest.update(node.attr.encode("utf-8", "surrogatepass"))
        if isinstance(node, ast.Constant):
            digest.update(type(node.value).__name__.encode())
            continue
        children = list(ast.iter_child_nodes(node))
        digest.update(b"(%d)" % len(children))
        waiting.extend(reversed(children))
    return digest.hexdigest()
