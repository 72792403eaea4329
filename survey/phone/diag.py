"""/diag: what this browser can do, shown on the phone; sent to the office only by a button, and then only as a count."""

import re

from flask import Response, request
from sqlalchemy import insert, select, update

from survey import db
from survey.access import respondent
from survey.phone import blueprint, page
from survey.schema import ability

ABILITIES = ("storage", "voice", "worker", "online", "crypto")


@blueprint.get("/diag")
@respondent
def diag() -> Response:
    """The page; without a script it says so, and that voting works all the same."""
    return page.show("diag", abilities=ABILITIES, sent=False)


@blueprint.post("/diag")
@respondent
def diag_send() -> Response:
    """Counts one more browser with these abilities; nothing else is kept."""
    text = request.form.get("abilities", "")
    if re.fullmatch(rf"({'|'.join(ABILITIES)})?(,({'|'.join(ABILITIES)}))*", text):
        kept = ",".join(each for each in ABILITIES if each in text.split(","))
        with db.deed() as connection:
            if connection.execute(select(ability.c.number).where(ability.c.abilities == kept)).first() is None:
                connection.execute(insert(ability).values(abilities=kept, number=0))
            connection.execute(update(ability).where(ability.c.abilities == kept).values(number=ability.c.number + 1))
    return page.show("diag", abilities=ABILITIES, sent=True)
