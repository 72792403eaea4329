"""A small whole year to change one thing in: every test says only what it is about."""

from dataclasses import dataclass, field
from fractions import Fraction

from tally.facts import Banner, Facts, Opinion, Person, Subject

POSITIONS = ("captain", "deputy", "liaison", "member")
ITEMS = ("tasks", "organisation", "service", "results", "overall")
ABOUT_PERSON = ("work", "help", "satisfied")
ABOUT_TEAM = ("real_work", "explains", "solves", "village_team", "team_satisfied")
INDICATORS = {
    "reduction": 10, "income": 10, "incidence": 10, "precision": 15, "projects": 15, "funds": 10,
    "advice": 5, "follow_up": 5, "organisation": 10, "publicity": 5, "outreach": 5,
}  # fmt: skip


def team(number: int) -> Subject:
    """The team of banner `number`, from 1."""
    return Subject(banner=f"示例{number:02d}旗")


def person(number: int, position: str = "captain") -> Subject:
    """A person of banner `number`."""
    return Subject(banner=f"示例{number:02d}旗", person=f"{number:02d}-{position}")


@dataclass
class Year:
    """Every input of `size` banners with a person in each position; all scores 90, no factor, no rank."""

    size: int = 1
    ranked_total: int | None = 57
    choices: dict = field(default_factory=dict)
    ranks: dict = field(default_factory=dict)
    days: dict = field(default_factory=dict)
    assigned: dict = field(default_factory=dict)
    points: dict = field(default_factory=dict)
    scores: dict = field(default_factory=dict)
    grades: dict = field(default_factory=dict)
    factors: dict = field(default_factory=dict)
    appraisal: dict = field(default_factory=dict)
    opinion: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number in range(1, self.size + 1):
            self.scores[team(number)] = {
                name: Fraction(90) for name in ("indicators", "routine", "third_party", "ledger", "visits")
            }
            self.grades[team(number)] = {f"考核员{mark}": "B1" for mark in "甲乙丙"}
            for position in POSITIONS:
                one = person(number, position)
                self.grades[one] = {f"考核员{mark}": "B1" for mark in "甲乙丙"}
                self.marks(one, good=1, fairly_good=1)
                self.answers(one, responses=10, good=5, fairly_good=5)

    def marks(self, subject: Subject, group: str = "households", **counts: int) -> "Year":
        """The same counts in each of the five items, in one group."""
        for item in ITEMS:
            self.appraisal.setdefault(subject, {}).setdefault(item, {})[group] = counts
        return self

    def answers(self, subject: Subject, responses: int, **counts: int) -> "Year":
        """The same counts in each question about the subject."""
        questions = ABOUT_PERSON if subject.person else ABOUT_TEAM
        self.opinion[subject] = Opinion(marks={each: {"": counts} for each in questions}, valid_responses=responses)
        return self

    def facts(self) -> Facts:
        """The facts."""
        return Facts(
            year=2018,
            measure="neimenggu-2018",
            ranked_total=self.ranked_total,
            choices=self.choices,
            banners=tuple(
                Banner(banner=team(number).banner, poverty_rank=self.ranks.get(number, "none"))
                for number in range(1, self.size + 1)
            ),
            people=tuple(
                Person(
                    person=person(number, position).person,
                    name=f"示例{position}{number}",
                    banner=team(number).banner,
                    position=position,
                    days=self.days.get(person(number, position), Fraction(240)),
                    assigned_days=self.assigned.get(person(number, position), Fraction(365)),
                )
                for number in range(1, self.size + 1)
                for position in POSITIONS
            ),
            points=self.points,
            scores=self.scores,
            grades=self.grades,
            factors=self.factors,
            appraisal=self.appraisal,
            opinion=self.opinion,
        )
