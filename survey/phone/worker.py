"""The service worker's script, served from the root so that it may answer for the survey's pages; only ever an extra."""

from pathlib import Path

from flask import Response, current_app

from survey.access import respondent
from survey.phone import blueprint


@blueprint.get("/worker.js")
@respondent
def worker() -> Response:
    """static/worker.js under the root's scope."""
    text = (Path(current_app.static_folder or "") / "worker.js").read_text(encoding="utf-8")
    return Response(text, mimetype="text/javascript", headers={"Cache-Control": "no-cache"})
