"""Notices: what a user should know though nothing failed."""

from __future__ import annotations

import logging
from collections.abc import Callable

OnNotice = Callable[[str], None]

log_notice: OnNotice = logging.getLogger("elsa_rt").warning
"""Where notices go unless the caller takes them."""
