"""The desk's pages in a real browser: no fault axe knows of, no sideways scrolling, a paste straight into the cells."""

import re
from urllib.parse import quote

import pytest

from survey.desk.papers import PAPERS
from tests.browser import violations

from .conftest import PASSWORD

WIDTHS = (1280, 390, 320)


@pytest.fixture
def page(chromium, address):
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{address}/desk/sign-in")
    page.fill("#account", "office")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url("**/desk/**")
    yield page
    context.close()


def urls(app):
    banner = quote(app.first)
    return [
        "/desk/today", "/desk/entry", "/desk/entry/scores", "/desk/entry/rates", "/desk/entry/letters", "/desk/entry/assessors",
        *(f"/desk/entry/{name}?banner={banner}" for name in ("visits", "letters", "factors", "days")),
        "/desk/draw", f"/desk/draw/{banner}", "/desk/results", "/desk/results?sequence=member", "/desk/results/captain/P0001",
        "/desk/what-if?choice.ballot_points=97/87/77/67", "/desk/decisions", "/desk/decisions/notice", "/desk/decisions/report", "/desk/decisions/dispatch",
        "/desk/papers", "/desk/papers/proposals", "/desk/papers/assessors-report", f"/desk/papers/assessors-report?banner={banner}",
        "/desk/decisions/feedback", f"/desk/decisions/feedback?banner={banner}", f"/desk/decisions/personal?banner={banner}",
    ]  # fmt: skip


def test_every_page_is_accessible_and_fits_its_screen(page, address, desk_app):
    faults = []
    for url in urls(desk_app):
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        page.goto(address + url)
        assert page.locator("h1").count() == 1, url
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            faults += [f"{url} {width}: {wide} px too wide"] if wide > 0 else []
            if width != 320:
                faults += [f"{url} {width}: {each}" for each in violations(page)]
    assert not faults, "\n".join(faults)


def test_a_faulty_save_leads_to_the_cell(page, address, desk_app):
    page.goto(f"{address}/desk/entry/scores")
    cell = page.get_by_label(f"{desk_app.first} 日常督查", exact=True)
    cell.fill("101")
    page.get_by_role("button", name="保存").click()
    alert = page.get_by_role("alert")
    assert "应在 0 到 100 之间" in alert.inner_text()
    page.wait_for_function("document.activeElement.getAttribute('role') === 'alert'")  # the focus comes when the page is whole
    alert.get_by_role("link").click()
    page.wait_for_function("name => document.activeElement.getAttribute('aria-label') === name", arg=f"{desk_app.first} 日常督查")


def test_a_block_is_pasted_straight_into_the_cells(page, address, desk_app):
    page.goto(f"{address}/desk/entry/scores")
    page.evaluate("navigator.clipboard.writeText('81.5\\t82\\r\\n83\\t84\\r\\n')")
    page.get_by_label(f"{desk_app.first} 日常督查", exact=True).focus()
    page.keyboard.press("Control+V")
    rows = page.locator(".grid tbody tr")
    assert [rows.nth(at).locator("input.number").nth(1).input_value() for at in (0, 1)] == ["81.5", "83"]
    page.get_by_role("button", name="保存").click()
    assert "改了 4 格" in page.get_by_role("status").inner_text()


def test_english_is_complete_on_these_pages(page, address, desk_app):
    page.goto(f"{address}/desk/results")
    page.get_by_role("button", name="English").click()
    papers = tuple(f"/desk/decisions/{name}" for name in ("feedback", "personal", "report", "dispatch")) + ("/desk/papers",)
    papers += tuple(f"/desk/papers/{name}" for name in PAPERS)
    for url in ("/desk/entry", "/desk/what-if", "/desk/decisions", "/desk/entry/assessors", *papers):
        page.goto(address + url)
        text = page.locator("main").inner_text()
        for name in ("示例", *desk_app.book["banners"]["banner"], *(each for row in desk_app.book["people"] for each in (row[1], row[4]))):
            text = text.replace(name, "")
        text = re.sub("[一二三四五六七八]（[一二三四五六七八]）|[四五](?=[）)\t]|$)", "", text, flags=re.MULTILINE)  # clauses are cited as they stand
        left = [line for line in text.splitlines() if any("一" <= sign <= "鿿" for sign in line)]
        assert not left, (url, left[:5])
