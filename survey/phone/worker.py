"""The face's script, compressed; the service worker's script, from the root so that it may answer for its pages."""

import gzip
from pathlib import Path

from flask import Response, current_app, request

from survey.access import respondent
from survey.phone import blueprint, page


@blueprint.get("/phone.js")
@respondent
def script() -> Response:
    """static/phone.js; kept for good where the address bears the fingerprint."""
    content, mark = page.packed()
    response = Response(content, mimetype="text/javascript")
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.headers["Content-Encoding"] = "gzip"
    else:
        response.set_data(gzip.decompress(content))
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = page.FOREVER if request.query_string.decode() == mark else "no-cache"
    return response


@blueprint.get("/worker.js")
@respondent
def worker() -> Response:
    """static/worker.js under the root's scope; only ever an extra."""
    text = (Path(current_app.static_folder or "") / "worker.js").read_text(encoding="utf-8")
    return Response(text, mimetype="text/javascript", headers={"Cache-Control": "no-cache"})
