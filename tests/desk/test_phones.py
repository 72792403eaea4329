"""The office sees what phones can do, as counts."""


def test_the_office_sees_the_counts(year):
    phone = year.app.test_client(use_cookies=False)
    assert "还没有" in year.office.get("/desk/phones").html
    for abilities in ("storage,voice,online,crypto", "storage,online,crypto", ""):
        phone.post("/diag", data={"abilities": abilities})
    page = year.office.get("/desk/phones")
    assert "共检查 3 台" in page.html and '<th scope="row">草稿能存下</th><td class="num">2</td>' in page.html
    assert '<th scope="row">能读给我听</th><td class="num">1</td>' in page.html
