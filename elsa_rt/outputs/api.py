"""Settings of the API for robots; its server is the page's, in `elsa_rt.screens.web`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from elsa_rt.errors import UsageError
from elsa_rt.outputs.base import Output, Surroundings
from elsa_rt.outputs.settings import setting


@dataclass(frozen=True)
class ApiSettings:
    """An HTTP and WebSocket API."""

    type: ClassVar[str] = "api"
    about: ClassVar[str] = "an HTTP and WebSocket API for robots and programs: GET /v1/direction"
    needs: ClassVar[tuple[str, str] | None] = ("uvicorn", "web")

    host: str = setting(
        "address to listen on; 0.0.0.0 for every network, with a token", "127.0.0.1"
    )
    port: int = setting("port to listen on", 8766, least=1, most=65535)
    token_env: str | None = setting(
        "environment variable with the token that every request must carry", None
    )
    token_file: str | None = setting("file with that token", None, is_path=True)

    def open(self, surroundings: Surroundings) -> Output:
        """Refuse: the server lies above this room, see `elsa_rt.screens.web.api`."""
        raise UsageError("the API is opened by elsa_rt.screens.web.api.ApiOutput")
