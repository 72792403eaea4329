"""The noun *questionnaire*: an instrument that is not a file of the house but was brought in (an XLSForm), and its SQL."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import Connection, insert, select, update

from survey import instrument
from survey.instrument import Form, Instrument
from survey.schema import questionnaire


@dataclass(frozen=True, kw_only=True, slots=True)
class Questionnaire:
    """One row: `scoring` is question -> option -> points 0…100, set at the desk; a question without points is not scored."""

    id: str
    title: str
    instrument: Instrument
    scoring: Mapping[str, Mapping[str, str]]


def add(connection: Connection, new: Instrument) -> None:
    """Keeps an instrument under its id. Raises ValueError where the id is taken: frozen forms may stand on it."""
    if connection.execute(select(questionnaire.c.id).where(questionnaire.c.id == new.id)).first():
        raise ValueError(_("已有同一编号的问卷，请改 form_id 再导入"))
    text = instrument.to_json(Form(instrument=new, people=()))
    connection.execute(insert(questionnaire).values(id=new.id, title=new.title.get("zh", new.id), text=text, scoring="{}"))


def of_all(connection: Connection) -> list[Questionnaire]:
    """All of them, by title."""
    return [_from(row) for row in connection.execute(select(questionnaire).order_by(questionnaire.c.title, questionnaire.c.id))]


def find(connection: Connection, name: str) -> Questionnaire | None:
    """One of them with its scoring."""
    row = connection.execute(select(questionnaire).where(questionnaire.c.id == name)).first()
    return _from(row) if row else None


def get(connection: Connection, name: str) -> Instrument:
    """The instrument of an id. Raises KeyError for an unknown one."""
    found = find(connection, name)
    if found is None:
        raise KeyError(name)
    return found.instrument


def score(connection: Connection, name: str, scoring: Mapping[str, Mapping[str, str]]) -> None:
    """Sets what its answers are worth. Raises ValueError for a question or option it does not have, or points outside 0…100."""
    questions = [q for part in get(connection, name).parts for q in part.questions]
    options = {q.id: {o.id for o in q.options} for q in questions if q.kind == "one"}
    for question, points in scoring.items():
        unknown = set(points) - options.get(question, set())
        if question not in options or unknown:
            raise ValueError(
                _("%(question)s：没有这个题目或选项 %(options)s", question=question, options=" ".join(sorted(unknown)))
            )
        for value in points.values():
            worth = instrument.number(value)
            if worth is None or not 0 <= worth <= 100:
                raise ValueError(_("%(question)s：分值应在 0 到 100 之间，不能是 %(value)s", question=question, value=value))
    text = json.dumps(scoring, ensure_ascii=False, sort_keys=True)
    connection.execute(update(questionnaire).where(questionnaire.c.id == name).values(scoring=text))


def _from(row: object) -> Questionnaire:
    found = instrument.from_json(row.text).instrument  # type: ignore[attr-defined]
    return Questionnaire(id=row.id, title=row.title, instrument=found, scoring=json.loads(row.scoring))  # type: ignore[attr-defined]
