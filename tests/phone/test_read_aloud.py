"""读给我听: the words spoken are the screen's, in its language; no voice, no button."""

from tests.box.meeting import opened

VOICES = """
window.spoken = []; window.stopped = 0;
window.SpeechSynthesisUtterance = function (text) { this.text = text; };
Object.defineProperty(window, 'speechSynthesis', { value: {
  getVoices: () => [{ lang: 'zh-CN' }], speak: u => spoken.push([u.lang, u.text]), cancel: () => { stopped += 1; } } });
"""


def test_a_question_is_read_as_it_stands(app, site, phone):
    survey = opened(app, kind="opinion", mode="link", slips=4, people=2)
    page = phone()
    page.add_init_script(VOICES)
    page.goto(f"{site}/v/{survey.name}")
    page.wait_for_selector("html.js")
    page.locator("#next").click()
    page.locator("#next").click()
    page.locator(".say:visible").click()
    while page.locator("h2:visible").count() == 0:
        page.locator("#next").click()
    page.locator("#next").click()
    page.locator(".say:visible").click()
    assert page.evaluate("spoken") == [
        ["zh-CN", "您知道自治区往咱们旗县派了脱贫攻坚工作总队吗？。知道，见过他们的人。听说过。不知道"],
        ["zh-CN", "示例0。干事实在不实在。满意。比较满意。一般。不满意。说不清"],  # and not the person's other questions
    ]
    page.evaluate("stopped = 0")
    page.locator("#next").click()
    assert page.evaluate("stopped") == 1  # a voice does not go on over the next question


def test_a_persons_items_are_read_on_a_ballot(app, site, phone):
    meeting = opened(app, people=2)
    page = phone()
    page.add_init_script(VOICES)
    page.goto(f"{site}/v/{meeting.name}/{meeting.codes[0].token}")
    page.locator(".say:visible").click()
    (tongue, words), *_ = page.evaluate("spoken")
    assert words.startswith("示例0。") and words.count("较好") == 5
    assert tongue == "zh-CN"


def test_no_voice_no_button(app, site, phone):
    meeting = opened(app, people=2)
    page = phone()
    page.add_init_script(VOICES)
    page.goto(f"{site}/v/{meeting.name}/{meeting.codes[0].token}?lang=en")  # a Chinese voice reads no English
    page.wait_for_selector("html.js")
    assert not page.locator(".say").count()
    page = phone()
    page.add_init_script("delete window.speechSynthesis; delete window.SpeechSynthesisUtterance;")
    page.goto(f"{site}/v/{meeting.name}/{meeting.codes[0].token}")
    page.wait_for_selector("html.js")
    assert not page.locator(".say").count()
