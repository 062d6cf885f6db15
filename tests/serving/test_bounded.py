"""The limit on request sizes: larger bodies get 413, others pass unchanged."""

import asyncio
from typing import Any

import pytest

from swapcore.serving.bounded.bounded_app import DRAINED, Bounded

Messages = list[dict[str, Any]]


async def echo(_scope, receive, send) -> None:
    """Responds with the number of bytes received; a disconnect is an error, as in Starlette."""
    num_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client went away")
        num_bytes += len(message["body"])
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(num_bytes).encode()})


def ask(chunks: list[int], *, announced: int | None = None, limit: int = 100, application=echo) -> tuple[Messages, int]:
    """Send a body in chunks of these sizes; return the response and the number of chunks that were read."""
    sent: Messages = []
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": bytes(chunks[taken - 1]), "more_body": taken < len(chunks)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [] if announced is None else [(b"content-length", str(announced).encode())]
    asyncio.run(Bounded(application, limit)({"type": "http", "headers": headers}, receive, send))
    return sent, taken


@pytest.mark.parametrize("chunks", [[0], [100], [60, 40], [1] * 100])
def test_a_body_within_the_limit_passes(chunks):
    sent, _ = ask(chunks)
    assert (sent[0]["status"], sent[1]["body"]) == (200, str(sum(chunks)).encode())


def test_a_body_with_too_large_a_content_length_never_reaches_the_application():
    async def unreached(_scope, _receive, _send) -> None:
        raise AssertionError

    sent, taken = ask([50, 51], announced=101, application=unreached)
    assert sent[0]["status"] == 413
    assert b"larger than 0.0001 MB" in sent[1]["body"]
    assert taken == 2


def test_a_body_that_grows_too_large_gets_one_response():
    sent, taken = ask([60, 60, 60, 60])
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 413
    assert taken == 4  # read to its end, because clients read no response while they send


def test_reading_of_an_endless_body_stops():
    sent, taken = ask([100] * 1000)
    assert sent[0]["status"] == 413
    assert taken == 2 + DRAINED


def test_a_wrong_content_length_does_not_bypass_the_limit():
    assert ask([200], announced=10)[0][0]["status"] == 413


def test_errors_of_the_application_are_raised():
    async def broken(_scope, _receive, _send) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        ask([1], application=broken)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [(None, 415), (b"", 415), (b"text/csv", 415), (b"application/json;charset=latin-1", 415), (b"application/jsonl", 415),
     (b"application/json", 200), (b"Application/JSON; charset=\"UTF-8\"", 200), (b"application/json;", 200)],
)  # fmt: skip
def test_a_body_that_is_not_json_is_refused(content_type, status):
    sent: Messages = []
    headers = [] if content_type is None else [(b"content-type", content_type)]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Bounded(echo, 100)({"type": "http", "method": "POST", "headers": headers}, receive, send))
    assert sent[0]["status"] == status
