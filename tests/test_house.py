"""The house keeps its shape: imports run one way, every template has its view, every text its English."""

import ast
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

from survey import translations

ROOT = Path(__file__).parent.parent

# From the top down. A module may import what stands in a lower room, or in its own.
ROOMS = (
    ("app",),
    ("survey.cli", "survey.serve", "survey.demo"),
    ("survey.phone",),
    ("survey.paper",),
    ("survey.desk",),
    ("survey.year",),
    ("survey.backup", "survey.rescue", "survey.entry", "survey.draw", "survey.wording"),
    ("survey.box",),
    ("survey.roster",),
    ("survey.xlsform", "survey.questionnaire", "survey.ability"),
    ("survey.condition",),
    ("survey.instrument",),
    ("survey.access", "survey.job", "survey.vault"),
    ("survey.journal",),
    ("survey.schema", "survey.db", "survey.translations", "survey"),
    ("tally.outcome",),
    ("tally",),
)
KEYWORDS = {"_": None, "gettext": None, "_l": None, "ngettext": (1, 2), "lazy_gettext": None}
FORBIDDEN_IN_TALLY = {"flask", "sqlalchemy", "sqlite3", "random", "secrets", "pathlib", "os", "io", "time", "survey", "sqlite_utils"}


def room(module: str) -> int | None:
    """The index of the room a module stands in: the longest name that fits."""
    fits = [(len(name), at) for at, names in enumerate(ROOMS) for name in names if f"{module}.".startswith(f"{name}.")]
    return max(fits)[1] if fits else None


def modules() -> list[tuple[str, Path]]:
    """Every module of the product, with its file."""
    files = [ROOT / "app.py", *(ROOT / "survey").rglob("*.py"), *(ROOT / "tally").rglob("*.py")]
    found = []
    for path in sorted(files):
        if "versions" in path.parts or path.name == "env.py":
            continue
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return found


def imported(path: Path) -> set[str]:
    """Every module name a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize(("module", "path"), modules(), ids=[m for m, _ in modules()])
def test_imports_run_downwards(module, path):
    here = room(module)
    assert here is not None, f"{module} stands in no room: give it one in ROOMS"
    for name in imported(path):
        there = room(name)
        if there is not None and name.split(".")[0] in ("app", "survey", "tally"):
            assert there >= here, f"{module} imports {name}, which stands above it"


def test_the_reckoning_knows_nothing_of_the_world():
    for module, path in modules():
        if module.split(".")[0] == "tally":
            roots = {name.split(".")[0] for name in imported(path)}
            assert not roots & FORBIDDEN_IN_TALLY, f"{module} imports {roots & FORBIDDEN_IN_TALLY}"


def test_every_template_is_used():
    sources = "\n".join(p.read_text(encoding="utf-8") for p in [*ROOT.glob("survey/**/*.py"), *ROOT.glob("templates/**/*")] if p.is_file())
    unused = [
        str(path.relative_to(ROOT / "templates"))
        for path in (ROOT / "templates").rglob("*.*")
        if str(path.relative_to(ROOT / "templates")) not in sources and path.name not in sources and f'"{path.stem}"' not in sources
    ]
    assert not unused


@pytest.mark.parametrize("face", ["phone", "desk", "paper", "reports"])
def test_every_text_has_its_english(face):
    known = translations.catalog()
    methods = [("**.py", "python"), ("**.html", "jinja2"), ("**.js", "ignore")]
    missing = set()
    for folder in (f"survey/{face}", f"templates/{face}"):
        if not (ROOT / folder).is_dir():
            continue
        for file, line, message, *_ in extract_from_dir(str(ROOT / folder), methods, keywords=KEYWORDS):
            text = message[0] if isinstance(message, tuple) else message
            found = known.get(text)
            if not (found and found.string):
                missing.add(f"{folder}/{file}:{line}: {text}")
    assert not missing, "\n".join(sorted(missing))
