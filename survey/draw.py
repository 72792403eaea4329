"""The noun *draw*: the 4 苏木乡镇 and 8 嘎查村 of a banner (D-28), kept with its seed, pool and algorithm."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select

from survey import clock, entry, journal, schema
from tally import draw as drawing
from tally.rulebook import Sample

Villages = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """A kept draw. `pool` and `villages`: township -> villages; `announced`: where the seed could be known by all."""

    banner: str
    seed: str
    announced: str
    algorithm: str
    pool: Villages
    villages: Villages
    drawn_on: str

    @property
    def pool_sha256(self) -> str:
        """The pool's fingerprint, as it is shown before the seed is known."""
        return fingerprint(self.pool)

    def again(self, sample: Sample) -> bool:
        """Whether the same seed and pool give the same villages."""
        return drawing.draw(self.pool, self.seed, sample).villages == self.villages


def pool(connection: Connection, year: int, of_banner: str) -> Villages:
    """The banner's townships and villages, from the roster."""
    table = schema.village
    query = select(table.c.township, table.c.village).where(table.c.cycle == year, table.c.banner == of_banner)
    found: dict[str, list[str]] = {}
    for township, village in connection.execute(query.order_by(table.c.township, table.c.village)):
        found.setdefault(township, []).append(village)
    return {township: tuple(villages) for township, villages in found.items()}


def fingerprint(of: Villages) -> str:
    """SHA-256 of a pool: lines "township<tab>village", sorted by code point, each ended by a line feed, in UTF-8."""
    lines = sorted(f"{township}\t{village}\n" for township, villages in of.items() for village in villages)
    return sha256("".join(lines).encode()).hexdigest()


def every(connection: Connection, year: int) -> dict[str, Draw]:
    """A year's draws by banner."""
    rows = connection.execute(select(schema.draw).where(schema.draw.c.cycle == year))
    return {
        row.banner: Draw(
            banner=row.banner,
            seed=row.seed,
            announced=row.announced,
            algorithm=row.algorithm,
            pool=_loaded(row.pool),
            villages=_loaded(row.villages),
            drawn_on=row.drawn_on,
        )
        for row in rows
    }


def make(
    connection: Connection, year: int, of_banner: str, sample: Sample, *, seed: str, announced: str, by: str, reason: str = ""
) -> Draw:
    """Draws and keeps it. A second draw of a banner needs a reason and is in the journal beside the first.

    Raises ValueError where the pool is empty, the seed or where it was announced is blank, or the reason is missing.
    """
    entry.still_open(connection, year)
    before = every(connection, year).get(of_banner)
    if before and not reason:
        raise ValueError("已经抽过一次，重抽请写明理由")
    if not seed or not announced:
        raise ValueError("请填写种子和它在哪里公布")
    villages = pool(connection, year, of_banner)
    if not villages:
        raise ValueError("名册里还没有这个旗县的嘎查村")
    drawn = drawing.draw(villages, seed, sample)
    connection.execute(delete(schema.draw).where(schema.draw.c.cycle == year, schema.draw.c.banner == of_banner))
    new = Draw(
        banner=of_banner,
        seed=seed,
        announced=announced,
        algorithm=drawn.algorithm,
        pool=villages,
        villages=drawn.villages,
        drawn_on=clock.today(),
    )
    connection.execute(
        insert(schema.draw).values(
            cycle=year,
            banner=of_banner,
            seed=seed,
            announced=announced,
            algorithm=drawn.algorithm,
            pool=_json(villages),
            villages=_json(drawn.villages),
            drawn_on=new.drawn_on,
        )
    )
    journal.record(
        connection,
        account=by,
        deed="draw.make",
        subject=f"{year} {of_banner}",
        seed=seed,
        announced=announced,
        reason=reason,
        algorithm=drawn.algorithm,
        pool_sha256=new.pool_sha256,
        before=_lists(before.villages) if before else {},
        after=_lists(new.villages),
    )
    return new


def _lists(of: Villages) -> dict[str, list[str]]:
    return {township: list(villages) for township, villages in of.items()}


def _json(of: Villages) -> str:
    return json.dumps(_lists(of), ensure_ascii=False)


def _loaded(text: str) -> Villages:
    return {township: tuple(villages) for township, villages in json.loads(text).items()}
