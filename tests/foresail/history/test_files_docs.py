"""What docs/files.md says of files is so."""

import re
from pathlib import Path

import pytest

from foresail.errors import BadInput
from foresail.history import read_table
from foresail.settings import Settings

PAGE = (Path(__file__).parents[3] / "docs" / "files.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)


def cells(heading: str) -> list[str]:
    """Return what stands in the first column of the table below a heading."""
    table = PAGE.partition(heading)[2].partition("|---")[2].partition("\n\n")[0]
    firsts = [line.split("|")[1].partition(" beside ")[0] for line in table.splitlines()[1:]]
    return [cell for first in firsts for cell in re.findall(r"`([^`]+)`", first)]


def read(folder: Path, text: str, *, timezone: str = "Europe/Berlin") -> int:
    """Return how many rows a file of that text has."""
    (folder / "h.csv").write_text(text, encoding="utf-8")
    return len(read_table(str(folder / "h.csv"), settings=Settings(), timezone=timezone))


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_read(text: str, tmp_path: Path) -> None:
    """As it stands, with the zone that the page names."""
    assert read(tmp_path, text) >= 2


@pytest.mark.parametrize("text", cells("## Stamps and time zones"))
def test_every_form_of_a_stamp_is_read(text: str, tmp_path: Path) -> None:
    """Without a zone of its own."""
    assert read(tmp_path, f'timestamp,cpu\n"{text}",1\n') == 1


@pytest.mark.parametrize("text", cells("\nNumbers:"))
def test_every_number_said_to_be_refused_is(text: str, tmp_path: Path) -> None:
    """Whatever separates the fields."""
    for separator in ",;\t":
        with pytest.raises(BadInput, match="cpu is no number in 1 rows, first in line 2"):
            read(
                tmp_path,
                f'timestamp{separator}cpu\n2026-11-20 08:00{separator}"{text}"\n'
                f"2026-11-20 09:00{separator}987\n",
            )


@pytest.mark.parametrize("text", cells("\nStamps:"))
def test_every_stamp_said_to_be_refused_is(text: str, tmp_path: Path) -> None:
    """Also where a zone is named."""
    with pytest.raises(BadInput, match=r"stamps are not like|nobody can tell day from month"):
        read(tmp_path, f"timestamp,cpu\n{text},1\n")


def test_the_page_holds_what_is_tested() -> None:
    """No test above is empty."""
    assert len(EXAMPLES) == 5
    assert len(cells("\nNumbers:")) == 13
    assert len(cells("\nStamps:")) == 9
    assert len(cells("## Stamps and time zones")) == 9
