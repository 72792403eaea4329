"""The respondent's script in a real browser: steps, drafts, conditions, the outbox under every bad line."""

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import func, select

from survey import db, instrument, questionnaire, xlsform
from survey.box import publish
from survey.schema import box
from tests.box.meeting import draft, opened
from tests.phone.test_xlsform import workbook

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "conditions.json").read_text(encoding="utf-8"))
SCRIPT = Path(__file__).parent.parent.parent / "static" / "phone.js"


def ballots():
    with db.reading() as connection:
        return connection.execute(select(func.count()).select_from(box)).scalar_one()


@pytest.fixture
def meeting(app):
    return opened(app)


@pytest.fixture
def survey(app):
    return opened(app, kind="opinion", mode="link", slips=4, people=2)


def slip_page(page, site, meeting, at=0):
    page.goto(f"{site}/v/{meeting.name}/{meeting.codes[at].token}")
    page.wait_for_selector("html.js")
    return page


def mark(page, name, value):
    page.locator(f'[name="{name}"][value="{value}"]').check()


def mark_person(page, at, value="good"):
    for item in ("tasks", "organisation", "service", "results", "overall"):
        mark(page, f"q.P{at}.{item}", value)


def to_check(page):
    while page.locator("#next").is_visible():
        page.locator("#next").click()
    page.locator("#go").click()


def send(page):
    page.locator("#last button.main").click()


def respond(page, site, survey, *, go=True):
    """One villager's answer by the link: who they are, and that they know nothing of the team."""
    if go:
        page.goto(f"{site}/v/{survey.name}")
        page.wait_for_selector("html.js")
    mark(page, "voice", "household")
    page.locator("#next").click()
    page.locator("#next").click()
    mark(page, "q..aware", "unaware")
    to_check(page)
    send(page)


def test_conditions_agree_with_the_server(phone):
    page = phone()
    page.add_script_tag(content=SCRIPT.read_text(encoding="utf-8"))
    for each in VECTORS:
        answers = {s: {q: tuple(v) if isinstance(v, list) else v for q, v in a.items()} for s, a in each["answers"].items()}
        assert instrument.holds(each["condition"], answers, each["subject"]) is each["holds"], each["says"]
        assert page.evaluate("e => holds(e.condition, e.answers, e.subject)", each) is each["holds"], each["says"]


def test_one_person_a_step_then_check_then_the_receipt(meeting, site, phone):
    page = slip_page(phone(), site, meeting)
    assert page.locator(".step:visible").count() == 1 and "第 1 位，共 3 位" in page.locator(".step:visible").inner_text()
    mark_person(page, 0)
    page.locator("#next").click()
    assert "第 2 位，共 3 位" in page.locator(".step:visible").inner_text()
    mark_person(page, 1, "poor")
    page.go_back()  # the phone's Back leads to the person before
    assert (
        "第 1 位" in page.locator(".step:visible").inner_text() and page.locator('[name="q.P0.tasks"][value=good]').is_checked()
    )
    to_check(page)
    assert "还有 5 项没有选" in page.locator("#last").inner_text() and "示例2" in page.locator("#last").inner_text()
    page.locator("#last .blanks button").click()  # a name of what is blank leads to its page
    assert "第 3 位" in page.locator(".step:visible").inner_text()
    to_check(page)
    send(page)
    page.wait_for_selector("#last.done")
    assert re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}", page.locator("#last").inner_text()) and page.locator("#last img.qr").is_visible()
    assert page.locator("#last .roots code").inner_text() == publish.short_roots(meeting.house)["issued"]
    page.locator("#last summary:has-text('签名')").click()
    assert re.fullmatch("[0-9a-f]{128}", page.locator("#last code.long").inner_text())
    assert ballots() == 1
    assert (
        page.evaluate("Object.keys(localStorage).filter(k => !k.startsWith('ceping/ok/')).length") == 0
    )  # nothing of the ballot stays
    page.reload()
    page.wait_for_selector("#told.done")  # the receipt again, not "already used"
    assert "已提交" in page.locator("#told").inner_text()


