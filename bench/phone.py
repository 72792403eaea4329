"""The phone's first visit: bytes, requests, first paint and ready, on a 2G line with a CPU six times slower.

Beside it, over the same line in the same run: an empty page, and the same ballot (8 people × 5 items) built with SurveyJS from
npm (`survey-core`, `survey-js-ui`, fetched into a temporary folder; left out where npm is not there).

    python -m bench.phone
"""

import gzip
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from werkzeug.wrappers import Request, Response

from app import create_app
from survey import db
from survey.instrument import Form
from tests.box.meeting import opened
from tests.browser import FLAGS, served

ROUNDS = {"empty": 11, "ours": 11, "surveyjs": 3}  # a first paint moves by a third from visit to visit
LINE = {"offline": False, "latency": 300, "downloadThroughput": 250_000 / 8, "uploadThroughput": 50_000 / 8}  # Chrome's "2G"
SLOWER = 6
EMPTY = "<!doctype html><html lang=zh-CN><meta name=viewport content='width=device-width'><title>-</title><p>空白页"
READY = {"empty": "p", "ours": "html.js .step", "surveyjs": "input[type=radio]"}


def peer_page(form: Form) -> str:
    """The ballot as SurveyJS wants it: one person a page, five groups of four radios."""
    pages = [
        {"name": rated.id, "title": rated.name, "elements": [
            {"type": "radiogroup", "name": f"{rated.id}-{q.id}", "title": q.text["zh"], "colCount": 4,
             "choices": [{"value": o.id, "text": o.text["zh"]} for o in q.options]} for q in part.questions]}
        for part in form.instrument.parts for rated in form.subjects(part)
    ]  # fmt: skip
    return (
        "<!doctype html><html lang=zh-CN><meta charset=utf-8><meta name=viewport content='width=device-width,initial-scale=1'>"
        "<title>SurveyJS</title><link rel=stylesheet href=/peer/survey-core.fontless.min.css><div id=s></div>"
        "<script src=/peer/survey.core.min.js></script><script src=/peer/survey-js-ui.min.js></script>"
        f"<script>new Survey.Model({json.dumps({'pages': pages})}).render(document.getElementById('s'))</script>"
    )


def peer_files() -> dict[str, bytes]:
    """SurveyJS's three files, compressed; none where npm is not there."""
    if not shutil.which("npm"):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "i", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "survey-core", "survey-js-ui"]
        if subprocess.run(command, cwd=folder, timeout=180).returncode:
            return {}
        packages = Path(folder) / "node_modules"
        names = (
            "survey-core/survey-core.fontless.min.css",
            "survey-core/survey.core.min.js",
            "survey-js-ui/survey-js-ui.min.js",
        )
        return {f"/peer/{Path(name).name}": gzip.compress((packages / name).read_bytes(), 9) for name in names}


def beside(app: Callable[..., Iterable[bytes]], form: Form, files: dict[str, bytes]) -> Callable[..., Iterable[bytes]]:
    """The app, with the empty page and the peer's files beside it."""
    pages = {"/empty": gzip.compress(EMPTY.encode()), "/peer": gzip.compress(peer_page(form).encode())} | files

    def serve(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        path = Request(environ).path
        if path not in pages:
            return app(environ, start)
        kind = (
            "text/css" if path.endswith(".css") else "text/javascript" if path.endswith(".js") else "text/html; charset=utf-8"
        )
        return Response(pages[path], content_type=kind, headers={"Content-Encoding": "gzip"})(environ, start)

    return serve


def visit(browser: Browser, address: str, ready: str) -> dict[str, float]:
    """One first visit: body bytes, requests, milliseconds to first paint and to ready."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    page = context.new_page()
    asked: list[Any] = []
    page.on("requestfinished", lambda request: asked.append(request))
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", LINE)
    line.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(address, wait_until="commit", timeout=300_000)
    page.wait_for_selector(ready, timeout=300_000)
    ms = page.evaluate("performance.now()")
    paint = page.evaluate(
        "new Promise(done => { const look = () => { const p = performance.getEntriesByName('first-contentful-paint')[0];"
        " p ? done(p.startTime) : setTimeout(look, 20); }; look(); })"
    )
    found = {
        "bytes": sum(each.sizes()["responseBodySize"] for each in asked),
        "requests": len(asked),
        "paint": paint,
        "ready": ms,
    }
    context.close()
    return found


def main() -> None:
    """Prints a table and the ratios the README quotes."""
    with tempfile.TemporaryDirectory() as instance:
        app = create_app({"INSTANCE": instance, "DATABASE_URL": f"sqlite:///{instance}/survey.db"})
        with app.app_context():
            db.migrate(db.engine())
            meeting = opened(app, people=8)
            files = peer_files()
            form = meeting.form
        addresses = {"empty": "/empty", "ours": f"/v/{meeting.name}/{meeting.codes[0].token}"} | (
            {"surveyjs": "/peer"} if files else {}
        )
        with served(beside(app.wsgi_app, form, files)) as site, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            visits: dict[str, list[dict[str, float]]] = {name: [] for name in addresses}
            for name, path in addresses.items():  # once for nothing: browser and server are cold
                visit(browser, site + path, READY[name])
            for turn in range(max(ROUNDS.values())):
                for name, path in addresses.items():
                    if turn < ROUNDS[name]:
                        visits[name].append(visit(browser, site + path, READY[name]))
            browser.close()
    figures = {name: {key: median(each[key] for each in found) for key in found[0]} for name, found in visits.items()}
    rounds = ", ".join(f"{ROUNDS[name]} of {name}" for name in addresses)
    print(f"{'':10}{'bytes':>10}{'requests':>10}{'first paint':>13}{'ready':>10}   (2G, CPU / {SLOWER}; medians: {rounds})")
    for name, f in figures.items():
        print(f"{name:10}{f['bytes']:>10,.0f}{f['requests']:>10.0f}{f['paint']:>10,.0f} ms{f['ready']:>7,.0f} ms")
    print(f"first paint / empty page: {figures['ours']['paint'] / figures['empty']['paint']:.2f}")
    if files:
        print(f"SurveyJS ready / ours: {figures['surveyjs']['ready'] / figures['ours']['ready']:.1f}")


if __name__ == "__main__":
    main()
