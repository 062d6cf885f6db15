"""Addresses of servers without the user names and passwords in them."""

import os
import re
from typing import Final
from urllib.parse import unquote

_ADDRESSES: Final = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
"""Environment variables whose values can contain a password."""
_HIDDEN: Final = "***"
_MIN_SECRET_LENGTH: Final = 3
"""Hiding each occurrence of a shorter text would make messages unreadable."""
_SECRET_QUERY = re.compile(r"([?&][^=&\s]*(?:password|passwd|pwd|token|secret|key)[^=&\s]*=)[^&\s]+", re.IGNORECASE)


def hide_credentials(uri: str) -> str:
    """Return the URI without user name, password and secret query values.

    A password may contain an unescaped `@` or `/`, so everything up to the last `@` is removed if the URI has a user name.
    """
    scheme, separator, rest = uri.partition("://")
    return _SECRET_QUERY.sub(
        rf"\g<1>{_HIDDEN}", f"{scheme}{separator}{rest.rpartition('@')[2]}" if _user_info(uri) else uri
    )


def hide_in_text(text: str, uri: str) -> str:
    """Replace the URI in a text, and its user name and password alone, raw and percent-decoded."""
    text = text.replace(uri, hide_credentials(uri)) if uri else text
    user_info = _user_info(uri)
    password = user_info.partition(":")[2]
    for secret in (user_info, password, unquote(password)):
        text = text.replace(secret, _HIDDEN) if len(secret) >= _MIN_SECRET_LENGTH else text
    return text


def hide_configured(text: str) -> str:
    """Replace the credentials of all servers that the environment names, as for ``hide_in_text``."""
    for name in _ADDRESSES:
        text = hide_in_text(text, os.environ.get(name, ""))
    return text


def _user_info(uri: str) -> str:
    """Return `user:password`, or an empty text."""
    rest = uri.partition("://")[2]
    return "" if rest.startswith("/") else rest.rpartition("@")[0]