def test_what_is_blank_is_led_to_on_a_small_screen(meeting, site, phone):
    page = phone()
    page.set_viewport_size({"width": 320, "height": 480})
    slip_page(page, site, meeting)
    for at in range(3):
        if at:
            page.locator("#next").click()
        mark_person(page, at)
        if at == 1:
            page.evaluate("document.querySelector('[name=\"q.P1.overall\"]:checked').checked = false")
    to_check(page)
    page.locator("#last .blanks button").click()
    seen = "e => { const box = e.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; }"
    assert page.locator('[id="q.P1.overall"]').evaluate(seen)


def test_enter_in_a_field_goes_on_and_changes_no_language(app, site, phone):
    with db.deed() as connection:
        questionnaire.add(connection, xlsform.read(workbook()))
    survey = opened(app, kind="opinion", mode="link", slips=4, people=0, instrument="xlsform:survey1")
    page = phone()
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    mark(page, "q..knows", "no")
    page.locator("#next").click()
    page.locator("[name='q..age']").fill("20")
    page.keyboard.press("Enter")
    assert page.locator("#at").inner_text() == "第 3 题，共 4 题" and page.locator("html[lang=zh-CN]").count()


def test_a_draft_survives_reload_closed_tab_and_language_and_ends_with_the_slip(meeting, site, phone):
    page = slip_page(phone(), site, meeting)
    mark_person(page, 0)
    page.locator("#next").click()
    page.reload()
    page.wait_for_selector("html.js")
    assert "第 2 位" in page.locator(".step:visible").inner_text()
    other = slip_page(page.context.new_page(), site, meeting)
    page.close()
    assert other.locator('[name="q.P0.overall"][value=good]').is_checked()
    other.locator("nav button[lang=en]").click()
    other.wait_for_selector("html.js[lang=en]")
    assert other.locator('[name="q.P0.overall"][value=good]').is_checked()
    foreign = slip_page(other.context.new_page(), site, meeting, at=1)
    assert not foreign.locator("input:checked").count()  # another slip on the same phone
    meeting.vote(0)
    other.goto(f"{site}/v/{meeting.name}/{meeting.codes[0].token}")
    assert "已经用过" in other.locator("#told").inner_text()
    other.wait_for_function("Object.keys(localStorage).every(k => !k.startsWith('ceping/draft/'))")


def test_size_changes_without_losing_anything(meeting, site, phone):
    page = slip_page(phone(), site, meeting)
    mark_person(page, 0)
    page.context.set_offline(True)
    page.locator("nav button[data-alt]").click()
    assert page.locator("html.large").count() and page.locator('[name="q.P0.tasks"][value=good]').is_checked()


def ask(page):
    """The one question on the screen."""
    return page.locator(".q:visible")


def test_after_a_change_of_language_a_reload_still_shows_the_receipt(meeting, site, phone):
    page = slip_page(phone(), site, meeting)
    page.locator("nav button[lang=en]").click()
    page.wait_for_selector("html.js[lang=en]")
    mark_person(page, 0)
    to_check(page)
    send(page)
    page.wait_for_selector("#last.done")
    receipt = page.locator("#last .code").inner_text()
    page.reload()  # the form was posted for: it comes again
    page.wait_for_selector("#last.done")
    assert page.locator("#last .code").inner_text() == receipt and not page.locator("#answer").is_visible()


def test_a_size_changed_here_stays_with_the_other_language(meeting, site, phone):
    page = slip_page(phone(), site, meeting)
    page.locator("nav button[data-alt]").click()
    assert page.locator("html.large").count()
    page.locator("nav button[lang=en]").click()
    page.wait_for_selector("html.js.large[lang=en]")


