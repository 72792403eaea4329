"""A small year book without faults, that each test spoils in its own way, and the five example year books."""

import csv
import io
import json
from pathlib import Path

import pytest

from survey.year import yearbook
from survey.year.yearbook import Faulty

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())

PLAIN = {
    "year": "key,value\nyear,2018\nmeasure,neimenggu-2018\nranked_total,2\n",
    "banners": "banner,league,level,poverty_rank\n示例甲旗,示例盟,national,1\n示例乙旗,示例盟,regional,none\n",
    "people": (
        "person,name,banner,position,unit,days,assigned_days\n"
        "P1,示例一,示例甲旗,captain,示例厅,241,\nP2,示例二,示例甲旗,member,,239.5,248\nP3,示例三,示例乙旗,liaison,示例厅,,\n"
    ),
    "points": (
        "banner,person,sheet,unit,item,points\n示例甲旗,,indicators,,reduction,9.25\n示例甲旗,,ledger,,records,12.5\n"
        "示例甲旗,P1,visits,示例嘎查,effects,29\n示例甲旗,P1,visits,示例嘎查,precision,38.5\n"
    ),
    "scores": "banner,person,component,score\n示例甲旗,,routine,90\n示例甲旗,P1,visits,88.25\n",
    "grades": "banner,person,assessor,grade\n示例甲旗,P1,考核员甲,A2\n示例甲旗,,考核员甲,B1\n",
    "factors": "banner,person,factor,evidence\n示例甲旗,,exit_precise,示例依据\n示例甲旗,P1,office_tasks_poor,示例依据\n",
    "ballots": (
        "banner,ballot,group,person,item,grade\n示例甲旗,1,leaders,P1,tasks,good\n示例甲旗,1,leaders,P1,overall,void\n"
        "示例甲旗,2,households,P1,tasks,poor\n"
    ),
    "opinions": (
        "banner,village,response,respondent,person,question,answer\n示例甲旗,示例嘎查,1,household,,real_work,good\n"
        "示例甲旗,示例嘎查,1,household,P1,known,seen\n示例甲旗,示例嘎查,1,household,P1,work,unsure\n"
        "示例甲旗,示例嘎查,1,household,,aware,heard\n"
    ),
}


def put(folder: Path, **changed: str | None) -> Path:
    """Write the plain year book into the folder, some tables otherwise (None: not at all)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (PLAIN | changed).items():
        if text is not None:
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def faults(path: Path) -> list[str]:
    """The lines of a year book's faults; none when it can be read."""
    try:
        yearbook.read(path)
    except Faulty as faulty:
        return [fault.line() for fault in faulty.faults]
    return []


def records(book: yearbook.Book) -> dict[str, list[tuple[str, ...]]]:
    """Every row of every table, sorted: what two equal year books share."""
    return {name: sorted(rows) for name, rows in book.tables.items()}


def table(text: str) -> list[list[str]]:
    """The rows of a CSV text, its heading first."""
    return list(csv.reader(io.StringIO(text)))


def expected(name: str) -> dict:
    """The result that is right for an example."""
    return json.loads((EXAMPLES / name / "expected.json").read_text(encoding="utf-8"))


def holds(wanted: object, found: object, path: str = "") -> list[str]:
    """Where `found` lacks something `wanted` says; readers of a result ignore keys they do not know."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [fault for key, value in wanted.items() for fault in holds(value, found.get(key), f"{path}.{key}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [fault for at, value in enumerate(wanted) for fault in holds(value, found[at], f"{path}[{at}]")]
    return [] if wanted == found and type(wanted) is type(found) else [f"{path}: {found!r}, not {wanted!r}"]


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """The plain year book in a folder."""
    return put(tmp_path / "book")
