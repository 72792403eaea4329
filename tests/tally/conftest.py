"""The measure's rule file, read once."""

from pathlib import Path

import pytest

from tally import rulebook

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RULES = ROOT / "tally" / "rules" / "neimenggu-2018.toml"
EXAMPLES = HERE.parent / "examples"


@pytest.fixture(scope="session")
def rules_text() -> str:
    return RULES.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def rules(rules_text: str) -> rulebook.Rulebook:
    return rulebook.load(rules_text)