def test_a_survey_shows_one_question_a_screen_and_counts_what_it_shows(survey, site, phone):
    page = phone()
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    page.locator("#next").click()
    page.locator("#next").click()
    assert ask(page).count() == 1 and page.locator("#at").inner_text() == "第 3 题，共 21 题"
    mark(page, "q..aware", "unaware")
    assert page.locator("#at").inner_text() == "第 3 题，共 5 题"
    page.locator("#next").click()
    assert ask(page).locator("[name='q..wishes']").count() == 8 and page.locator("#at").inner_text() == "第 4 题，共 5 题"
    for value in ("income", "roads", "policy", "other"):
        page.locator(f"[name='q..wishes'][value={value}]").click()
    assert page.locator("[name='q..wishes']:checked").count() == 3 and "最多选 3 项" in ask(page).inner_text()
    page.locator("#back").click()
    assert ask(page).get_attribute("id") == "q..aware"  # what is hidden is skipped on the way back too
    mark(page, "q..aware", "met")
    for _ in range(9):
        page.locator("#next").click()
    assert "第 1 位，共 2 位" in page.locator(".step:visible").inner_text() and "示例0" in page.locator(".step:visible h2").inner_text()
    assert ask(page).get_attribute("id") == "q.P0.known" and page.locator("#at").inner_text() == "第 12 题，共 21 题"
    page.locator("#next").click()
    assert ask(page).get_attribute("id") == "q.P0.work" and "示例0" in page.locator(".step:visible h2").inner_text()
    page.locator("#back").click()
    mark(page, "q.P0.known", "stranger")
    page.locator("#next").click()
    assert ask(page).get_attribute("id") == "q.P1.known" and page.locator("#at").inner_text() == "第 13 题，共 18 题"


def test_what_the_check_sent_back_returns_to_it_in_one_tap(survey, site, phone):
    page = phone()
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    assert not page.locator("#go").is_visible()
    to_check(page)
    assert ask(page).get_attribute("id") == "voice" and page.locator("#next").is_visible()
    mark(page, "voice", "household")
    page.locator("#go").click()
    page.locator("#last .blanks button").nth(2).click()  # a question left blank is a tap away, and so is the way back
    page.locator("#go").click()
    send(page)
    page.locator("#last a[href$='/published/" + survey.name + "']").wait_for()
    page.locator("#last button.main").click()
    assert not page.locator("#go").is_visible()  # the next person has not been there


def test_a_survey_comes_back_to_its_question(survey, site, phone):
    page = phone()
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    mark(page, "voice", "household")
    for _ in range(12):
        page.locator("#next").click()
    page.reload()
    page.wait_for_selector("html.js")
    assert ask(page).get_attribute("id") == "q.P0.work"
    page.locator("#back").click()
    page.go_back()  # the phone's Back
    assert ask(page).get_attribute("id") == "q..team_satisfied"
    other = page.context.new_page()
    page.close()
    other.goto(f"{site}/v/{survey.name}")
    other.wait_for_selector("html.js")
    assert ask(other).get_attribute("id") == "q..team_satisfied"
    other.goto("about:blank")
    other.go_back()
    other.wait_for_selector("html.js")
    assert ask(other).get_attribute("id") == "q..team_satisfied"


def test_what_is_blank_is_named_and_one_tap_away(survey, site, phone):
    page = phone()
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    mark(page, "voice", "household")
    to_check(page)
    names = page.locator("#last .blanks button").all_inner_texts()
    assert len(names) == 19 and "示例1：干事实在不实在" in names  # all but the identity and the free words
    page.locator("#last .blanks button:has-text('示例1：干事实在不实在')").click()
    assert ask(page).get_attribute("id") == "q.P1.work"
    mark(page, "q.P1.work", "good")
    to_check(page)
    assert "还有 18 项没有选" in page.locator("#last").inner_text()


def test_what_is_blank_is_one_tap_away_without_a_script_too(survey, site, phone):
    page = phone(script=False)
    page.goto(f"{site}/v/{survey.name}")
    page.locator("[name=voice]").first.check(force=True)
    page.locator("[name='q..aware']").first.check(force=True)
    page.locator("#go").click()
    page.locator(".blanks li:has-text('示例1') button:has-text('干事实在不实在')").click()
    assert page.url.endswith("/check?back=1#q.P1.work") and page.locator("[name=voice]").first.is_checked()
    assert page.evaluate("Math.abs(document.getElementById('q.P1.work').getBoundingClientRect().top) < innerHeight")


