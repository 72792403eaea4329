"""演示数据: a year of 57 invented banners, six people each. 56 are imported with their marks and ranked; the last has a meeting
and an opinion survey open, so that a phone can vote at once.

All names are plainly invented and every page of the year says so.
"""

import os
import secrets
import string
from pathlib import Path
from random import Random

from flask import Flask
from sqlalchemy import Connection, update

from survey import access, db
from survey.box import collection as collections
from survey.box import keys, opening, slip
from survey.schema import cycle
from survey.year import site, yearbook
from survey.year.yearbook import Book
from survey.year.yearbook.tables import tables
from tally.rulebook import Rulebook

YEAR, MEASURE, BANNERS, BALLOTS, RESPONSES = 2018, "neimenggu-2018", 57, 20, 12
POSITIONS = ("captain", "deputy", "liaison", "member", "member", "member")
STEMS = "甲乙丙丁戊己"
ACCOUNTS = "demo-accounts.txt"
CODES = 12


def load(app: Flask) -> None:
    """Loads the demo into a database without years, and writes the demo accounts' passwords to `instance/demo-accounts.txt`."""
    rulebook = yearbook.rulebook(MEASURE)
    book = invented(rulebook)
    instance = Path(app.config["INSTANCE"])
    with app.app_context():
        with db.deed() as connection:
            site.take_in(connection, book, rulebook, by="demo")
            connection.execute(update(cycle).where(cycle.c.cycle == YEAR).values(demo=True))
        with db.deed() as connection:
            passwords = _accounts(connection)
            codes = _open_last(connection, instance, passwords)
    lines = ["演示数据 · demo accounts (invented, made for this database only)", ""]
    lines += [f"{name}\t{password}" for name, password in passwords.items()]
    lines += ["", "测评码 demo voting codes:", *codes, ""]
    path = instance / ACCOUNTS
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


def name_of(at: int) -> str:
    """The invented banner of that number."""
    return f"示例{at:02d}旗"


def invented(rulebook: Rulebook) -> Book:
    """The demo's year book. The last banner has everything but its marks."""
    chance = Random(YEAR)
    rows: dict[str, list[tuple[str, ...]]] = {name: [] for name in ("banners", "people", "points", "scores", "grades", "factors", "ballots", "opinions")}
    for at in range(1, BANNERS + 1):
        quality = chance.random()
        home = name_of(at)
        rows["banners"].append((home, f"示例盟{(at - 1) // 10 + 1}", "national" if at % 2 else "regional", str(at)))
        people = [f"D{at:02d}{place}" for place in range(1, 7)]
        for person, position, stem in zip(people, POSITIONS, STEMS, strict=True):
            rows["people"].append((person, f"示例{stem}{at:02d}", home, position, f"自治区示例{stem}厅", str(chance.randint(225, 265)), "365"))
        _office(rows, rulebook, chance, home, people, quality)
        if at < BANNERS:
            _marks(rows, chance, home, people, quality)
    settings = [("year", str(YEAR)), ("measure", MEASURE), ("ranked_total", str(BANNERS))]
    return Book.of(tables(rulebook), {"year": settings, **rows})


def _office(rows: dict[str, list[tuple[str, ...]]], rulebook: Rulebook, chance: Random, home: str, people: list[str], quality: float) -> None:
    for sheet in rulebook.sheets:
        for unit in ("示例一嘎查", "示例二嘎查") if sheet.per_unit else ("",):
            for item in sheet.items:
                tenths = int(item.max * 10 * (75 + int(quality * 20) + chance.randint(0, 4)) / 100)
                rows["points"].append((home, "", sheet.id, unit, item.id, f"{tenths / 10:.1f}"))
    for component in ("third_party", "routine"):
        rows["scores"].append((home, "", component, str(78 + int(quality * 15) + chance.randint(0, 5))))
    letters = ("A1", "A2", "A3", "B1", "B2", "B3")
    for person in ("", *people):
        for assessor in ("考核员一", "考核员二", "考核员三"):
            rows["grades"].append((home, person, assessor, letters[min(5, chance.randint(0, 2) + int((1 - quality) * 4))]))
    if quality > 0.7:
        rows["factors"].append((home, "", "exit_precise", "演示数据：退出核查记录"))
    if quality > 0.85:
        rows["factors"].append((home, people[0], "solved_problems", "演示数据：引进项目一个"))


def _marks(rows: dict[str, list[tuple[str, ...]]], chance: Random, home: str, people: list[str], quality: float) -> None:
    grades, weights = ("good", "fairly_good", "average", "poor"), (4 + 6 * quality, 3, 1.5 - quality, 0.4)
    groups = ("leaders", "departments", "townships", "village_teams")
    for ballot in range(BALLOTS):
        for person in people:
            for item, grade in zip(("tasks", "organisation", "service", "results", "overall"), chance.choices(grades, weights, k=5), strict=True):
                rows["ballots"].append((home, f"{ballot + 1}", groups[ballot % 4], person, item, grade))
    for response in range(RESPONSES):
        who = (home, "示例一嘎查", f"{response + 1}", "household" if response % 2 else "committee")
        for question in ("real_work", "explains", "solves", "village_team", "team_satisfied"):
            rows["opinions"].append((*who, "", question, chance.choices(grades, weights)[0]))
        for person in people:
            rows["opinions"].append((*who, person, "known", "acquainted"))
            for question in ("work", "help", "satisfied"):
                rows["opinions"].append((*who, person, question, chance.choices(grades, weights)[0]))


def _accounts(connection: Connection) -> dict[str, str]:
    """The last banner's two officers, under random passwords."""
    alphabet = string.ascii_lowercase + string.digits
    made = {}
    for name, title, role in (("demo-teller", "示例计票人", "teller"), ("demo-scrutineer", "示例监票人", "scrutineer")):
        made[name] = "".join(secrets.choice(alphabet) for _ in range(14))
        if access.find(connection, name) is None:
            access.create(connection, name=name, title=title, roles={role}, password=made[name], by="demo")
        else:
            access.set_password(connection, name=name, password=made[name], by=name)
    return made


def _open_last(connection: Connection, instance: Path, passwords: dict[str, str]) -> list[str]:
    """Opens the last banner's meeting and survey; some voting codes to try."""
    home, codes = name_of(BANNERS), []
    teller, scrutineer = passwords.values()
    for kind, mode, title in (("appraisal", "slips", "总结测评会（演示数据）"), ("opinion", "link", "民意调查（演示数据）")):
        name = collections.draft(
            connection, cycle=YEAR, banner=home, kind=kind, mode=mode, title=title, cap=200 if mode == "link" else None, held_on="2019-01-20",
            smallest_group=1,  # whoever tries the demo casts two or three ballots and wants to see them counted
        )
        store = keys.of(instance, name)
        if mode == "slips":
            made = slip.make(connection, store, name, voice="leaders", medium="phone", number=CODES)
            codes = [f"{each.code[:5]}-{each.code[5:]}" for each in made]
        officers = {"teller": "demo-teller", "scrutineer": "demo-scrutineer"}
        figures = {"delivered_on": "2019-01-15", "expected": CODES, "present": CODES, "issued": CODES} if mode == "slips" else {}
        collections.change(connection, name, **figures, **officers)
        house = collections.get(connection, name)
        assert house is not None
        reasons = {"https": "演示数据"}
        opening.open_box(
            connection, instance, house, teller=teller, scrutineer=scrutineer, by="demo-teller", secure=False, reasons=reasons
        )
    return codes
