"""What of a chapter an exercise needs: the imports and definitions that its names lead to.

Names are followed backwards from the exercise through the chapter's statements: what defines a
name, what that definition uses, and so on. Nothing is run.
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# An answer may well use NumPy where the reference solution does not.
ALWAYS = {"np"}
_MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)
_CODE_SPAN = re.compile(r"`([^`]+)`")
# `np.array(…)` and `adam` name something of the chapter; in `(F, C // groups)` letters are sizes.
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?=[.(]|$)")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# What symtable calls the scopes that run where they stand.
_AT_ONCE = ("listcomp", "setcomp", "dictcomp", "genexpr")
_IMPORTS = (ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Statement:
    """One statement of a chapter, or one name of an import.

    `binds` are the names it gives a value, `uses` those it reads; `later` those that only a call
    of what it defines reads. A statement that `keeps` changes a value that there was before.
    """

    source: str
    binds: frozenset[str]
    uses: frozenset[str]
    later: frozenset[str]
    keeps: bool
    is_assignment: bool


def statements(cells: Iterable[str]) -> list[Statement]:
    """Split code cells into statements that bind names; an import into one for each name."""
    found: list[Statement] = []
    for cell in cells:
        source = _MAGIC.sub("", cell)
        for node in ast.parse(source).body:
            found.extend(_statements_of(node, source))
    return found


def needed(chapter: Sequence[Statement], code: str, text: str = "") -> list[Statement]:
    """Return the statements that `code` needs, and the definitions that `text` names.

    Parameters
    ----------
    chapter
        What comes before the exercise, in order.
    code
        The answer, or several answers.
    text
        The statement of the exercise. Of names between backticks only functions, classes and
        imports count: a variable of that name is most likely the exercise's own.
    """
    own = _bound(code)
    defined = {n for s in chapter if not s.is_assignment for n in s.binds}
    mentioned = (names_between_backticks(text) & defined) - own - _parameters(code)
    mentioned |= ALWAYS & defined
    wanted = set().union(*_read(code)) - own - set(dir(builtins)) | mentioned
    while True:
        chosen = _backwards(chapter, wanted)
        more = wanted.union(*(statement.later for statement in chosen))
        if more == wanted:
            return chosen
        wanted = more


def names_between_backticks(text: str) -> set[str]:
    """Return the names in a text's code that are called, stand before a dot or stand alone."""
    return {name for span in _CODE_SPAN.findall(text) for name in _NAME.findall(span)}


def defined_names(code: str) -> tuple[str, ...]:
    """Return the functions, classes and variables that a cell defines, in their order."""
    names: dict[str, None] = {}
    for node in ast.parse(code).body:
        names.update(dict.fromkeys(sorted(_bound(node))))
    return tuple(names)


def _backwards(chapter: Sequence[Statement], wanted: set[str]) -> list[Statement]:
    open_names, chosen = set(wanted), []
    for statement in reversed(chapter):
        if not statement.binds & open_names:
            continue
        chosen.append(statement)
        if not statement.keeps:
            open_names -= statement.binds
        open_names |= statement.uses
    return chosen[::-1]


def _statements_of(node: ast.stmt, source: str) -> list[Statement]:
    if isinstance(node, _IMPORTS):
        return [_one_import(node, alias) for alias in node.names]
    binds = _bound(node) | _changed(node)
    if not binds:
        return []
    text = ast.get_source_segment(source, node) or ast.unparse(node)
    if isinstance(node, _DEFINITIONS) and node.decorator_list:
        first = node.decorator_list[0].lineno - 1
        text = "\n".join(source.splitlines()[first : node.end_lineno])
    uses, later = _read(node)
    keeps = bool(_changed(node)) or not isinstance(node, (*_DEFINITIONS, ast.Assign, ast.AnnAssign))
    assignment = not isinstance(node, _DEFINITIONS)
    return [Statement(text, frozenset(binds), frozenset(uses), frozenset(later), keeps, assignment)]


def _one_import(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> Statement:
    one = type(node)(**{**dict(ast.iter_fields(node)), "names": [alias]})
    name = alias.asname or alias.name.split(".")[0]
    # `import scipy.signal` and `import scipy.ndimage` both bind scipy, and both may be needed.
    keeps = isinstance(node, ast.Import) and "." in alias.name and alias.asname is None
    nothing: frozenset[str] = frozenset()
    return Statement(ast.unparse(one), frozenset({name}), nothing, nothing, keeps, False)


def _bound(code: str | ast.AST) -> set[str]:
    """Return the names that code gives a value at the top level."""
    table = _table(code)
    return {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}


def _changed(node: ast.stmt) -> set[str]:
    """Return the names whose values a statement changes in place: x += 1, x[0] = 1, x.a = 1."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.AugAssign):
        targets = [node.target]
    elif isinstance(node, ast.Assign):
        targets = [t for t in node.targets if isinstance(t, (ast.Subscript, ast.Attribute))]
    names = set()
    for target in targets:
        root: ast.expr = target
        while isinstance(root, (ast.Subscript, ast.Attribute)):
            root = root.value
        if isinstance(root, ast.Name):
            names.add(root.id)
    return names


def _read(code: str | ast.AST) -> tuple[set[str], set[str]]:
    """Return the names that running code reads from outside, and those read only by later calls."""
    at_once: set[str] = set()
    later: set[str] = set()

    def walk(table: symtable.SymbolTable, called: bool) -> None:
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (symbol.is_global() or table.get_type() == "module"):
                (later if called else at_once).add(symbol.get_name())
        for inner in table.get_children():
            is_function = inner.get_type() == "function" and inner.get_name() not in _AT_ONCE
            walk(inner, called or is_function)

    walk(_table(code), False)
    return at_once, later


def _table(code: str | ast.AST) -> symtable.SymbolTable:
    return symtable.symtable(code if isinstance(code, str) else ast.unparse(code), "code", "exec")


def _parameters(code: str) -> set[str]:
    return {argument.arg for argument in ast.walk(ast.parse(code)) if isinstance(argument, ast.arg)}
