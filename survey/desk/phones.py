"""What respondents' phones can do, as their owners told by a button on /diag: counts of browsers, of nobody in particular."""

from flask import render_template

from survey import ability, db
from survey.access import allowed
from survey.desk import address, blueprint


@blueprint.get("/phones")
@allowed("office", "staff")
def phones() -> str:
    """How many phones were checked, and how many of them can do each thing."""
    with db.reading() as connection:
        counts = ability.counts(connection)
    return render_template("desk/phones.html", counts=counts, check=f"{address.site()}/diag")
