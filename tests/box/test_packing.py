"""Packed ballots: one length for all, and what comes out is what went in."""

import random
from dataclasses import replace
from urllib.parse import parse_qs, quote_plus

import pytest

from survey import instrument
from survey.box.packing import Packing
from survey.instrument import VOID, Form, Option, Question, Rated

VOICES = (Option(id="a", text={"zh": "甲"}), Option(id="b", text={"zh": "乙"}))


def options(number):
    return tuple(Option(id=f"o{at}", text={"zh": str(at)}) for at in range(number))


@pytest.fixture
def form():
    questions = (
        Question(id="one", kind="one", text={"zh": "一"}, options=options(4)),
        Question(id="long", kind="one", text={"zh": "长"}, options=options(300)),
        Question(id="many", kind="many", text={"zh": "多"}, options=options(9)),
        Question(id="number", kind="decimal", text={"zh": "数"}),
        Question(id="day", kind="date", text={"zh": "日"}),
        Question(id="note", kind="note", text={"zh": "注"}),
    )
    part = instrument.Part(id="p", scope="person", title={"zh": "部"}, questions=questions)
    words = instrument.Part(
        id="t", scope="team", title={"zh": "队"}, questions=(Question(id="free", kind="text", text={"zh": "话"}),)
    )
    asked = instrument.Instrument(
        id="x", kind="opinion", title={"zh": "题"}, voices_title={"zh": "身份"}, voices=VOICES, parts=(part, words)
    )
    return Form(instrument=asked, people=(Rated(id="P1", name="示例甲"), Rated(id="P2", name="示例乙")))


def any_answer(chance, question):
    if question.kind == "one":
        return chance.choice([option.id for option in question.options] + [VOID])
    if question.kind == "many":
        chosen = chance.sample([option.id for option in question.options], chance.randint(1, 9))
        return chance.choice([tuple(sorted(chosen)), (VOID,)])
    return "2018-05-30" if question.kind == "date" else chance.choice(["0", "-3.50", "1" * 24])


def test_what_goes_in_comes_out_and_every_ballot_has_one_length(form):
    packing, chance = Packing(form), random.Random(7)
    for _ in range(300):
        answers = {}
        for item in form.items():
            if item.question.kind not in ("note", "text") and chance.random() < 0.7:
                answers.setdefault(item.subject, {})[item.question.id] = any_answer(chance, item.question)
        voice = chance.choice(["", "a", "b"])
        plain = packing.pack(voice, answers)
        assert len(plain) == packing.length
        assert packing.unpack(plain) == (voice, answers)


def test_a_blank_ballot_is_as_long_as_a_full_one(form):
    assert Packing(form).pack("", {}) == bytes(Packing(form).length)


@pytest.mark.parametrize("voice, answers", [
    ("c", {}),
    ("", {"P3": {"one": "o1"}}),
    ("", {"P1": {"one": "o4"}}),
    ("", {"P1": {"many": ("o1", "o9")}}),
    ("", {"P1": {"number": "1" * 25}}),
    ("", {"": {"free": "words"}}),
])  # fmt: skip
def test_what_the_form_does_not_offer_is_refused(form, voice, answers):
    with pytest.raises((ValueError, KeyError)):
        Packing(form).pack(voice, answers)


def test_bytes_that_are_no_ballot_of_the_form_are_refused(form):
    packing = Packing(form)
    blank = bytes(packing.length)
    for plain in (blank[1:], blank + b"\x00", b"\x03" + blank[1:], b"\x00\x06" + blank[2:], b"\x00" * 4 + b"\xff\xff" + blank[6:]):
        with pytest.raises(ValueError, match=r"ballot|option"):
            packing.unpack(plain)


def test_a_post_is_packed_as_it_would_be_read(form):
    """What `pack_plain` takes is what `Form.read` and `pack` make of the same post; what it leaves to them is anything else."""
    part, words = form.instrument.parts
    one, long, *others = part.questions
    odd = (Rated(id="A B", name="示例丁"), Rated(id="A+B", name="示例戊"))
    must = replace(form.instrument, parts=(replace(part, questions=(replace(one, required=True), long)), words))
    hidden = replace(one, id="later", show_if={"q": "one", "is": ["o1"]})
    show = replace(form.instrument, parts=(replace(part, questions=(one, hidden, *others)), words))
    chance, taken, left = random.Random(11), 0, 0
    asks = replace(show, parts=(replace(part, questions=(one, replace(hidden, required=True), *others)), words))
    says = replace(show, parts=(replace(part, questions=(one,)), replace(words, questions=(replace(words.questions[0], required=True),))))
    for asked in (form.instrument, must, show, asks, says):
        asked_form = Form(instrument=asked, people=form.people + (() if asked in (must, asks, says) else odd))
        packing = Packing(asked_form)
        for _ in range(1000):
            pairs, whole = [], chance.random() < 0.3
            for item in asked_form.items():
                coded = item.subject in ("A B", "A+B")
                if (coded and not whole) or chance.random() < (0.5 if item.question.id == "later" else 0.03):
                    continue
                at = chance.choice(["o1", "o2", "o3", "", "", "o4" if chance.random() < 0.1 else "o0"])
                if item.question.id in ("one", "later") or (chance.random() < 0.02 and item.question.kind != "text"):
                    pairs += [f"{quote_plus(item.name)}={at}"] * (2 if chance.random() < 0.01 else 1)
                elif chance.random() < 0.5:
                    pairs.append(f"{quote_plus(item.name)}=")
            if chance.random() < 0.1:
                pairs.append(chance.choice(["q.P1.two=o1", "q.P1.one=void", "q.P1.one", "q.A+B.one=o1", "q.P1.one=o1", "q..free=words"]))
            chance.shuffle(pairs)
            reply, faults = asked_form.read(parse_qs("&".join(pairs), keep_blank_values=True))
            found = packing.pack_plain("b", pairs)
            if found is not None:
                assert not faults and not reply.texts
                assert found == packing.pack("b", reply.answers)
            taken, left = taken + (found is not None), left + (found is None)
    assert taken > 300 and left > 300
