"""Scoring a region's year: `flask score` beside reading the same files with the csv module, whole processes compared.

57 invented banners (演示数据), six people each, 100 ballots and 110 responses a banner. Prints wall time, peak memory
and the ratio of the two; the goal is at most 4.
"""

import csv
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BANNERS, BALLOTS, RESPONSES, ROUNDS, GOAL = 57, 100, 110, 7, 4
POSITIONS = ("captain", "deputy", "liaison", "member", "member", "member")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # as installed
READ = """
import csv, pathlib, sys
for file in pathlib.Path(sys.argv[1]).glob("*.csv"):
    with file.open(newline="", encoding="utf-8") as lines:
        for row in csv.reader(lines):
            pass
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One process: seconds of wall time, peak memory in MB."""

    seconds: float
    megabytes: float


def generate(folder: Path, *, seed: int = 1) -> int:
    """Write an invented year book into the folder; the number of its rows."""
    chance = random.Random(seed)
    banners = [f"示例{number:02}旗" for number in range(1, BANNERS + 1)]
    people = {banner: [f"P{place:02}{seat}" for seat in range(1, 7)] for place, banner in enumerate(banners, 1)}
    groups = ("leaders", "departments", "townships", "village_teams", "households")
    items = ("tasks", "organisation", "service", "results", "overall")
    marks = ("good", "good", "good", "fairly_good", "fairly_good", "average", "poor", "blank", "void")
    answers = ("good", "good", "fairly_good", "average", "poor", "unsure")
    indicators = {
        "reduction": 10, "income": 10, "incidence": 10, "precision": 15, "projects": 15, "funds": 10,
        "advice": 5, "follow_up": 5, "organisation": 10, "publicity": 5, "outreach": 5,
    }  # fmt: skip

    def ballots() -> Iterable[tuple[object, ...]]:
        for banner in banners:
            for number in range(BALLOTS):
                group = chance.choice(groups)
                for person in people[banner]:
                    for item in items:
                        yield banner, f"票{number}", group, person, item, chance.choice(marks)

    def opinions() -> Iterable[tuple[object, ...]]:
        for banner in banners:
            for number in range(RESPONSES):
                known = (banner, f"示例嘎查{number % 8}", f"卷{number}", chance.choice(("committee", "household")))
                for question in ("real_work", "explains", "solves", "village_team", "team_satisfied"):
                    yield *known, "", question, chance.choice(answers)
                for person in people[banner]:
                    met = chance.choice(("acquainted", "seen", "seen", "stranger"))
                    yield *known, person, "known", met
                    if met != "stranger":
                        for question in ("work", "help", "satisfied"):
                            yield *known, person, question, chance.choice(answers)

    def subjects() -> Iterable[tuple[str, str]]:
        for banner in banners:
            yield banner, ""
            for person in people[banner]:
                yield banner, person

    def points() -> Iterable[tuple[object, ...]]:
        for banner in banners:
            for item, most in indicators.items():
                yield banner, "", "indicators", "", item, most * chance.randint(70, 100) / 100
            for person in people[banner]:
                for village in range(8):
                    for item, most in (("effects", 30), ("precision", 40), ("conduct", 30)):
                        yield banner, person, "visits", f"示例嘎查{village}", item, most * chance.randint(70, 100) / 100

    tables: dict[str, tuple[str, Iterable[tuple[object, ...]]]] = {
        "year": ("key,value", [("year", 2018), ("measure", "neimenggu-2018"), ("ranked_total", BANNERS)]),
        "banners": (
            "banner,league,level,poverty_rank",
            [(each, "示例盟", "national", rank) for rank, each in enumerate(banners, 1)],
        ),
        "people": (
            "person,name,banner,position,unit,days,assigned_days",
            [
                (person, f"示例甲{person}", banner, position, "自治区示例厅", chance.choice((238.5, 240, 245)), 248)
                for banner in banners
                for person, position in zip(people[banner], POSITIONS, strict=True)
            ],
        ),
        "points": ("banner,person,sheet,unit,item,points", points()),
        "scores": (
            "banner,person,component,score",
            [
                (each, "", part, chance.randint(7000, 9900) / 100)
                for each in banners
                for part in ("routine", "third_party", "ledger")
            ],
        ),
        "grades": (
            "banner,person,assessor,grade",
            [(*each, f"考核员{n}", chance.choice(("A1", "A3", "B1", "C2"))) for each in subjects() for n in range(5)],
        ),
        "factors": ("banner,person,factor,evidence", [(*each, "solved_problems", "示例依据") for each in subjects()]),
        "ballots": ("banner,ballot,group,person,item,grade", ballots()),
        "opinions": ("banner,village,response,respondent,person,question,answer", opinions()),
    }  # fmt: skip
    total = 0
    for name, (heading, rows) in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(heading.split(","))
            for row in rows:
                writer.writerow(row)
                total += 1
    return total


def run(command: list[str]) -> Run:
    """Run a command to its end; raises CalledProcessError where it fails."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=Path(__file__).parent.parent, env=ENVIRONMENT)
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return Run(seconds=seconds, megabytes=_megabytes(used))


def _megabytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


def best(*commands: list[str]) -> list[Run]:
    """The quickest of several runs of each command, run in turns so that all meet the same weather."""
    rounds = [[run(command) for command in commands] for _ in range(ROUNDS)]
    return [min(runs, key=lambda each: each.seconds) for runs in zip(*rounds, strict=True)]


def main() -> None:
    """Generate, run both, print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = generate(folder)
        flask = str(Path(sys.executable).with_name("flask"))
        plain, scored = best([sys.executable, "-c", READ, name], [flask, "score", name, "--json"])
    print(f"{rows:,} rows of a year book in CSV, best of {ROUNDS} whole processes")
    print(f"{'':24}{'wall s':>8}{'peak MB':>9}{'ratio':>7}")
    print(f"{'csv.reader, read only':24}{plain.seconds:8.2f}{plain.megabytes:9.0f}{1:7.1f}")
    ratio = scored.seconds / plain.seconds
    print(f"{'flask score --json':24}{scored.seconds:8.2f}{scored.megabytes:9.0f}{ratio:7.1f}   goal: at most {GOAL}")


if __name__ == "__main__":
    main()
