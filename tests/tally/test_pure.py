"""The reckoning knows no web, database, clock, chance or file, and its modules stand on those below them only."""

import ast
from pathlib import Path

import pytest

TALLY = Path(__file__).parent.parent.parent / "tally"
FROM_THE_GROUND_UP = (
    "number", "step", "rulebook", "facts", "count", "component", "factor", "score", "team", "person", "rank", "outcome",
)  # fmt: skip
BESIDE = ("indicator", "draw", "tenure", "workday")  # stand on the ground alone; nothing stands on them
ALLOWED = {
    "collections", "dataclasses", "enum", "fractions", "functools", "hashlib", "html", "itertools", "math", "re",
    "tomllib", "typing", "pydantic",
}  # fmt: skip


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names |= {f"tally.{each.name}" for each in node.names} if module == "tally" else {module}
    return names


MODULES = sorted(path for path in TALLY.glob("*.py") if path.stem != "__init__")


def test_every_module_has_its_place():
    assert {path.stem for path in MODULES} == {*FROM_THE_GROUND_UP, *BESIDE}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_only_what_stands_below_it(path):
    below = ("number", "rulebook")
    if path.stem in FROM_THE_GROUND_UP:
        below = FROM_THE_GROUND_UP[: FROM_THE_GROUND_UP.index(path.stem)]
    for name in imports(path):
        first, _, rest = name.partition(".")
        if first == "tally":
            assert rest.split(".")[0] in below
        else:
            assert first in ALLOWED


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_nothing_is_opened_printed_or_floated(path):
    names = {node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)}
    assert not names & {"open", "print", "float", "input", "eval", "exec", "round"}
