"""MLflow's scoring server with a limit on request sizes, for JSON only.

Uvicorn runs this script. It imports nothing from swapcore, since a registered model brings the version of swapcore that it
was registered with.
"""

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

LIMIT = "SWAPCORE_MAX_REQUEST_BYTES"
DRAINED = 4
"""Refused bodies are read up to this multiple of the limit."""


class Bounded:
    """ASGI middleware that responds with 415 to a body that is not JSON, and with 413 to one that is larger than allowed.

    Without it the whole body would be read into memory first. The rest of a refused body is read and discarded, up to DRAINED
    times the limit, because clients read no response while they send.
    """

    def __init__(self, application: Application, max_bytes: int) -> None:
        self._application = application
        self._max_bytes = max_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on and count its body."""
        headers = dict(scope.get("headers", ()))
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._max_bytes:
            return await self._refuse(receive, send)
        if scope.get("method") == "POST":
            if not _is_json(headers.get(b"content-type", b"")):
                return await _respond(send, 415, "the Content-Type is not JSON; send application/json in UTF-8")
            # MLflow accepts one spelling only.
            scope = {**scope, "headers": [*(headers | {b"content-type": b"application/json"}).items()]}
        num_bytes, refused = 0, False

        async def counted() -> Message:
            nonlocal num_bytes, refused
            message = {"type": "http.disconnect"} if refused else await receive()
            num_bytes += len(message.get("body", b""))
            if num_bytes > self._max_bytes and not refused:
                refused = True
                await self._refuse(receive, send, more=bool(message.get("more_body")))
            return {"type": "http.disconnect"} if refused else message

        async def forward(message: Message) -> None:
            if not refused:
                await send(message)

        try:
            await self._application(scope, counted, forward)
        except Exception:
            if not refused:  # after a refusal it only reports the simulated disconnect
                raise
        return None

    async def _refuse(self, receive: Receive, send: Send, *, more: bool = True) -> None:
        left = DRAINED * self._max_bytes
        while more and left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            more = bool(message.get("more_body"))
        limit = f"{self._max_bytes / 1e6:g} MB"
        await _respond(send, 413, f"the request is larger than {limit}; send fewer or smaller images")


def _is_json(content_type: bytes) -> bool:
    kind, *parameters = content_type.lower().replace(b" ", b"").replace(b'"', b"").split(b";")
    return kind == b"application/json" and set(parameters) <= {b"charset=utf-8", b""}


async def _respond(send: Send, status: int, message: str) -> None:
    """Refuse a request in the form of MLflow's own errors; the connection ends, since its body may be unread."""
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    body = json.dumps({"error_code": "BAD_REQUEST", "message": message}).encode()
    await send({"type": "http.response.body", "body": body})


def build() -> Application:
    """Build the application for ``uvicorn --factory bounded_app:build``."""
    from mlflow.pyfunc.scoring_server.app import app

    return Bounded(app, int(os.environ[LIMIT]))
