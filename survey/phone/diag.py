"""/diag: what this browser can do, shown on the phone; sent to the office only by a button, and then only as a count."""

from flask import Response, request

from survey import ability, db
from survey.access import respondent
from survey.phone import blueprint, page


@blueprint.get("/diag")
@respondent
def diag() -> Response:
    """The page; without a script it says so, and that voting works all the same."""
    return page.show("diag", abilities=ability.ABILITIES, sent=False)


@blueprint.post("/diag")
@respondent
def diag_send() -> Response:
    """Counts one more browser with these abilities; nothing else is kept, and nothing of a post that names others."""
    text = request.form.get("abilities", "")
    can = text.split(",") if text else []
    if set(can) <= set(ability.ABILITIES):
        with db.deed() as connection:
            ability.count(connection, can)
    return page.show("diag", abilities=ability.ABILITIES, sent=True)
