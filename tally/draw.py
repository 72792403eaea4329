"""The draw of 4 苏木乡镇 and 8 嘎查村 (四（三）4, D-28): from an announced seed, so that anyone can draw again.

`sha256-order-1`: a name stands in the order of SHA-256 over the UTF-8 of seed, kind and name(s), joined by a line feed;
the kind is "township" or "village". The first townships in that order are drawn, then the first villages of each.
What a township lacks is filled from the villages of the other drawn townships, in the order of their own numbers.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tally.rulebook import Sample

ALGORITHM = "sha256-order-1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """The villages drawn, township -> villages, in the order drawn; `short` how many the pool could not give."""

    algorithm: str
    seed: str
    villages: Mapping[str, tuple[str, ...]]
    short: int


def draw(pool: Mapping[str, Sequence[str]], seed: str, sample: Sample) -> Drawn:
    """Draws by the rule file's `sample` from a pool of township -> villages; townships without one are left out.

    The order of the pool does not matter. `ValueError` for another algorithm, an empty seed or a village named twice.
    """
    if sample.algorithm != ALGORITHM:
        raise ValueError(f"{sample.algorithm}: only {ALGORITHM} is known")
    if not seed:
        raise ValueError("a seed")
    for township, villages in pool.items():
        if len(set(villages)) != len(villages):
            raise ValueError(f"{township}: a village is named twice")
    peopled = sorted((name for name in pool if pool[name]), key=lambda name: _number(seed, "township", name))
    chosen = peopled[: sample.townships]
    order = {name: sorted(pool[name], key=lambda village: _number(seed, "village", name, village)) for name in chosen}
    drawn = {name: order[name][: sample.each] for name in chosen}
    wanted = sample.villages - sum(map(len, drawn.values()))
    spare = [(_number(seed, "village", name, village), name, village) for name in chosen for village in order[name]]
    spare = [each for each in sorted(spare) if each[2] not in drawn[each[1]]]
    for _, name, village in spare[: max(wanted, 0)]:
        drawn[name].append(village)
    return Drawn(
        algorithm=ALGORITHM,
        seed=seed,
        villages={name: tuple(villages) for name, villages in drawn.items()},
        short=max(wanted - len(spare), 0),
    )


def _number(seed: str, *words: str) -> str:
    return hashlib.sha256("\n".join((seed, *words)).encode()).hexdigest()
