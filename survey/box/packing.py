"""A ballot as bytes: every ballot of a form has the same length, whatever is marked.

One byte for the voice, then a place for each question about each subject, in the order they are asked: a choice is the number
of its option, several choices are one bit each, a number or a date its text. Zeros are a blank. A free answer has no place
here: it goes a way of its own.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from operator import attrgetter
from urllib.parse import quote_plus

from survey.instrument import NUMBER_LIMIT, VOID, Answers, Form, Question, Value, from_json


class Packing:
    """How the ballots of one form are packed."""

    def __init__(self, form: Form) -> None:
        self._voices = ("", *map(attrgetter("id"), form.instrument.voices))
        self._places: dict[tuple[str, str], tuple[int, int, _Codec]] = {}
        self._bytes: dict[tuple[str, str], tuple[int, Mapping[Value, int]]] = {}
        self._pairs: dict[str, tuple[int, int]] = {}  # a field and its value as they are posted -> a place and its byte
        self._must: list[int] = []  # places that may not stay empty; -1, which does, where more than a mark decides
        at = 1
        for item in form.items():
            if item.question.kind not in ("text", "note"):
                codec = _codec(item.question)
                self._places[item.subject, item.question.id] = (at, at + codec.size, codec)
                self._bytes[item.subject, item.question.id] = (at, codec.bytes)
                if item.plain:
                    self._pairs |= {f"{item.name}={name}": (at, byte) for name, byte in codec.bytes.items() if name != VOID}
                at += codec.size
            if item.question.required:
                self._must.append(at - 1 if item.plain else -1)
            else:
                self._pairs[f"{item.name}="] = (-1, 0)
        self._pairs = {pair: place for pair, place in self._pairs.items() if quote_plus(pair, safe="=") == pair}  # as it is sent
        self.length = at

    def pack_plain(self, voice: str, pairs: Iterable[str]) -> bytes | None:
        """The bytes of an answer as it was posted, `name=value` for each mark, where each mark is right whatever else was said: what
        `Form.read` and `pack` make of it, in a tenth of their time. None where they have to look at it."""
        plain = bytearray(self.length + 1)  # one place more, for fields left empty
        plain[0] = self._voices.index(voice)
        for pair in pairs:
            at, byte = self._pairs.get(pair, (0, 0))
            if not at or plain[at]:  # not plain, or marked twice
                return None
            plain[at] = byte
        return bytes(plain[:-1]) if all(plain[at] for at in self._must) else None

    def pack(self, voice: str, answers: Answers) -> bytes:
        """The bytes of a checked answer. Raises ValueError or KeyError for what the form does not ask or offer."""
        plain = bytearray(self.length)
        plain[0] = self._voices.index(voice)
        for subject, given in answers.items():
            for question, value in given.items():
                at, numbers = self._bytes[subject, question]
                if numbers:  # a choice in one byte, as nearly all are
                    plain[at] = numbers[value]
                    continue
                begin, end, codec = self._places[subject, question]
                plain[begin:end] = codec.write(value)
        return bytes(plain)

    def unpack(self, plain: bytes) -> tuple[str, dict[str, dict[str, Value]]]:
        """Voice and answers. Raises ValueError for bytes no ballot of this form has."""
        if len(plain) != self.length or plain[0] >= len(self._voices):
            raise ValueError("no ballot of this form")
        answers: dict[str, dict[str, Value]] = {}
        for (subject, question), (begin, end, codec) in self._places.items():
            if any(kept := plain[begin:end]):
                answers.setdefault(subject, {})[question] = codec.read(kept)
        return self._voices[plain[0]], answers


class _Codec:
    """How the answers to one question are written: `write` gives `size` bytes, `read` takes them back; `bytes` says the same
    where each answer is one byte."""

    def __init__(
        self, size: int, write: Callable[[Value], bytes], read: Callable[[bytes], Value], one: Mapping[Value, int] | None = None
    ) -> None:
        self.size, self.write, self.read, self.bytes = size, write, read, one or {}


def _codec(question: Question) -> _Codec:
    names = (VOID, *(option.id for option in question.options))
    if question.kind == "one":
        return _choice(names)
    return _choices(names) if question.kind == "many" else _TEXT


def _choice(names: tuple[str, ...]) -> _Codec:
    size = 1 if len(names) < 256 else 2
    by_name: Mapping[Value, bytes] = {name: at.to_bytes(size) for at, name in enumerate(names, 1)}
    by_bytes = {kept: str(name) for name, kept in by_name.items()}

    def read(kept: bytes) -> str:
        try:
            return by_bytes[kept]
        except KeyError:
            raise ValueError("no such option") from None

    return _Codec(size, by_name.__getitem__, read, {name: kept[0] for name, kept in by_name.items()} if size == 1 else None)


def _choices(names: tuple[str, ...]) -> _Codec:
    size = (len(names) + 7) // 8
    bits = {name: 1 << at for at, name in enumerate(names)}

    def write(value: Value) -> bytes:
        return sum(bits[name] for name in ((value,) if isinstance(value, str) else set(value))).to_bytes(size)

    def read(kept: bytes) -> tuple[str, ...]:
        number = int.from_bytes(kept)
        if number >> len(names):
            raise ValueError("no such option")
        return tuple(sorted(name for name, bit in bits.items() if number & bit))

    return _Codec(size, write, read)


def _written(value: Value) -> bytes:
    kept = str(value).encode()
    if len(kept) > NUMBER_LIMIT:
        raise ValueError("longer than a number or a date")
    return kept.ljust(NUMBER_LIMIT, b"\x00")


_TEXT = _Codec(NUMBER_LIMIT, _written, lambda kept: kept.rstrip(b"\x00").decode())


@lru_cache(maxsize=128)
def of(text: str) -> Packing:
    """The packing of a frozen form."""
    return Packing(from_json(text))
