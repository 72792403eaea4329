"""Wrong codes make the next ones slow, for everyone alike: no address is shut out, and a right code always gets in."""

from types import SimpleNamespace

import pytest

from survey.phone import pages
from tests.box.meeting import opened
from tests.phone.test_pages import Voter


@pytest.fixture
def slept(monkeypatch):
    """A clock that stands still, and what was waited."""
    waits = []
    monkeypatch.setattr(pages, "time", SimpleNamespace(monotonic=lambda: pages._filled, sleep=waits.append))
    monkeypatch.setattr(pages, "_tries", pages.GUESSES)
    return waits


def test_after_many_wrong_codes_each_further_one_waits(app, slept):
    meeting = opened(app)
    guesser, neighbour = Voter(app), Voter(app)  # one address for both
    for at in range(60):
        guesser.post("/", {"code": f"AAAAA{at:05}"})
    assert slept == []
    guesser.post("/", {"code": "AAAAA99999"})
    assert guesser.status == 422 and len(slept) == 1
    neighbour.post("/", {"code": meeting.codes[0].code})
    assert neighbour.status == 200 and len(slept) == 2 and 'name="q.P0.tasks"' in neighbour.html  # later, but in
    neighbour.get(f"/v/{meeting.name}/{meeting.codes[1].token}")
    assert neighbour.status == 200 and len(slept) == 2  # a scanned code waits for nobody


def test_right_codes_cost_nobody_anything(app, slept):
    meeting = opened(app, slips=70)
    voter = Voter(app)
    for code in meeting.codes:
        voter.post("/", {"code": code.code})
    assert voter.status == 200 and slept == [] and pages._tries == pages.GUESSES


def test_where_two_wait_a_third_is_told_to_try_again_and_loses_nothing(app, slept, monkeypatch):
    meeting = opened(app)
    voter = Voter(app)
    monkeypatch.setattr(pages, "_tries", 0.0)
    with pages._waiting, pages._waiting:
        voter.post("/", {"code": meeting.codes[0].code})
        assert voter.status == 429 and "请等几秒再试一次，或者扫票上的二维码" in voter.html
        voter.get(f"/v/{meeting.name}/{meeting.codes[0].token}")
        assert voter.status == 200
    voter.post("/", {"code": meeting.codes[0].code})
    assert voter.status == 200 and 'name="q.P0.tasks"' in voter.html


def test_the_wait_ends_by_itself(app, slept, monkeypatch):
    voter = Voter(app)
    opened(app)
    monkeypatch.setattr(pages, "_tries", 0.0)
    voter.post("/", {"code": "AAAAA99999"})
    monkeypatch.setattr(pages.time, "monotonic", lambda: pages._filled + 5)
    voter.post("/", {"code": "AAAAA99999"})
    assert len(slept) == 1
