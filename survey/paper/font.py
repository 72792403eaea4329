"""The fonts of printed paper, and whether they have the characters of a name.

Official fonts come first where the office has them, free ones after. A name with a character that its font lacks is
set in another font as a whole, never in two.
"""

import subprocess
from collections.abc import Iterable
from functools import cache

from fontTools.ttLib import TTFont, TTLibError

TITLE = ("方正小标宋简体", "FZXiaoBiaoSong-B05S", "Noto Serif CJK SC", "LXGW WenKai", "Noto Sans CJK SC")
BODY = ("仿宋_GB2312", "FangSong_GB2312", "仿宋", "FangSong", "Noto Serif CJK SC", "LXGW WenKai", "Noto Sans CJK SC")
HEAD = ("黑体", "SimHei", "Noto Sans CJK SC", "Noto Serif CJK SC", "LXGW WenKai")


def css(stack: Iterable[str]) -> str:
    """A stack as the value of `font-family`."""
    return ", ".join(f'"{name}"' for name in stack) + ", serif"


def family(text: str, stack: tuple[str, ...] = BODY) -> str | None:
    """The first installed family of the stack that has every character of the text; None when none has."""
    wanted = {ord(sign) for sign in text if not sign.isspace()}
    return next((name for name in stack if wanted <= characters(name)), None)


def missing(text: str, stack: tuple[str, ...] = BODY) -> str:
    """The characters that no installed font of the stack has, sorted: what to tell the office."""
    found = frozenset[int]().union(*(characters(name) for name in stack))
    return "".join(sorted({sign for sign in text if not sign.isspace() and ord(sign) not in found}))


@cache
def characters(name: str) -> frozenset[int]:
    """The code points of an installed family; empty when it is not installed."""
    try:
        said = subprocess.run(
            ["fc-match", "-f", "%{family}\n%{index}\n%{file}", name],
            capture_output=True, text=True, check=True, timeout=20,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    families, index, path = said.split("\n", 2)
    if name not in families.split(","):  # fontconfig always answers, if need be with another font
        return frozenset()
    try:
        with TTFont(path, fontNumber=int(index) & 0xFFFF, lazy=True) as font:
            return frozenset(font.getBestCmap() or ())
    except (OSError, TTLibError, ValueError):
        return frozenset()
