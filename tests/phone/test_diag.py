"""/diag: what is shown is what is sent, and only when sent; it is a count and nobody."""

from sqlalchemy import select

from survey import ability, db
from survey.schema import ability as table


def kept():
    with db.reading() as connection:
        return [tuple(row) for row in connection.execute(select(table))]


def test_what_is_shown_is_sent_and_nothing_else(app, site, phone):
    page = phone()
    page.goto(f"{site}/diag")
    page.wait_for_selector("dd:has-text('能')")
    shown = [dd.get_attribute("data-a") for dd in page.locator("dd").all() if dd.inner_text() == "能"]
    assert "storage" in shown and "crypto" in shown and kept() == []  # looking sends nothing
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.locator("main form button").click()
    assert sent.value.post_data == "abilities=" + "%2C".join(shown)
    assert "cookie" not in sent.value.headers and "referer" not in sent.value.headers
    page.wait_for_selector("text=已告诉管理办公室")
    assert kept() == [(",".join(shown), 1)] and not page.locator("main form").count()
    with db.reading() as connection:
        counts = ability.counts(connection)
    assert counts[""] == counts["script"] == counts["storage"] == 1 and counts["voice"] == ("voice" in shown)


def test_a_phone_without_a_script_counts_as_one(app, site, phone):
    page = phone(script=False)
    page.goto(f"{site}/diag")
    assert page.locator("dd:has-text('不知道')").count() == 5
    page.locator("main form button").click()
    assert kept() == [("", 1)]
    with db.reading() as connection:
        assert ability.counts(connection)["script"] == 0


def test_what_no_phone_says_is_not_kept(app):
    app.test_client(use_cookies=False).post("/diag", data={"abilities": "storage,name=示例甲"})
    assert kept() == []
