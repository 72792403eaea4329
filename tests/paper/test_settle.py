"""The review page: what is suggested is never chosen by itself, keys choose, writing is keyed, each choice is kept at once."""

import re

import pytest

from survey import db
from survey.box import keys as key_store
from survey.box import slip
from survey.paper import batch, house
from tests.paper import desk
from tests.paper.desk import client, open_box


@pytest.fixture
def desk_app(make_app):
    app = make_app("sqlite", WTF_CSRF_ENABLED=False, PUBLIC_URL="https://example.org")
    with app.app_context():
        yield app


@pytest.fixture
def pile(desk_app):
    """A survey's batch as if read: one uncertain mark, one written answer, the rest certain."""
    meeting = desk.draft(desk_app, kind="opinion", people=1)
    with db.deed() as connection:
        keys = key_store.of(meeting.instance, meeting.name)
        (made,) = slip.make(connection, keys, meeting.name, voice="household", medium="paper", number=1)
    open_box(desk_app, meeting)
    marks, spaces = [], []
    for at, item in enumerate(meeting.form.items()):
        if item.question.kind == "text":
            spaces.append(batch.Space(subject=item.subject, question=item.question.id, inked=True, box=(10, 10, 20, 8)))
            continue
        first = item.question.options[0].id
        verdict, why = ("person", "faint") if item.question.id == "real_work" else ("certain", "")
        marks.append(
            batch.Mark(
                subject=item.subject,
                question=item.question.id,
                verdict=verdict,
                choices=(first,),
                certainty=0.1 * (at % 9),
                why=why,
                box=(10, 10, 20, 8),
            )
        )
    scan = batch.Scan(
        picture="page0",
        file="a.pdf",
        page=1,
        refused="",
        collection=meeting.name,
        code=made.code,
        number=1,
        of=2,
        landscape=False,
        pose=(8.0, 0, 0, 0, 8.0, 0, 0, 0, 1),
        marks=tuple(marks),
        spaces=tuple(spaces),
    )
    new = batch.new(house.instance(), meeting.name, kind="scan", account="teller", made_on="2019-01-10")
    batch.save(house.instance(), new.model_copy(update={"state": "open", "scans": (scan,)}))
    return meeting, f"/desk/paper/{meeting.name}/batch/{new.batch}", made.code


def test_a_suggestion_is_shown_and_chosen_by_nobody_but_a_person(desk_app, pile):
    _meeting, base, code = pile
    page = client(desk_app, "scrutineer").get(f"{base}/review").text
    fields = set(re.findall(rf'name="({code}/[^"]+)"', page))
    assert len(fields) == 2 and f"{code}/q..real_work" in fields
    assert "data-suggested" in page and " checked" not in page
    assert "似有很淡的笔迹" in page and "手写" in page


def test_an_empty_form_settles_nothing_and_a_dash_says_nothing_is_written(desk_app, pile):
    meeting, base, code = pile
    two = client(desk_app, "scrutineer")
    text = next(i.name for i in meeting.form.items() if i.question.kind == "text")
    two.post(f"{base}/review", data={f"{code}/{text}": ""})
    found = batch.all_of(meeting.instance, meeting.name)[0]
    assert found.decision(code).answers == {}
    two.post(f"{base}/review", data={f"{code}/{text}": ["", "-"]})
    found = batch.all_of(meeting.instance, meeting.name)[0]
    assert found.decision(code).answers == {text: ()}
    kept = two.post(f"{base}/review", data={f"{code}/{text}": "多来看看"}, headers={"X-Script": "1"})
    assert kept.json == {"kept": 1}
    assert two.post(f"{base}/review", data={f"{code}/q..real_work": "nonsense"}).status_code == 400


def test_a_missing_page_is_told_and_counted_only_by_decision(desk_app, pile):
    meeting, base, code = pile
    two = client(desk_app, "scrutineer")
    page = two.get(base).text
    assert "缺第 2 页" in page
    names = {i.name: i.question for i in meeting.form.items()}
    text = next(n for n, q in names.items() if q.kind == "text")
    two.post(f"{base}/review", data={f"{code}/q..real_work": names["q..real_work"].options[1].id, f"{code}/{text}": "多来看看"})
    assert "可以投箱" in two.get(base).text and "缺页" in two.get(base).text
    two.post(f"{base}/sheet/{code}", data={"deed": "short"})
    for who in ("teller", "scrutineer"):
        client(desk_app, who).post(f"{base}/total", data={"total": 1})
    assert "已投箱" in two.post(f"{base}/cast").text
    meeting.close()
    closing = meeting.seal()["closing"]
    assert (closing["valid"], closing["comments"]) == (1, 1)
    record = two.get(f"/desk/paper/{meeting.name}/tally.pdf")
    assert record.data.startswith(b"%PDF")