def test_without_network_it_says_so_and_sends_later(survey, site, phone):
    page = phone()
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    page.context.set_offline(True)
    respond(page, site, survey, go=False)
    page.wait_for_selector("text=没有网络，还没有提交")
    assert "还没上传 1 份，已上传 0 份" in page.locator("#out").inner_text()
    page.locator("#last button:has-text('下一位填写')").click()
    assert not page.locator("input:checked").count()
    respond(page, site, survey, go=False)
    page.wait_for_selector("text=还没上传 2 份")
    assert ballots() == 0
    page.context.set_offline(False)  # the browser tells the page it is online
    page.wait_for_selector("text=还没上传 0 份，已上传 2 份")
    assert ballots() == 2
    page.locator("#out summary:has-text('已上传的 2 份的回执号')").click()  # for those who answered while there was no network
    with db.engine().connect() as connection:
        stored = connection.exec_driver_sql("SELECT receipt FROM box ORDER BY receipt").scalars().all()
    assert page.locator("#out details p").inner_text().split("\u3000") == [f"{each[:5]}-{each[5:]}" for each in stored]


def test_what_was_restored_is_not_said_of_an_answer_that_is_kept(survey, site, phone):
    page = phone()
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    page.locator("[name=voice]").first.check(force=True)
    page.reload()
    page.wait_for_selector("#afresh:visible")
    page.context.set_offline(True)
    respond(page, site, survey, go=False)
    page.wait_for_selector("text=没有网络，还没有提交")
    assert page.locator("#afresh").is_hidden()


def nonce(route):
    return re.search(r"nonce=([0-9a-f]+)", route.request.post_data)[1]


@pytest.mark.parametrize("lie", ["page", "other_nonce", "no_receipt", "error"])
def test_a_line_that_lies_is_not_believed(survey, site, phone, lie):
    page = phone()
    page.route("**/cast", lambda route: route.fulfill(**{
        "page": {"status": 200, "content_type": "text/html", "body": "<h1>Welcome to the free WiFi</h1>"},
        "other_nonce": {"status": 200, "json": {"status": "cast", "nonce": "f" * 32, "receipt": "0123456789"}},
        "no_receipt": {"status": 200, "json": {"status": "cast", "nonce": nonce(route)}},
        "error": {"status": 502, "body": ""},
    }[lie]))  # fmt: skip
    respond(page, site, survey)
    page.wait_for_selector("#last button:has-text('下一位填写')")
    assert (
        "已提交" not in page.locator("#last").inner_text() and "还没上传 1 份，已上传 0 份" in page.locator("#out").inner_text()
    )
    page.unroute("**/cast")
    page.locator("button:has-text('立即上传')").click()
    page.wait_for_selector("text=还没上传 0 份，已上传 1 份")
    assert ballots() == 1


def test_cut_between_commit_and_answer_counts_once(meeting, site, phone):
    page = slip_page(phone(), site, meeting)
    cut = []

    def swallow(route):
        if cut:
            return route.continue_()
        cut.append(route.fetch())
        return route.abort()

    page.route("**/cast", swallow)
    mark_person(page, 0)
    to_check(page)
    send(page)
    page.wait_for_selector("text=没有网络，还没有提交")
    assert ballots() == 1  # the server has it; the page does not know, and does not say so
    page.goto(f"{site}/v/{meeting.name}/{meeting.codes[0].token}")
    page.wait_for_selector("#told.done")
    assert "已提交" in page.locator("#told").inner_text() and ballots() == 1


def test_two_tabs_with_one_draft_make_one_answer(survey, site, phone):
    one = phone()
    one.goto(f"{site}/v/{survey.name}")
    one.wait_for_selector("html.js")
    mark(one, "voice", "household")
    two = one.context.new_page()
    two.goto(f"{site}/v/{survey.name}")
    two.wait_for_selector("html.js")
    assert two.locator("[name=voice][value=household]").is_checked()
    respond(one, site, survey, go=False)
    one.wait_for_selector("text=已提交")
    two.wait_for_selector("text=这一份已在这部手机的另一个页面交出")
    assert ballots() == 1


