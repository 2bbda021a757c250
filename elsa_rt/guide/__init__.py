"""Guide: pages in Markdown that ship in the wheel and build the site.

A page is ``<topic>.md`` beside this file; ``elsa-rt guide TOPIC`` shows it in a terminal, and
``make guide`` builds the site of all of them.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from importlib.resources import files

from elsa_rt.errors import UsageError


def topics() -> dict[str, str]:
    """Every topic with the title of its page, by name."""
    pages = (page for page in files(__name__).iterdir() if page.name.endswith(".md"))
    return {
        page.name.removesuffix(".md"): title(page.read_text(encoding="utf-8"))
        for page in sorted(pages, key=lambda page: page.name)
    }


def page(topic: str) -> str:
    """The Markdown of the page ``topic``.

    Raises
    ------
    UsageError
        There is no such page.
    """
    known = topics()
    if topic not in known:
        near = get_close_matches(topic, known, 1)
        hint = f"did you mean elsa-rt guide {near[0]}? " if near else ""
        raise UsageError(f"guide {topic!r}: there is no such page; {hint}elsa-rt guide lists them")
    return files(__name__).joinpath(f"{topic}.md").read_text(encoding="utf-8")


def title(text: str) -> str:
    """First heading of a page in Markdown."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1] if found else ""
