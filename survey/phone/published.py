"""What anyone may check: the tally, the roots, the package, and whether a receipt is counted (BOX.md, step 11)."""

from flask import Response, abort, request
from flask_babel import gettext as _

from survey import db
from survey.access import respondent
from survey.box import collection as collections
from survey.box import publish
from survey.box.collection import Collection
from survey.box.tally_table import Table, tables
from survey.phone import blueprint, page


def _house(name: str) -> Collection:
    with db.reading() as connection:
        house = collections.get(connection, name)
    if house is None or house.origin != "site" or house.state == "draft":
        abort(404)
    return house


@blueprint.route("/published/<collection>", methods=["GET", "POST"])
@respondent
def published(collection: str) -> Response:
    """The public page; a receipt is looked up by a post, so that it stands in no address and no log."""
    house = _house(collection)
    found, asked = None, request.form.get("receipt", "").strip()[:40]
    shown: list[Table] = []
    if house.state == "sealed":
        with db.reading() as connection:
            found = publish.counted(connection, house, asked) if asked else None
            shown = tables(collections.form(connection, house), (house.published or {})["closing"], page.language())
    return page.show("published", house=house, asked=asked, found=found, roots=publish.short_roots(house), tables=shown)


@blueprint.get("/published/<collection>/package.zip")
@respondent
def package(collection: str) -> Response:
    """The package as one .zip, without the fragments, which scrutineers get at the desk."""
    house = _house(collection)
    if house.state != "sealed":
        abort(404, _("封箱以后才有公布的材料"))
    with db.reading() as connection:
        content = publish.zipped(publish.package(connection, house))
    name = f"{house.collection}.zip"
    return Response(content, mimetype="application/zip", headers={"Content-Disposition": f"attachment; filename={name}"})