def test_a_full_storage_is_told_and_loses_nothing(survey, site, phone):
    page = phone()
    page.add_init_script("Storage.prototype.setItem = function () { throw new DOMException('full', 'QuotaExceededError'); };")
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    page.context.set_offline(True)
    respond(page, site, survey, go=False)
    page.wait_for_selector("#last >> text=这部手机存不下了")
    page.context.set_offline(False)
    page.wait_for_selector("text=还没上传 0 份")
    assert ballots() == 1


def test_a_cleared_storage_loses_nothing_while_the_page_is_open(survey, site, phone):
    page = phone()
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    page.context.set_offline(True)
    respond(page, site, survey, go=False)
    page.wait_for_selector("text=还没上传 1 份")
    page.evaluate("localStorage.clear(); Date.now = () => 0")  # and the clock set back
    page.context.set_offline(False)
    page.wait_for_selector("text=还没上传 0 份")
    assert ballots() == 1


def test_over_the_cap_is_kept_and_told_and_can_be_exported(app, site, phone):
    survey = opened(app, kind="opinion", mode="link", slips=1, people=1)
    page = phone()
    respond(page, site, survey)
    page.wait_for_selector("text=已上传 1 份")
    page.locator("#last button:has-text('下一位填写')").click()
    respond(page, site, survey, go=False)
    page.wait_for_selector("#last >> text=收到的份数已满")
    with page.expect_download() as got:
        page.locator("button:has-text('导出未上传答卷')").click()
    file = json.loads(Path(got.value.path()).read_text(encoding="utf-8"))
    assert file["rescue"] == 1 and [each["collection"] for each in file["answers"]] == [survey.name]
    assert ballots() == 1


def test_the_announced_end_reaches_an_open_page_and_resets_nothing(meeting, site, phone):
    page = phone()
    page.clock.install()
    slip_page(page, site, meeting)
    mark_person(page, 0)
    page.route("**/status", lambda route: route.fulfill(json={"collection": meeting.name, "status": "ready", "left": 125}))
    page.clock.run_for(9000)
    page.wait_for_selector("#clock:visible")
    assert "后结束" in page.locator("#clock").inner_text()
    assert page.locator('[name="q.P0.tasks"][value=good]').is_checked()


def test_a_page_that_waits_for_the_opening_opens(app, site, phone):
    meeting = draft(app)
    page = phone()
    page.clock.install()
    page.goto(f"{site}/v/{meeting.name}/{meeting.codes[0].token}")
    assert "还没有开始" in page.locator("#told").inner_text()
    assert page.locator("#told").get_attribute("data-status") == "draft"


def test_a_cold_start_without_network_where_there_is_a_worker(survey, site, phone):
    page = phone()
    page.goto(f"{site}/v/{survey.name}")
    # An evaluated promise is waited for; `wait_for_function` would take the promise itself for true.
    page.evaluate("""async () => {
        await navigator.serviceWorker.ready;
        while ((await (await caches.open('ceping')).keys()).length < 2) await new Promise(go => setTimeout(go, 20));
    }""")
    context = page.context
    page.close()
    context.set_offline(True)
    cold = context.new_page()
    cold.goto(f"{site}/v/{survey.name}")
    cold.wait_for_selector("html.js")
    respond(cold, site, survey, go=False)
    cold.wait_for_selector("text=还没上传 1 份")
    context.set_offline(False)
    cold.wait_for_selector("text=已上传 1 份")
    assert ballots() == 1


def test_a_receipts_code_leads_to_its_receipt_after_the_seal(meeting, site, phone):
    outcomes = [meeting.vote(at) for at in range(6)]
    meeting.close()
    meeting.seal()
    page, asked = phone(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/published/{meeting.name}#{outcomes[0].receipt}")
    assert page.locator("#receipt").input_value() == outcomes[0].receipt
    page.locator("main button").first.click()
    page.wait_for_selector("text=这张票已计入")
    assert not any(outcomes[0].receipt in url.partition("#")[0] for url in asked)
    page = phone()
    page.goto(f"{site}/published/{meeting.name}#<b>x</b>")
    assert page.locator("#receipt").input_value() == ""
