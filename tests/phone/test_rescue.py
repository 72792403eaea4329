"""A rescue file read at the desk: every answer once, however often it is read."""

import json
import secrets

import pytest
from sqlalchemy import func, select

from survey import db, rescue
from survey.schema import box
from tests.box.meeting import opened


def ballots():
    with db.reading() as connection:
        return connection.execute(select(func.count()).select_from(box)).scalar_one()


def answer(meeting, at=0, **changes):
    known = {"aware": ["met", "heard", "unaware"][at % 3]}
    return {
        "collection": meeting.name, "nonce": secrets.token_hex(16), "slip": "", "voice": "household",
        "fields": {f"q..{name}": [value] for name, value in known.items()}, **changes,
    }  # fmt: skip


def file(*answers):
    return json.dumps({"rescue": 1, "answers": list(answers)}).encode()


@pytest.fixture
def survey(app):
    return opened(app, kind="opinion", mode="link", slips=4)


def test_a_file_is_cast_once_also_while_closing(survey):
    content = file(answer(survey), answer(survey, 1))
    survey.close()
    # closing voids what is left of the slips of phones; a link's answers in files still enter
    assert rescue.cast(content, survey.name) == {"cast": 2}
    assert rescue.cast(content, survey.name) == {"again": 2} and ballots() == 2


def test_other_content_under_the_same_nonce_keeps_the_first(survey):
    first = answer(survey)
    rescue.cast(file(first), survey.name)
    assert rescue.cast(file({**first, "voice": "committee"}), survey.name) == {"first_counts": 1} and ballots() == 1


def test_over_the_cap_foreign_and_faulty_answers_are_counted_apart(survey):
    content = file(
        *(answer(survey, at) for at in range(5)), answer(survey, collection="00000000"), answer(survey, voice="mayor"),
        answer(survey, fields={"q..aware": ["perhaps"]}),
    )  # fmt: skip
    assert rescue.cast(content, survey.name) == {"cast": 4, "over_cap": 1, "elsewhere": 1, "faulty": 2}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"rescue": 1, "answers": [1]}',
        b'{"rescue":1,"answers":[{"collection":"x","nonce":"zz","fields":{}}]}',
        b"\xff\xfe",
    ],
)
def test_a_foreign_file_is_refused_whole(survey, content):
    with pytest.raises(rescue.Unreadable):
        rescue.cast(content, survey.name)
