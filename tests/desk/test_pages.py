"""Every page of the desk is a page: one heading, a title, labels, guards, links that lead somewhere; axe finds nothing."""

import pytest

from tests.browser import AXE, served
from tests.desk.office import BANNER, Page

SOLID = (
    "/desk/sign-in",
    "/desk/password",
    "/desk/cycle",
    "/desk/cycle/new",
    "/desk/cycle/choices",
    "/desk/cycle/import",
    "/desk/accounts",
    "/desk/accounts/new",
    "/desk/accounts/teller",
    "/desk/roster",
    "/desk/roster/new",
    "/desk/roster/import",
    f"/desk/roster/{BANNER}",
    f"/desk/roster/{BANNER}/person",
    f"/desk/roster/{BANNER}/person/P0001",
    f"/desk/roster/{BANNER}/villages",
    "/desk/meetings",
    "/desk/meetings/new",
    f"/desk/materials/{BANNER}",
    "/desk/journal",
    "/desk/phones",
    "/desk/today",
    "/desk/entry",
    "/desk/results",
    "/desk/nothing",
)
LEFT = (".pdf", ".xlsx", ".zip", ".db", ".json")


def pages(desk):
    """Every address checked, with who opens it."""
    found = [(desk.office, url) for url in SOLID]
    found += [(who, f"{desk.url}{end}") for who in (desk.office, desk.teller) for end in ("", "/projector")]
    return found


@pytest.fixture(params=["meeting", "opened"])
def stage(request):
    """A meeting in draft, and open."""
    return request.getfixturevalue(request.param)


def test_every_page_is_a_page(stage):
    seen = set()
    for who, url in pages(stage):
        answer = who.client.get(url)
        page = Page(answer.get_data(as_text=True), url)
        assert answer.status_code in (200, 404), url
        assert len(page.headings) == 1 and page.headings[0].strip(), url
        assert page.title.strip() and "·" in page.title, url
        assert not page.alone, (url, page.alone)
        assert len(page.ids) == len(set(page.ids)), (url, sorted(each for each in page.ids if page.ids.count(each) > 1))
        assert not page.styles and all(page.scripts), url  # the page's policy forbids both inline
        for form in page.forms:
            assert form.method == "get" or "csrf_token" in form.names(), (url, form.action)
        for link in page.links:
            if link.startswith("/desk") and link not in seen and not link.split("?")[0].endswith(LEFT):
                seen.add(link)
                assert who.client.get(link).status_code in (200, 302), (url, link)


def test_every_page_speaks_english(stage):
    """In English, only names, the roster's headings and what the office typed are Chinese."""
    stage.office.get("/desk/password")
    stage.office.fill("/language", lang="en")
    for url in SOLID:
        page = Page(stage.office.client.get(url).get_data(as_text=True))
        assert 'lang="en"' in page.html, url
        head = page.headings[0].replace(BANNER, "").replace("示例甲", "").replace("总结测评会", "")
        assert not any("一" <= c <= "鿿" for c in head), (url, head)


@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(opened, chromium, width):
    """With target-size on; light on the computer, dark on the phone. No page is wider than its window."""
    with served(opened.app) as site:
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme="dark" if width == 390 else "light"
        )
        context.set_default_timeout(8000)
        for person in (opened.office, opened.teller):
            context.clear_cookies()
            for cookie in person.client._cookies.values():
                context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
            tab = context.new_page()
            tab.add_init_script(path=str(AXE))
            told = []
            for who, url in pages(opened):
                if who is person:
                    tab.goto(site + url)
                    found = tab.evaluate("axe.run({rules: {'target-size': {enabled: true}}})")
                    told += [(url, each["id"], node["html"][:150]) for each in found["violations"] for node in each["nodes"]]
                    if tab.evaluate("document.documentElement.scrollWidth") > width:
                        told.append((url, "wider than the window"))
            assert not told, "\n".join(map(str, told))
        context.close()


def test_the_count_runs_by_itself(opened, chromium):
    """The console's script asks again and shows what came."""
    from tests.desk.test_meeting import vote

    with served(opened.app) as site:
        context = chromium.new_context()
        for cookie in opened.teller.client._cookies.values():
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
        tab = context.new_page()
        faults = []
        tab.on("pageerror", lambda fault: faults.append(str(fault)))
        tab.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        tab.goto(site + opened.url)
        assert tab.inner_text("#received") == "0"
        vote(opened, opened.codes[:1])
        tab.wait_for_selector("#received:text-is('1')", timeout=8000)
        assert not faults
        context.close()
