"""述职 and work reports, one tap away before voting."""

from flask import Response, abort, request

from survey import db, roster
from survey.access import respondent
from survey.box import collection as collections
from survey.phone import blueprint, page


@blueprint.route("/v/<collection>/materials", methods=["GET", "POST"])
@respondent
def materials(collection: str) -> Response:
    """The list of a meeting's materials. Opened from a form it is a post that carries what was filled in, and leads back."""
    with db.reading() as connection:
        house = collections.get(connection, collection)
        if house is None or house.state == "void":
            abort(404)
        rows = roster.materials(connection, house.cycle, house.banner)
    fields = {name: request.form.getlist(name) for name in request.form}
    return page.show("materials", house=house, rows=rows, fields=fields if "nonce" in fields else {})


@blueprint.get("/v/<collection>/materials/<name>")
@respondent
def material_file(collection: str, name: str) -> Response:
    """One PDF, of this collection's banner only."""
    with db.reading() as connection:
        house = collections.get(connection, collection)
        found = roster.material_content(connection, house.cycle, name) if house else None
    if house is None or found is None or found[0] != house.banner:
        abort(404)
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; plugin-types application/pdf; frame-ancestors 'none'"
    )
    headers = {"Content-Disposition": "inline", "Content-Security-Policy": policy}
    return Response(found[1], mimetype="application/pdf", headers=headers)
