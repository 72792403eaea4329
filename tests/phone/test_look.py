"""Every respondent page in both sizes and languages: axe, widths, tap areas, keyboard, weight."""

import gzip
import zlib

import pytest

from survey.phone import page as pages
from tests.box.meeting import draft, opened
from tests.browser import violations

NARROW = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"  # `innerWidth` grows with what is too wide
SMALL = """least => [...document.querySelectorAll(
  'main a, main button, main input, main summary, header a, header button, main textarea')]
  .map(e => e.closest('label') || e).filter(e => e.offsetParent && e.getBoundingClientRect().height < least - 0.5)
  .map(e => e.outerHTML.slice(0, 100))"""


def fits(page, size):
    for width in (320, 360, 412):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate(NARROW), f"{page.url} at {width}"
    page.set_viewport_size({"width": 320, "height": 740})
    assert not page.evaluate(SMALL, 60 if size == "large" else 44)
    assert not violations(page)
    if size == "large":
        assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('main')).fontSize)") >= 18


@pytest.mark.parametrize(
    ("language", "size", "dark"),
    [("zh", "normal", False), ("zh", "large", True), ("en", "normal", True), ("en", "large", False)],
)
def test_every_page_fits_and_can_be_read_and_touched(app, site, phone, language, size, dark):
    meeting = opened(app, people=2)
    survey = opened(app, kind="opinion", mode="link", slips=3, fresh=False)
    waiting = draft(app, fresh=False)
    how = f"?lang={language}&size={size}"
    page = phone(dark=dark)
    for path in (
        "/",
        f"/v/{waiting.name}/{waiting.codes[0].token}",
        f"/v/{meeting.name}/materials",
        f"/published/{meeting.name}",
        "/diag",
    ):
        page.goto(f"{site}{path}{how}")
        fits(page, size)
    page.goto(f"{site}/v/{meeting.name}/{meeting.codes[0].token}{how}")
    page.wait_for_selector("html.js")
    fits(page, size)
    page.locator("#next").click()
    page.locator("#go").click()
    fits(page, size)
    page.locator("#last button.main").click()
    page.wait_for_selector("#last.done")
    fits(page, size)
    page.goto(f"{site}/v/{survey.name}{how}")
    page.wait_for_selector("html.js")
    fits(page, size)
    page.locator("#next").click()
    page.wait_for_timeout(50)
    page.context.set_offline(True)
    page.locator("[name=voice]").first.evaluate("e => e.checked = true")
    while page.locator("#next").is_visible():
        page.locator("#next").click()
    page.locator("#go").click()
    page.locator("#last button.main").click()
    page.wait_for_selector("#out:visible")
    fits(page, size)
    page.context.set_offline(False)
    plain = phone(script=False, dark=dark)
    plain.goto(f"{site}/v/{meeting.name}/{meeting.codes[1].token}{how}")
    assert plain.evaluate(NARROW)
    plain.locator("#go").click()
    plain.locator("main form button.main").wait_for()
    assert plain.evaluate(NARROW)
    plain.locator("main form button.main").click()
    plain.locator(".code").wait_for()
    assert plain.evaluate(NARROW)


def test_long_names_and_text_of_twice_the_size_fit(app, site, phone):
    meeting = opened(app, people=20)
    page = phone(320)
    page.goto(f"{site}/v/{meeting.name}/{meeting.codes[0].token}")
    page.evaluate("document.querySelectorAll('h2 span').forEach(e => { e.textContent = '阿拉坦苏布德其其格乌兰巴'; })")
    page.evaluate("document.documentElement.style.fontSize = '34px'")
    assert page.evaluate(NARROW)


def test_a_survey_of_long_names_fits_with_text_of_twice_the_size(app, site, phone):
    survey = opened(app, kind="opinion", mode="link", slips=3, people=2)
    page = phone(320)
    page.goto(f"{site}/v/{survey.name}?lang=en")
    page.wait_for_selector("html.js")
    page.evaluate("document.querySelectorAll('h2 span').forEach(e => { e.textContent = '阿拉坦苏布德其其格乌兰巴'; })")
    page.evaluate("document.documentElement.style.fontSize = '34px'")
    assert page.evaluate(NARROW)
    while page.locator("#next").is_visible():
        page.locator("#next").evaluate("e => e.click()")
        assert page.evaluate(NARROW), page.locator(".q:visible").get_attribute("id")
    page.locator("#go").evaluate("e => e.click()")
    assert page.locator("[id='voice']").is_visible() and page.evaluate(NARROW)  # who answers is required


def test_a_survey_by_keyboard_alone(app, site, phone):
    survey = opened(app, kind="opinion", mode="link", slips=3, people=1)
    page = phone()
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    page.locator("h1").click()
    order = []
    for _ in range(200):
        page.keyboard.press("Tab")
        kind, name = page.evaluate("[document.activeElement.type, document.activeElement.name || document.activeElement.id]")
        order.append(name)
        if kind in ("radio", "checkbox") and not page.evaluate("document.activeElement.checked"):
            page.keyboard.press("Space")
        if name in ("next", "go"):
            page.keyboard.press("Enter")
            if name == "go":
                break
    # From a question straight to the way on: nothing between, and after the step the next question comes first.
    assert order[-3:] == ["q..words", "back", "go"] and order[order.index("q..aware") + 1 :][:3] == ["back", "next", "q..visited"]
    assert "都选好了" in page.locator("#last").inner_text()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#last.done")


