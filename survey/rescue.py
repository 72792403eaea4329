"""The rescue file: answers a phone could not send, exported there and put into the box at the desk (BOX.md, step 7).

The file is the phone's outbox as it stands: the same nonce, slip and fields it would have posted. Reading it twice, or
after the phone got through after all, counts nothing twice.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from survey import db
from survey.box import casting
from survey.box import collection as collections
from survey.box.collection import Collection

MOST = 5000  # answers in one file


def read(content: bytes) -> list[Mapping[str, Any]]:
    """The answers in a file. Raises ValueError where it is none."""
    try:
        given = json.loads(content)
        answers = given["answers"]
        whole = given["rescue"] == 1 and isinstance(answers, list) and all(isinstance(each, dict) for each in answers)
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise ValueError(_("这不是从手机导出的未上传答卷"))
    if len(answers) > MOST:
        raise ValueError(_("一个文件最多 %(most)s 份答卷", most=MOST))
    return list(answers)


def cast(house: Collection, answers: list[Mapping[str, Any]]) -> Counter[str]:
    """Puts a file's answers into the box; status -> how many. `elsewhere`: of another meeting; `faults`: not to be read."""
    with db.reading() as connection:
        form = collections.form(connection, house)
    told: Counter[str] = Counter()
    for each in answers:
        if each.get("collection") != house.collection:
            told["elsewhere"] += 1
            continue
        fields = each.get("fields")
        lists = {
            str(name): [str(value) for value in values]
            for name, values in (fields.items() if isinstance(fields, dict) else ())
            if isinstance(values, list) and str(name).startswith("q.")
        }
        reply, faults = form.read(lists)
        if faults or not isinstance(fields, dict):
            told["faults"] += 1
            continue
        outcome = casting.cast(
            collection=house,
            form=form,
            reply=reply,
            nonce=str(each.get("nonce", ""))[:64],
            slip=str(each["slip"])[:64] if each.get("slip") else None,
            voice=str(each.get("voice", ""))[:40],
            source="rescue",
        )
        told[outcome.status] += 1
    return told
