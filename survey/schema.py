"""The tables, as SQLAlchemy Core.

Keys of every fact begin with the cycle or the collection, so that a nation's data can be sharded by them.
The tables of the sealed box (`slip`, `box`, `remark`, `receipt`, `fragment`, `comment`) have random keys, no row number, and no
column that could say when, whence or by whom an answer came; `receipt`, `fragment` and `comment` share no key (BOX.md, "Rows").
Numbers of the measure are kept as the decimal text that was entered, never as binary floats.
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(name: str, *columns: object, **options: object) -> Table:
    """A table without row numbers on SQLite: its rows stand by key, not by arrival."""
    return Table(name, metadata, *columns, sqlite_with_rowid=False, **options)  # type: ignore[arg-type]


def _text(name: str, **kw: object) -> Column[str]:
    kw.setdefault("nullable", False)
    return Column(name, Text, **kw)  # type: ignore[arg-type]


# ---- what the office keeps -----------------------------------------------------------------------------------------

cycle = _table(
    "cycle",
    Column("cycle", Integer, primary_key=True, autoincrement=False),  # the year assessed
    _text("measure"),
    Column("ranked_total", Integer),
    _text("choices", server_default="{}"),  # JSON: choice id -> text, only those that are not the default
    _text("state", server_default="open"),  # open · final
    Column("demo", Boolean, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="0"),  # raised by every deed that changes a fact
)

banner = _table(
    "banner",
    Column("cycle", Integer),
    _text("banner"),
    _text("league", server_default=""),
    _text("level", server_default=""),  # national · regional · ""
    Column("poverty_rank", Text),  # a positive integer, "none", or null = missing
    PrimaryKeyConstraint("cycle", "banner"),
    ForeignKeyConstraint(["cycle"], ["cycle.cycle"]),
)

village = _table(
    "village",
    Column("cycle", Integer),
    _text("banner"),
    _text("township"),
    _text("village"),
    PrimaryKeyConstraint("cycle", "banner", "township", "village"),
    ForeignKeyConstraint(["cycle", "banner"], ["banner.cycle", "banner.banner"]),
)

person = _table(
    "person",
    Column("cycle", Integer),
    _text("person"),
    _text("name"),
    _text("banner"),
    _text("position"),  # captain · deputy · liaison · member
    _text("unit", server_default=""),
    Column("days", Text),
    Column("assigned_days", Text),
    PrimaryKeyConstraint("cycle", "person"),
    ForeignKeyConstraint(["cycle", "banner"], ["banner.cycle", "banner.banner"]),
)


def _fact(name: str, *keys: str, value: str) -> Table:
    """A fact about a subject: the team (`person` = "") or a person of a banner."""
    return _table(
        name,
        Column("cycle", Integer),
        _text("banner"),
        _text("person", server_default=""),
        *[_text(key) for key in keys],
        _text(value),
        PrimaryKeyConstraint("cycle", "banner", "person", *keys),
        ForeignKeyConstraint(["cycle", "banner"], ["banner.cycle", "banner.banner"]),
    )


point = _fact("point", "sheet", "unit", "item", value="points")
score = _fact("score", "component", value="score")
grade = _fact("grade", "assessor", value="grade")
factor = _fact("factor", "factor", value="evidence")
rate = _fact("rate", "rate", value="number")  # what points of an indicator were reckoned from (D-10); never in a year book

assessor = _table(  # 考核员 of a year, and whose people they must not grade (D-09); accounts stand under their sign-in name
    "assessor",
    Column("cycle", Integer),
    _text("assessor"),
    _text("unit"),
    PrimaryKeyConstraint("cycle", "assessor"),
    ForeignKeyConstraint(["cycle"], ["cycle.cycle"]),
)

draw = _table(  # the villages drawn for a banner (D-28), with all that is needed to draw again
    "draw",
    Column("cycle", Integer),
    _text("banner"),
    _text("seed"),
    _text("announced"),  # where the seed was announced, before anyone could know it
    _text("algorithm"),
    _text("pool"),  # JSON: township -> villages
    _text("villages"),  # JSON: township -> the villages drawn
    _text("drawn_on"),
    PrimaryKeyConstraint("cycle", "banner"),
    ForeignKeyConstraint(["cycle", "banner"], ["banner.cycle", "banner.banner"]),
)

decision = _table(  # the grade the office decided where it is not the one proposed, or where one was needed (D-22, D-24)
    "decision",
    Column("cycle", Integer),
    _text("banner"),
    _text("person", server_default=""),
    _text("grade"),
    _text("reason"),
    _text("approver", server_default=""),  # who approved going over the 30 % (F-058)
    PrimaryKeyConstraint("cycle", "banner", "person"),
    ForeignKeyConstraint(["cycle", "banner"], ["banner.cycle", "banner.banner"]),
)

wording = _table(  # what the office says in its papers (survey.desk.papers)
    "wording",
    Column("cycle", Integer),
    _text("paper"),
    _text("banner", server_default=""),  # "" = a paper of the whole year
    _text("field"),
    _text("text"),
    PrimaryKeyConstraint("cycle", "paper", "banner", "field"),
    ForeignKeyConstraint(["cycle"], ["cycle.cycle"]),
)

material = _table(  # 述职 and work reports the voters may read
    "material",
    Column("cycle", Integer),
    _text("material"),
    _text("banner"),
    _text("person", server_default=""),
    _text("title"),
    Column("content", LargeBinary, nullable=False),  # a PDF
    PrimaryKeyConstraint("cycle", "material"),
    ForeignKeyConstraint(["cycle", "banner"], ["banner.cycle", "banner.banner"]),
)

# ---- where answers are gathered ------------------------------------------------------------------------------------

collection = _table(
    "collection",
    _text("collection", primary_key=True),  # 8 random Crockford characters
    Column("cycle", Integer, nullable=False),
    _text("banner"),
    _text("kind"),  # appraisal · opinion
    _text("village", server_default=""),  # an opinion survey may be one village's
    _text("title"),
    _text("mode"),  # slips · link
    _text("state", server_default="draft"),  # draft · open · closing · sealed · void
    _text("origin", server_default="site"),  # site · imported
    _text("instrument"),  # id of the instrument
    Column("form", Text),  # the frozen form (instrument.to_json), from opening on
    Column("length", Integer),  # fixed length of its plain ballots, from opening on
    Column("cap", Integer),  # link: how many answers at most
    Column("smallest_group", Integer, nullable=False, server_default="5"),
    Column("large", Boolean, nullable=False, server_default="0"),  # slips open in large mode
    Column("trial", Boolean, nullable=False, server_default="0"),  # test mode: never counted, purged with one click
    _text("place", server_default=""),
    Column("held_on", Text),  # date of the meeting
    Column("delivered_on", Text),  # date the materials reached the participants (F-030)
    Column("expected", Integer),  # 应到
    Column("present", Integer),  # 实到
    Column("issued", Integer),  # 发出
    Column("teller", Text),  # account ids
    Column("scrutineer", Text),
    _text("reasons", server_default="{}"),  # JSON: check not met -> written reason
    Column("closes_at", Text),  # the announced end of a countdown, UTC
    Column("opened_on", Text),
    Column("sealed_on", Text),
    Column("published", Text),  # JSON: opening, closing, tally as published
    Column("emptied", Boolean, nullable=False, server_default="0"),  # the seal took the ballots out: nothing enters any more
    ForeignKeyConstraint(["cycle", "banner"], ["banner.cycle", "banner.banner"]),
)

figures = _table(  # 应到, 实到, 发出 as each counting officer entered them; they hold when both are the same
    "figures",
    _text("collection"),
    _text("account"),
    Column("expected", Integer),
    Column("present", Integer),
    Column("issued", Integer),
    PrimaryKeyConstraint("collection", "account"),
)

# ---- the sealed box ------------------------------------------------------------------------------------------------

slip = _table(
    "slip",
    _text("collection"),
    Column("qr", LargeBinary, nullable=False),  # HMAC(slip key, 128-bit token)
    Column("code", LargeBinary, nullable=False),  # HMAC(slip key, 10-character code)
    _text("voice", server_default=""),  # the group
    _text("medium"),  # phone · paper · link
    _text("state", server_default="unspent"),  # unspent · spent · void
    PrimaryKeyConstraint("collection", "qr"),
    UniqueConstraint("collection", "code"),
)

_NOT_TAKEN = (slip.c.state == "unspent") & (slip.c.medium == "link")
Index(  # finds an unspent slip of a link at once, however many are spent; a hall's slips are not in it, which spares each vote a page
    "ix_slip_unspent", slip.c.collection, slip.c.qr, sqlite_where=_NOT_TAKEN, postgresql_where=_NOT_TAKEN,
)  # fmt: skip

box = _table(
    "box",
    _text("collection"),
    _text("receipt"),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("tag", LargeBinary, nullable=False),
    PrimaryKeyConstraint("collection", "receipt"),
    postgresql_partition_by="LIST (collection)",
)

remark = _table(  # a sealed comment, padded, beside the box and without receipt id
    "remark",
    _text("collection"),
    Column("remark", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    PrimaryKeyConstraint("collection", "remark"),
    postgresql_partition_by="LIST (collection)",
)

received = _table(  # how many ballots each app host has stored: the live count, without counting
    "received",
    _text("collection"),
    _text("host"),
    Column("received", Integer, nullable=False),
    PrimaryKeyConstraint("collection", "host"),
)

receipt = _table(
    "receipt",
    _text("collection"),
    _text("receipt"),
    PrimaryKeyConstraint("collection", "receipt"),
)

fragment = _table(  # one subject of one ballot, after the seal
    "fragment",
    _text("collection"),
    Column("fragment", LargeBinary, nullable=False),  # 16 random bytes, the leaf's salt too
    _text("subject", server_default=""),  # a person's id, or "" for the team
    _text("voice", server_default=""),  # group or respondent, merged where too small; "" = hidden
    _text("answers"),  # canonical JSON: question -> option (a list of them for "many")
    PrimaryKeyConstraint("collection", "fragment"),
)

comment = _table(
    "comment",
    _text("collection"),
    Column("comment", LargeBinary, nullable=False),
    _text("question"),
    _text("text"),
    PrimaryKeyConstraint("collection", "comment"),
)

# ---- the desk ------------------------------------------------------------------------------------------------------

account = _table(
    "account",
    _text("account", primary_key=True),  # sign-in name
    _text("name"),
    _text("password"),  # argon2id
    _text("roles"),  # space separated
    _text("banner", server_default=""),  # staff, tellers and scrutineers of one banner; "" = all
    _text("created_by"),
    Column("reset_by", Text),
    Column("reset_at", Text),
    Column("disabled", Boolean, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("wait_until", Text),  # a wrong password makes the next try of this account wait
)

session = _table(
    "session",
    Column("session", LargeBinary, primary_key=True),  # SHA-256 of the cookie
    _text("account"),
    _text("started_at"),
    _text("seen_at"),
    ForeignKeyConstraint(["account"], ["account.account"]),
)

invitation = _table(  # one-time sign-in links
    "invitation",
    Column("invitation", LargeBinary, primary_key=True),  # SHA-256 of the link's secret
    _text("account"),
    _text("until"),
    ForeignKeyConstraint(["account"], ["account.account"]),
)

journal = Table(
    "journal",
    metadata,
    Column("entry", Integer, primary_key=True, autoincrement=False),
    _text("at"),
    _text("account"),
    _text("deed"),
    _text("subject"),
    _text("detail"),  # JSON: before, after, reason
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

job = _table(  # long work that can be left and come back to
    "job",
    _text("job", primary_key=True),
    _text("kind"),
    _text("subject"),
    _text("account"),
    _text("state"),  # waiting · running · done · failed
    Column("done", Integer, nullable=False, server_default="0"),
    Column("total", Integer, nullable=False, server_default="0"),
    _text("message", server_default=""),
    _text("started_at"),
    _text("given", server_default="{}"),  # JSON: its arguments, never a code
)

layout = _table(  # where the boxes lie on the sheets printed for a collection: what reading looks for
    "layout",
    _text("collection"),
    _text("layout"),
    _text("geometry"),  # JSON
    PrimaryKeyConstraint("collection", "layout"),
)

ability = _table(  # what respondents' browsers can do, as counts (/diag)
    "ability",
    _text("abilities", primary_key=True),
    Column("number", Integer, nullable=False),
)

questionnaire = _table(  # an instrument brought in as an XLSForm
    "questionnaire",
    _text("id", primary_key=True),
    _text("title"),
    _text("text"),  # instrument.to_json of a form without people
    _text("scoring", server_default="{}"),  # JSON: question -> option -> points, set at the desk
)
