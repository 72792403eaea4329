"""The noun *ability*: what respondents' browsers can do, as counts and nothing else (/diag), and its SQL."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, insert, select, update

from survey.schema import ability

ABILITIES = ("storage", "voice", "worker", "online", "crypto")


def count(connection: Connection, can: Collection[str]) -> None:
    """One more browser that can do these; none of them: one that runs no script."""
    kept = ",".join(each for each in ABILITIES if each in can)
    if connection.execute(select(ability.c.number).where(ability.c.abilities == kept)).first() is None:
        connection.execute(insert(ability).values(abilities=kept, number=0))
    connection.execute(update(ability).where(ability.c.abilities == kept).values(number=ability.c.number + 1))


def counts(connection: Connection) -> Mapping[str, int]:
    """How many browsers can do each; under "" how many there are, under "script" those that run one."""
    found = dict.fromkeys(("", "script", *ABILITIES), 0)
    for text, number in connection.execute(select(ability.c.abilities, ability.c.number)):
        can = text.split(",") if text else []
        for each in ("", *(["script"] if can else []), *can):
            found[each] += number
    return found
