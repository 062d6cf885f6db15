"""Errors as JSON, with the form's field that they concern."""

import re

from flask import Response, jsonify

from swapcore.app.jobs import FOLDER_PREFIX
from swapcore.errors import FaceError, ImageError, SwapcoreError

_TEMPORARY = re.compile(rf"\S*/{FOLDER_PREFIX}[^/]+/")
"""Path of a job's folder, which means nothing to the user."""
_FIELD = re.compile(r"(?P<field>source|template|video|photographs|model|face)(?:/[^:]*)?: (?P<detail>.+)", re.DOTALL)


def describe_error(message: str, reason: str = "") -> dict[str, str]:
    """Return an error's text, its field (empty if it concerns none), the text without it, and the category."""
    text = _TEMPORARY.sub("", message)
    found = _FIELD.fullmatch(text)
    field, detail = (found["field"], found["detail"]) if found else ("", text)
    return {"error": text, "field": field, "detail": detail, "reason": reason}


def describe_swapcore_error(error: SwapcoreError) -> dict[str, str]:
    """The same of an exception; images have a category, for which the page has plain words."""
    return describe_error(str(error), error.reason if isinstance(error, FaceError | ImageError) else "")


def error_response(message: str, status: int) -> Response:
    """Answer with an error in one line."""
    return as_response(describe_error(message), status)


def as_response(description: dict[str, str], status: int) -> Response:
    """Answer with a described error."""
    response = jsonify(description)
    response.status_code = status
    return response
