"""Reference tables of the guide, made from the code.

    python -m tests.guide.reference --write

puts them between their marks on the pages ``rules``, ``json`` and ``outputs``; a test holds the
pages to them.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import elsa_rt.guide
from elsa_rt.health import Health, HealthEvent
from elsa_rt.hearing import (
    Alert,
    HeardSound,
    Hearing,
    NearMiss,
    Reason,
    RuleStatistics,
    Score,
    Track,
)
from elsa_rt.outputs.registry import OUTPUTS
from elsa_rt.rules_file.keys import file_table
from elsa_rt.rules_file.output_tables import any_output
from elsa_rt.user_files.value_types import Key, Many, Table

PAGES = Path(elsa_rt.guide.__file__).parent
BEGIN, END = "<!-- made by python -m tests.guide.reference --write -->\n", "<!-- end -->\n"


def rules_reference() -> Iterator[str]:
    """Markdown lines: a table of keys for each part of a rules file."""
    yield from _part("", file_table())


def _part(name: str, table: Table) -> Iterator[str]:
    yield f"### {f'`{name}`' if name else 'The whole file'}"
    yield ""
    yield "| key | meaning | values | default |"
    yield "|---|---|---|---|"
    for key, value in table.keys.items():
        yield f"| `{key}` | {value.about} | {_values(value)} | {_default(value)} |"
    yield ""
    for key, value in table.keys.items():
        kind = value.kind
        if isinstance(kind, Many) and isinstance(kind.each, Table):
            kind = kind.each
        if isinstance(kind, Table):
            yield from _part(f"{name}.{key}" if name else key, kind)


def outputs_reference() -> Iterator[str]:
    """Markdown lines: a table of settings for each type of output."""
    for type, table in any_output().tables.items():
        yield f"### `type: {type}`"
        yield ""
        yield f"{OUTPUTS[type].about[0].upper()}{OUTPUTS[type].about[1:]}."
        yield ""
        yield "| key | meaning | values | default |"
        yield "|---|---|---|---|"
        for key, value in table.keys.items():
            if key != "type":
                default = "needed" if key in table.needed else _default(value)
                yield f"| `{key}` | {value.about} | {_values(value)} | {default} |"
        yield ""


def _values(key: Key) -> str:
    if isinstance(key.kind, Table):
        return "a table, see below"
    schema = key.kind.schema()
    if "anyOf" in schema:
        schema = next(one for one in schema["anyOf"] if one.get("type") != "array")
        return f"{_allowed(schema)}, or a list of it"
    return _allowed(schema)


def _allowed(schema: dict[str, Any]) -> str:
    if "oneOf" in schema:
        return "tables by `type`, see `elsa-rt guide outputs`"
    if "enum" in schema:
        return " \\| ".join(f"`{choice}`" for choice in schema["enum"])
    kind = schema.get("type", "value")
    if kind == "array":
        return f"list of {_allowed(schema['items'])}"
    if kind == "object" or "properties" in schema:
        return "tables, see below"
    names = {"string": "text", "boolean": "`true` \\| `false`", "integer": "integer"}
    low = schema.get("minimum", schema.get("exclusiveMinimum", -math.inf))
    high = schema.get("maximum", math.inf)
    bounds = "" if math.isinf(low) else f" from {low:g}"
    bounds += "" if math.isinf(high) else f" to {high:g}"
    return names.get(kind, "number") + bounds


def _default(key: Key) -> str:
    return "" if key.default is None else f"`{key.default}`"


def json_reference() -> Iterator[str]:
    """Markdown lines: the fields of each kind of result, with the comments of the source."""
    for kind in (
        Hearing,
        Score,
        HeardSound,
        Track,
        Alert,
        Reason,
        NearMiss,
        RuleStatistics,
        HealthEvent,
        Health,
    ):
        yield f"### `{kind.__name__}`"
        yield ""
        yield "| field | meaning |"
        yield "|---|---|"
        for name, comment in field_comments(kind):
            yield f"| `{name}` | {comment} |"
        yield ""


def field_comments(kind: type) -> Iterator[tuple[str, str]]:
    """Fields of a result class, each with the comment behind it in the source."""
    import inspect

    names = getattr(kind, "_fields", None) or [field.name for field in fields(kind)]
    lines = inspect.getsource(kind).splitlines()
    for name in names:
        line = next(line for line in lines if line.strip().startswith(f"{name}:"))
        yield name, line.partition("#")[2].strip()


REFERENCES = {
    "rules": rules_reference,
    "json": json_reference,
    "outputs": outputs_reference,
}


def with_reference(page: str, lines: Iterator[str]) -> str:
    """``page`` with ``lines`` between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"error: the page lacks {BEGIN.strip()} ... {END.strip()}")
    return before + BEGIN + "".join(f"{line}\n" for line in lines) + END + after


def main() -> int:
    """Print the references, or write them into the pages."""
    parser = argparse.ArgumentParser(prog="python -m tests.guide.reference")
    parser.add_argument("--write", action="store_true", help="put them into the pages")
    write = parser.parse_args().write
    for topic, lines in REFERENCES.items():
        path = PAGES / f"{topic}.md"
        if write:
            path.write_text(with_reference(path.read_text("utf-8"), lines()), encoding="utf-8")
        else:
            print(*lines(), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
