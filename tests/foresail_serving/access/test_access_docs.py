"""What docs/access.md says of settings, problems and the file of tokens is so."""

import re
from pathlib import Path

from foresail_serving.access.settings import AccessSettings
from foresail_serving.access.tokens import parse_tokens
from foresail_serving.problems import PROBLEMS

TEXT = (Path(__file__).parents[3] / "docs" / "access.md").read_text()


def section(heading: str) -> str:
    """Return what stands below a heading."""
    return TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_every_setting_is_listed() -> None:
    """By the name of its variable, and no other."""
    listed = re.findall(r"^\| `FORESAIL_(\w+)` \|", section("Settings"), flags=re.MULTILINE)
    assert [name.lower() for name in listed] == list(AccessSettings.model_fields)


def test_problems_have_the_status_that_is_listed() -> None:
    """Each one that the gate gives."""
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \|", section("Problems"), flags=re.MULTILINE)
    assert len(rows) == 6
    assert {slug: PROBLEMS[slug][0] for slug, _ in rows} == {s: int(n) for s, n in rows}


def test_the_example_is_a_file_of_tokens() -> None:
    """As it stands there."""
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, flags=re.DOTALL)
    assert [token.name for token in parse_tokens(example)] == ["grafana", "planning-sheet"]
