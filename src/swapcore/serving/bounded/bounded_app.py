"""MLflow's scoring server with a limit on request sizes.

Uvicorn runs this script. It imports nothing from swapcore, since a registered model brings the version of swapcore that it
was registered with.
"""

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
    """ASGI middleware that responds with 413 if a body, or its announced length, is larger than allowed.

    Without it the whole body would be read into memory first. The rest of a refused body is read and discarded, up to DRAINED
    times the limit, because clients read no response while they send.
    """

    def __init__(self, application: Application, max_bytes: int) -> None:
        self._application = application
        self._max_bytes = max_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on and count its body."""
        announced = dict(scope.get("headers", ())).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._max_bytes:
            return await self._refuse(receive, send)
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
        body = b'{"error_code": "BAD_REQUEST", "message": "the request is larger than %g MB; send fewer or smaller images"}'
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body % (self._max_bytes / 1e6)})


def build() -> Application:
    """Build the application for ``uvicorn --factory bounded_app:build``."""
    from mlflow.pyfunc.scoring_server.app import app

    return Bounded(app, int(os.environ[LIMIT]))
