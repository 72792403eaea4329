"""A real browser and a real server for tests: Debian's Chromium, the app on a loopback port."""

import threading
from contextlib import contextmanager
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip


@pytest.fixture(scope="session")
def chromium():
    """One browser for the whole run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def served(app):
    """The app's address while it is served on a free loopback port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture
def site(app):
    """The address of the `app` fixture, served."""
    with served(app) as address:
        yield address


@pytest.fixture
def phone(chromium):
    """Makes phone-sized pages: `phone(width=320, script=False)`."""
    made = []

    def make(width=390, *, script=True, dark=False, zoom=1):
        context = chromium.new_context(
            viewport={"width": width, "height": 740}, java_script_enabled=script, has_touch=True, is_mobile=True, device_scale_factor=zoom,
            color_scheme="dark" if dark else "light",
        )  # fmt: skip
        context.set_default_timeout(20000)
        made.append(context)
        return context.new_page()

    yield make
    for context in made:
        context.close()


def violations(page):
    """What axe finds, `target-size` included: one line a violation."""
    options = {
        "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
        "rules": {"target-size": {"enabled": True}},
    }
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [f"{each['id']}: {node['html'][:140]}" for each in found for node in each["nodes"]]
