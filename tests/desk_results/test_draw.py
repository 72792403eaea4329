"""The draw: kept with seed, pool and algorithm; drawn again the same; a second one only with a reason."""

import hashlib
from urllib.parse import quote

from survey import db
from survey import draw as drawing

from .conftest import Form


def draw(office, banner, **given):
    url = f"/desk/draw/{quote(banner)}"
    return office.post(url, Form(office.get(url)).with_(seed="") | given)


def test_four_townships_and_eight_villages_that_anyone_can_draw_again(office, desk_app, entries):
    page = draw(office, desk_app.first, seed="示例 07 12", announced="会上公布").get_data(as_text=True)
    assert "重抽核对：用同一种子和名单再抽一遍，结果相同" in page
    with desk_app.app_context(), db.reading() as connection:
        made = drawing.every(connection, 2018)[desk_app.first]
    assert len(made.villages) == 4 and sum(map(len, made.villages.values())) == 8
    order = sorted(made.pool, key=lambda name: hashlib.sha256(f"示例 07 12\ntownship\n{name}".encode()).hexdigest())
    assert set(order[:4]) == set(made.villages)
    noted = entries(deed="draw.make")[0].detail
    assert noted["seed"] == "示例 07 12" and noted["pool_sha256"] == made.pool_sha256 and noted["algorithm"] == "sha256-order-1"


def test_a_second_draw_needs_a_reason(office, desk_app, entries):
    draw(office, desk_app.first, seed="1", announced="会上公布")
    assert draw(office, desk_app.first, seed="2", announced="会上公布", reason="").status_code == 422
    assert draw(office, desk_app.first, seed="2", announced="会上公布", reason="示例：名单有误").status_code == 200
    newest, older = entries(deed="draw.make")
    assert newest.detail["before"] == older.detail["after"] and newest.detail["reason"] == "示例：名单有误"


def test_a_draw_without_seed_pool_or_the_office_is_refused(office, sign_in, desk_app):
    assert draw(office, desk_app.first, seed="", announced="会上").status_code == 422
    assert "名册里还没有这个旗县的嘎查村" in office.get(f"/desk/draw/{quote(desk_app.second)}")
    staff = sign_in("staff")
    page = staff.get(f"/desk/draw/{quote(desk_app.first)}")
    assert 'name="seed"' not in page
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    assert (
        staff.post(f"/desk/draw/{quote(desk_app.first)}", {"csrf_token": token, "seed": "1", "announced": "x"}).status_code
        == 403
    )
    staff.get(f"/desk/draw/{quote(desk_app.second)}", status=404)


def test_a_changed_pool_is_told(office, desk_app):
    from sqlalchemy import insert

    from survey import schema

    draw(office, desk_app.first, seed="1", announced="会上公布")
    with desk_app.app_context(), db.deed() as connection:
        connection.execute(
            insert(schema.village).values(cycle=2018, banner=desk_app.first, township="示例己镇", village="示例村")
        )
    page = office.get(f"/desk/draw/{quote(desk_app.first)}")
    assert "名册里的名单在抽取以后改过" in page and "结果相同" in page
