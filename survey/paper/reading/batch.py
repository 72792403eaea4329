"""Many pages put together as forms: which are whole, which sheet came twice, which is missing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from survey.paper.reading.page import Page


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Pages of one upload or of several; the numbers in lists are positions in the order given, from 0."""

    forms: Mapping[str, Mapping[int, int]]  # code → sheet number → position of the page that counts
    twice: tuple[tuple[int, int], ...]  # (position, position of the same sheet that counts)
    differing: tuple[tuple[int, int], ...]  # of those, the pairs that do not say the same
    missing: Mapping[str, tuple[int, ...]]  # code → sheets that did not come
    refused: tuple[int, ...]


def collate(pages: Iterable[Page]) -> Batch:
    """The first page of a code and number counts; a second one is told, never counted."""
    forms: dict[str, dict[int, int]] = {}
    wanted: dict[str, int] = {}
    twice: list[tuple[int, int]] = []
    differing: list[tuple[int, int]] = []
    refused: list[int] = []
    kept: dict[int, Page] = {}
    for position, page in enumerate(pages):
        if page.refused is not None:
            refused.append(position)
            continue
        form = forms.setdefault(page.code, {})
        wanted[page.code] = page.of
        first = form.setdefault(page.number, position)
        if first == position:
            kept[position] = page
            continue
        twice.append((position, first))
        if not _agree(page, kept[first]):
            differing.append((position, first))
    missing = {
        code: gone for code, form in forms.items() if (gone := tuple(n for n in range(1, wanted[code] + 1) if n not in form))
    }
    return Batch(forms=forms, twice=tuple(twice), differing=tuple(differing), missing=missing, refused=tuple(refused))


def _agree(page: Page, other: Page) -> bool:
    """Whether two readings of one sheet contradict each other nowhere; what a person must see contradicts nothing."""
    for one, two in zip(page.readings, other.readings, strict=True):
        if "person" not in {one.verdict, two.verdict} and set(one.choices) != set(two.choices):
            return False
    return True
