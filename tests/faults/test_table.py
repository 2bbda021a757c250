"""The fault table in the guide: made whole, or row by row."""

from __future__ import annotations

import pytest

from tests.faults.__main__ import is_wrong
from tests.faults.table import BEGIN, END, HEAD, PAGE, Row, line, merged

OLD, OTHER = Row("a", "1 s", "", "", "0 of 3", ""), Row("b", "2 s", "", "", "0 of 4", "")
NEW = OLD._replace(detected="3 s")


def page(*rows: Row) -> str:
    return "\n".join(["# Page", BEGIN.strip(), *HEAD, *map(line, rows), END.strip(), "more", ""])


def test_some_rows_are_made_anew_and_the_others_stay() -> None:
    assert merged(page(OLD, OTHER), [NEW], whole=False) == page(NEW, OTHER)
    assert merged(page(OLD), [OTHER], whole=False) == page(OLD, OTHER)


def test_the_whole_table_has_no_row_of_before() -> None:
    assert merged(page(OLD, OTHER), [NEW], whole=True) == page(NEW)


def test_the_table_of_the_guide_is_read_as_it_was_written() -> None:
    text = PAGE.read_text("utf-8")
    assert merged(text, [], whole=False) == text
    assert text.count(BEGIN) == text.count(END) == 1


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, False),
        ({"detected": "never"}, True),
        ({"detected": "not tried: needs a JACK server"}, True),
        ({"recovered": "does not end after SIGTERM"}, True),
        ({"lost": "136 lines, counted in the file (0 too few; 0 torn)"}, False),
        ({"lost": "136 lines, counted in the file (1 too few; 0 torn)"}, True),
        ({"lost": "2 torn of 155 lines, 0 ids twice"}, True),
        ({"lost": "0 torn of 155 lines, 0 ids twice"}, False),
        ({"alerts_lost": "0 of 5; 1 without an end"}, True),
        ({"alerts_lost": "1 of 5"}, True),
        ({"alerts_lost": "0 of 0"}, True),
    ],
)
def test_what_was_lost_or_not_noticed_fails_the_run(change: dict[str, str], wrong: bool) -> None:
    assert is_wrong(OLD._replace(**change)) == wrong
