"""The JSON Schema of rules files, for editors; ``schema.json`` beside this is what it makes."""

from __future__ import annotations

import json
from typing import Any

from elsa_rt.rules_file.keys import file_table

DRAFT = "http://json-schema.org/draft-07/schema#"


def file_schema() -> dict[str, Any]:
    """The schema of a whole file."""
    about = "elsa-rt rules: what to listen for, with which microphone and model, and where to tell"
    return {"$schema": DRAFT, "title": about, **file_table().schema()}


def schema_text() -> str:
    """The schema as it is shipped."""
    return json.dumps(file_schema(), indent=1, ensure_ascii=False) + "\n"
