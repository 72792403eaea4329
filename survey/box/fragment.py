"""The noun *fragment*: one subject of one ballot, cut loose from the rest of its ballot (BOX.md, step 9)."""

import json
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from survey.box import merkle
from survey.instrument import Answers, Value, canonical
from survey.schema import comment, fragment

HIDDEN = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fragment:
    """One subject's answers of one ballot; `fragment` is its random id and the salt of its leaf."""

    fragment: bytes
    subject: str
    voice: str
    answers: str  # canonical JSON

    def leaf(self) -> bytes:
        """The leaf hash of the published tree."""
        return merkle.leaf(self.fragment, canonical([self.subject, self.voice, json.loads(self.answers)]))


def merged(numbers: Mapping[str, int], smallest: int, order: Sequence[str]) -> dict[str, str]:
    """voice -> the name it is shown under: every group that is shown has at least `smallest` ballots (D-27).

    The smallest group is joined with the next smallest until all are large enough; where that cannot be, none is shown ("").
    As groups are joined in the data itself, no subtraction brings one back.
    """
    groups = [([voice], number) for voice, number in numbers.items() if number]
    place = {voice: at for at, voice in enumerate(order)}
    while len(groups) > 1 and min(number for _, number in groups) < smallest:
        groups.sort(key=lambda g: (g[1], [place.get(v, len(place)) for v in g[0]], g[0]))
        (first, a), (second, b), *rest = groups
        groups = [(first + second, a + b), *rest]
    if len(groups) == 1 and groups[0][1] < smallest:
        return dict.fromkeys(numbers, HIDDEN)
    names = {}
    for voices, _ in groups:
        voices.sort(key=lambda v: (place.get(v, len(place)), v))
        names.update(dict.fromkeys(voices, "+".join(voices) if all(voices) else HIDDEN))
    return names


def groups(ballots: Sequence[tuple[str, Answers]], names: Mapping[str, str]) -> dict[str, int]:
    """Ballots in each group under the name it is shown by."""
    return dict(sorted(Counter(names[voice] for voice, _ in ballots).items()))


def cut(ballots: Iterable[tuple[str, Answers]], names: Mapping[str, str]) -> list[Fragment]:
    """Cuts ballots (voice, answers) into fragments under fresh random ids, sorted by them; `names` are those of `merged`."""
    pieces = [
        Fragment(fragment=secrets.token_bytes(16), subject=subject, voice=names[voice], answers=canonical(answers).decode())
        for voice, per_subject in ballots
        for subject, answers in per_subject.items()
    ]
    return sorted(pieces, key=lambda piece: piece.fragment)


def of(connection: Connection, collection: str) -> list[Fragment]:
    """All fragments of a collection, by id."""
    query = select(fragment).where(fragment.c.collection == collection).order_by(fragment.c.fragment)
    return [
        Fragment(fragment=bytes(r.fragment), subject=r.subject, voice=r.voice, answers=r.answers)
        for r in connection.execute(query)
    ]


def comments(connection: Connection, collection: str) -> list[tuple[str, str]]:
    """(question, words) of a sealed collection, in the order of random ids."""
    query = select(comment.c.question, comment.c.text).where(comment.c.collection == collection).order_by(comment.c.comment)
    return [(r.question, r.text) for r in connection.execute(query)]


Tally = dict[str, dict[str, dict[str, dict[str, int]]]]


def tally(fragments: Iterable[Fragment]) -> Tally:
    """subject -> question -> voice -> answer -> count. Every choice of a question of several is counted for itself."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    same = Counter((piece.subject, piece.voice, piece.answers) for piece in fragments)
    for (subject, voice, answers), number in same.items():
        for question, value in json.loads(answers).items():
            for each in _each(value):
                counts[subject, question, voice, each] += number
    result: Tally = {}
    for (subject, question, voice, answer), number in sorted(counts.items()):
        result.setdefault(subject, {}).setdefault(question, {}).setdefault(voice, {})[answer] = number
    return result


def _each(value: Value | list[str]) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value
