"""述职 and work reports, one tap away before voting."""

from flask import Response, abort
from sqlalchemy import select

from survey import db
from survey.access import respondent
from survey.box import collection as collections
from survey.phone import blueprint, page
from survey.schema import material


@blueprint.get("/v/<collection>/materials")
@respondent
def materials(collection: str) -> Response:
    """The list of a meeting's materials."""
    with db.reading() as connection:
        house = collections.get(connection, collection)
        if house is None or house.state == "void":
            abort(404)
        query = select(material.c.material, material.c.title, material.c.person)
        rows = connection.execute(query.where(material.c.cycle == house.cycle, material.c.banner == house.banner).order_by(material.c.title)).all()
    return page.show("materials", house=house, rows=rows)


@blueprint.get("/v/<collection>/materials/<name>")
@respondent
def material_file(collection: str, name: str) -> Response:
    """One PDF."""
    with db.reading() as connection:
        house = collections.get(connection, collection)
        if house is None:
            abort(404)
        query = select(material.c.content).where(material.c.cycle == house.cycle, material.c.banner == house.banner, material.c.material == name)
        content = connection.execute(query).scalar()
    if content is None:
        abort(404)
    return Response(bytes(content), mimetype="application/pdf", headers={"Content-Disposition": "inline"})
