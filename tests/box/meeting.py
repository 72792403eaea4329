"""A meeting for the tests, made as the office makes one: roster, officers, slips, open, vote, seal."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from survey import access, db
from survey.box import casting, keys, opening, sealing, slip
from survey.box import collection as collections
from survey.schema import banner, cycle, person

TELLER, SCRUTINEER = "teller-password", "scrutineer-password"
BANNER = "示例旗"
GRADES = ("good", "fairly_good", "average", "poor")
ITEMS = ("tasks", "organisation", "service", "results", "overall")
SCORED = frozenset({"real_work", "explains", "solves", "village_team", "team_satisfied", "work", "help", "satisfied"})


def roster(connection, people=3):
    """A year with one banner and some people, and the accounts of two officers."""
    connection.execute(insert(cycle).values(cycle=2018, measure="neimenggu-2018"))
    connection.execute(insert(banner).values(cycle=2018, banner=BANNER))
    for at in range(people):
        position = ("captain", "deputy", "liaison", "member")[min(at, 3)]
        connection.execute(
            insert(person).values(cycle=2018, person=f"P{at}", name=f"示例{at}", banner=BANNER, position=position)
        )
    access.create(connection, name="teller", title="计票甲", roles={"teller"}, password=TELLER, by="office")
    access.create(connection, name="scrutineer", title="监票乙", roles={"scrutineer"}, password=SCRUTINEER, by="office")


@dataclass
class Meeting:
    """An open collection and the codes of its slips."""

    app: Any
    name: str
    codes: list[slip.Code] = field(default_factory=list)
    envelope: str = ""

    @property
    def instance(self) -> Path:
        return Path(self.app.config["INSTANCE"])

    @property
    def house(self):
        with db.reading() as connection:
            return collections.get(connection, self.name)

    @property
    def form(self):
        house = self.house
        with db.reading() as connection:
            return collections.form(connection, house)

    def reply(self, seed=0, **fields):
        """A reply that differs with the seed, or the fields given."""
        form = self.form
        given = {}
        turn = itertools.count(seed)
        for item in form.items():
            if item.question.kind == "one":
                given[item.name] = [item.question.options[next(turn) % len(item.question.options)].id]
        read, faults = form.read({key: [value] for key, value in fields.items()} if fields else given)
        assert not faults, faults
        return read

    def vote(self, at, *, seed=None, nonce=None, source="phone", slip_text=None, reply=None, voice=""):
        """One voter's cast with the slip of that number."""
        return casting.cast(
            collection=self.house, form=self.form, reply=reply or self.reply(at if seed is None else seed),
            nonce=nonce or casting.new_nonce(self.name),
            slip=None if self.house.mode == "link" else slip_text or self.codes[at].token, voice=voice, source=source,
        )  # fmt: skip

    def close(self):
        with db.deed() as connection:
            return sealing.close(connection, collections.get(connection, self.name), by="teller")

    def seal(self, **kw):
        return sealing.seal(
            db.engine(), self.instance, self.name, scored=SCORED, by="teller", teller=TELLER, scrutineer=SCRUTINEER, **kw
        )


def draft(app, *, slips=10, kind="appraisal", mode="slips", voices=("leaders",), people=3, fresh=True, **columns):
    """A collection in draft with printed slips."""
    with db.deed() as connection:
        if fresh:
            roster(connection, people)
        name = collections.draft(
            connection,
            cycle=2018,
            banner=BANNER,
            kind=kind,
            mode=mode,
            title="总结测评会",
            cap=slips if mode == "link" else None,
            **columns,
        )
        meeting = Meeting(app, name)
        if mode == "slips":
            for voice, number in zip(voices, share(slips, len(voices)), strict=True):
                meeting.codes += slip.make(
                    connection, keys.of(meeting.instance, name), name, voice=voice, medium="phone", number=number
                )
        collections.change(
            connection, name, teller="teller", scrutineer="scrutineer", expected=slips, present=slips, issued=slips,
            held_on="2019-01-10", delivered_on="2019-01-05",
        )  # fmt: skip
    return meeting


def opened(app, **kw):
    """An open collection."""
    meeting = draft(app, **kw)
    with db.deed() as connection:
        meeting.envelope = opening.open_box(
            connection,
            meeting.instance,
            collections.get(connection, meeting.name),
            teller=TELLER,
            scrutineer=SCRUTINEER,
            by="teller",
            secure=True,
        )
    return meeting


def share(total, parts):
    """A total in nearly equal parts."""
    return [total // parts + (at < total % parts) for at in range(parts)]