def test_a_step_is_announced_by_its_question(app, site, phone):
    survey = opened(app, kind="opinion", mode="link", slips=3, people=1)
    page = phone()
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    assert page.evaluate("document.activeElement === document.body")  # the preamble is read first
    for _ in range(11):
        page.locator("#next").click()
    assert page.evaluate("document.activeElement.id") == "q.P0.known"  # a group with its question for a name
    assert page.locator("#at").get_attribute("role") == "status"
    tree = page.locator("main").aria_snapshot()
    lines = ["第 12 题，共 17 题", 'region "示例0"', 'group "您认识这位同志吗？"', 'radio "认识，打过交道"', 'button "上一题"', 'button "下一题"']
    places = [tree.index(each) for each in lines]
    assert places == sorted(places), tree


def test_nothing_moves_for_those_who_want_stillness(app, site, phone):
    meeting = opened(app, people=1)
    page = phone()
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{site}/v/{meeting.name}/{meeting.codes[0].token}")
    page.wait_for_selector("html.js")
    assert page.evaluate("[...document.querySelectorAll('*')].every(e => getComputedStyle(e).transitionDuration === '0s')")


def test_a_ballot_by_keyboard_alone(app, site, phone):
    meeting = opened(app, people=1)
    page = phone()
    page.goto(f"{site}/v/{meeting.name}/{meeting.codes[0].token}")
    page.wait_for_selector("html.js")
    for _ in range(40):
        page.keyboard.press("Tab")
        where = page.evaluate("[document.activeElement.type, document.activeElement.id]")
        if where[0] == "radio":
            page.keyboard.press("Space")
        if where[1] == "go":
            break
    page.keyboard.press("Enter")
    assert "都选好了" in page.locator("#last").inner_text()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#last.done")


def test_a_fault_takes_the_focus_and_is_named_at_its_field(app, site, phone):
    survey = opened(app, kind="opinion", mode="link", slips=3)
    page = phone(script=False)
    page.goto(f"{site}/v/{survey.name}")
    page.locator("#go").click()
    words = page.locator("#summary li").inner_text()
    assert words == page.locator("#voice .why").inner_text() == "请选一项。"
    assert page.locator("#summary a").get_attribute("href") == "#voice"
    assert page.locator("#summary").get_attribute("autofocus") is not None
    page = phone()
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    page.evaluate("document.getElementById('answer').submit()")  # as if the script had not looked
    page.wait_for_selector("#summary:focus")
    assert not violations(page)


def test_a_first_visit_is_two_requests_and_at_most_15_kb(app, site, phone):
    meeting = opened(app, people=8)
    page, asked = phone(), []
    page.on("request", lambda request: asked.append(request))
    page.goto(f"{site}/v/{meeting.name}/{meeting.codes[0].token}", wait_until="networkidle")
    assert len(asked) == 2, [each.url for each in asked]
    assert sum(each.sizes()["responseBodySize"] for each in asked) <= 15 * 1024
    assert len(pages.packed()[0]) <= 8 * 1024


def test_the_spliced_page_is_the_page(app):
    meeting = opened(app)
    path = f"/v/{meeting.name}/{meeting.codes[0].token}"
    client = app.test_client(use_cookies=False)
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    page = gzip.decompress(packed.get_data()).decode()
    plain = client.get(path).get_data(as_text=True)
    assert packed.headers["Content-Encoding"] == "gzip" and meeting.codes[0].token in page
    assert page.split('name="nonce"')[0] == plain.split('name="nonce"')[0] and page.endswith("</html>") == plain.endswith(
        "</html>"
    )


def test_back_and_reload_without_a_script_lose_nothing(app, site, phone):
    meeting = opened(app)
    page = phone(script=False)
    page.goto(f"{site}/v/{meeting.name}/{meeting.codes[0].token}")
    page.locator('[name="q.P0.tasks"][value=good]').check(force=True)
    page.locator("#go").click()
    page.wait_for_url("**/check")
    page.go_back()
    assert page.locator('[name="q.P0.tasks"][value=good]').is_checked()
    page.locator("nav button[lang=en]").click()
    page.locator("html[lang=en]").wait_for(state="attached")
    assert page.locator('[name="q.P0.tasks"][value=good]').is_checked()


def test_a_shared_piece_knows_what_it_makes_of_any_checksum():
    piece = bytes(range(256)) * 90
    for start in (0, 1, 0xFF, 0x8000_0000, 0xFFFF_FFFF, *(zlib.crc32(bytes([at])) for at in range(64))):
        assert pages.Sum(piece).after(start) == zlib.crc32(piece, start)
        assert pages.Sum(b"").after(start) == start
