"""The ladder of the desk: office → year → people → meeting → opened, each rung made through the pages.

It is climbed once a run; a test begins on its rung with a copy of the instance and everybody signed in.
"""

import shutil
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest

from app import create_app
from survey import access, db
from survey.box import keys, slip
from tests.desk.office import BANNER, OTHER, PASSWORDS, ROSTER, Person, account, both, welcome

ROLES = ("teller", "scrutineer", "staff", "viewer", "assessor")


def started(instance, cache):
    """An app on that instance; templates are compiled once a run."""
    app = create_app({"INSTANCE": str(instance), "DATABASE_URL": f"sqlite:///{instance}/survey.db", "TESTING": True})
    app.jinja_env.bytecode_cache = jinja2.FileSystemBytecodeCache(str(cache))
    return app


class Climb:
    """The rungs, one above the other, on an app with a migrated database; `now` holds everybody and what was made."""

    def __init__(self, app):
        self.now = SimpleNamespace(app=app)

    def desk(self):
        app = self.now.app
        with app.app_context(), db.deed() as connection:
            access.create(
                connection, name="office", title="示例办公室", roles={"office"}, password=access.unusable(), by="serve"
            )
            secret = access.invite(connection, "office")
        self.now.office = welcome(app, secret, PASSWORDS["office"])

    def year(self):
        office = self.now.office
        office.get("/desk/cycle/new")
        office.fill("/cycle/new", year="2018", measure="neimenggu-2018", ranked_total="101")
        for name in (BANNER, OTHER):
            office.get("/desk/roster/new")
            office.fill("/roster/new", banner=name, league="示例盟", level="national", poverty_rank="3")
        office.get("/desk/roster/import")
        office.fill("/roster/import", file=("人员.csv", ROSTER.encode("gb18030")))

    def people(self):
        for name in ROLES:
            setattr(self.now, name, account(self.now.office, self.now.app, name, [name], BANNER if name == "staff" else ""))

    def meeting(self):
        now = self.now
        now.office.get("/desk/meetings/new")
        now.office.fill("/meetings/new", banner=BANNER, kind="appraisal", mode="slips", place="示例礼堂", held_on="2019-01-10")
        now.name = now.office.page.url.rsplit("/", 1)[1]
        now.url = f"/desk/meeting/{now.name}"
        now.office.fill("/prepare", teller="teller", scrutineer="scrutineer", delivered_on="2019-01-05")
        instance = Path(now.app.config["INSTANCE"])
        with now.app.app_context(), db.deed() as connection:  # the print job's part
            now.codes = slip.make(connection, keys.of(instance, now.name), now.name, voice="leaders", medium="phone", number=10)

    def opened(self):
        now = self.now
        for officer in (now.teller, now.scrutineer):
            officer.get(now.url)
            officer.fill("/figures", expected="12", present="10", issued="10")
        now.teller.get(now.url)
        page = now.teller.fill("/open", **both())
        now.envelope = page.html.split('class="envelope"><code>')[1].split("<")[0]


class Ladder:
    """The rungs, as folders of an instance and the cookies of everybody signed in."""

    def __init__(self, folder):
        self.folder, self.rungs = folder, {}
        self.cache = folder / "templates"
        self.cache.mkdir()
        instance = folder / "instance"
        instance.mkdir()
        app = started(instance, self.cache)
        with app.app_context():
            db.migrate(db.engine())
        climb = Climb(app)
        for rung in (climb.desk, climb.year, climb.people, climb.meeting, climb.opened):
            rung()
            app.extensions["engine"].dispose()
            shutil.copytree(instance, folder / rung.__name__)
            self.rungs[rung.__name__] = dict(vars(climb.now))

    def copy(self, rung, instance):
        """A fresh copy of a rung."""
        shutil.copytree(self.folder / rung, instance, dirs_exist_ok=True)
        kept = self.rungs[rung]
        app = started(instance, self.cache)
        there = SimpleNamespace(**kept)
        there.app = app
        for name, value in kept.items():
            if isinstance(value, Person):
                person = Person(app)
                for cookie in value.client._cookies.values():
                    person.client.set_cookie(cookie.key, cookie.value, domain=cookie.domain, path=cookie.path)
                setattr(there, name, person)
        return there


@pytest.fixture(scope="session")
def ladder(tmp_path_factory):
    """All rungs, made once."""
    return Ladder(tmp_path_factory.mktemp("ladder"))


def _rung(name):
    def begin(ladder, tmp_path):
        there = ladder.copy(name, tmp_path)
        yield there
        there.app.extensions["engine"].dispose()

    return pytest.fixture(name=name)(begin)


@pytest.fixture(params=["sqlite", "postgresql"])
def people_on_either(request, make_app):
    """The third rung on both databases; on PostgreSQL climbed anew."""
    if request.param == "sqlite":
        return request.getfixturevalue("people")
    climb = Climb(make_app("postgresql"))
    for rung in (climb.desk, climb.year, climb.people):
        rung()
    return climb.now


desk, year, people, meeting, opened = map(_rung, ("desk", "year", "people", "meeting", "opened"))
