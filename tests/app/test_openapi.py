"""Requests to the page that schemathesis generates from its routes: never an unexpected error, always one line of JSON."""

import io
import re
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.campaign.folders import seeded
from tests.campaign.images import IMAGES

FILE = {"type": "string", "format": "uploaded"}
TEXT = {"type": "string"}
FACE = {"anyOf": [{"enum": ["one", "all", "largest", "1", "999"]}, TEXT]}
FORMS = {
    "/swap": {"source": FILE, "template": FILE, "face": FACE, "model": TEXT},
    "/anonymize": {"photographs": FILE, "model": TEXT},
    "/video": {"source": FILE, "video": FILE, "model": TEXT},
}
"""Path -> fields of its form. Their types are stated, but none is required: missing ones are part of the test."""
ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string", "pattern": r"^[^\n]+$"}}}
EXPECTED = ("200", "308")
REFUSED = ("400", "403", "404", "405", "409", "413", "415", "422")


def uploaded(number: int) -> bytes:
    """A good or bad image of the campaign, or text."""
    make = [*IMAGES.values(), lambda rng: b"hello", lambda rng: b""]
    return make[number % len(make)](seeded(number))


schemathesis.openapi.format("uploaded", st.integers(0, 10_000).map(uploaded))


def specification(app: Flask) -> dict[str, Any]:
    """An OpenAPI document of every route of the page."""
    paths: dict[str, Any] = {}
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            operation: dict[str, Any] = {
                "parameters": [
                    {"name": name, "in": "path", "required": True, "schema": TEXT} for name in sorted(rule.arguments)
                ],
                "responses": {
                    **{code: {"description": "a result", "content": {"*/*": {}}} for code in EXPECTED},
                    **{
                        code: {"description": "one line", "content": {"application/json": {"schema": ERROR}}}
                        for code in REFUSED
                    },
                },
            }
            if path in FORMS and method == "POST":
                form = {"type": "object", "properties": FORMS[path]}
                operation["requestBody"] = {"content": {"multipart/form-data": {"schema": form}}}
            paths.setdefault(path, {})[method.lower()] = operation
    return {"openapi": "3.1.0", "info": {"title": "the page", "version": "1"}, "paths": paths}


@pytest.fixture
def operations(app: Flask) -> list[APIOperation[Any, Any, Any, Any]]:
    # A failed job, so that requests for others are compared with it.
    app.test_client().post("/anonymize", data={"photographs": (io.BytesIO(b"hello"), "x.png")})
    schema = schemathesis.openapi.from_dict(specification(app))
    schema.app = app
    return [found.ok() for found in schema.get_all_operations()]


@pytest.mark.slow
def test_every_route_answers_any_request(operations: list[APIOperation[Any, Any, Any, Any]]) -> None:
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    assert len(operations) >= 20
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=60 if operation.path in FORMS else 8, deadline=None, suppress_health_check=list(HealthCheck)
        )
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=checks, headers={"Host": "localhost"})

        ask()
