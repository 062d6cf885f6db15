"""Address of the tracking server, its client, and errors without credentials."""

import hashlib
import logging
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from swapcore.errors import TrackingError, first_line

EXPERIMENT = "swapcore"
_MAX_ERROR_LENGTH = 300
_HIDDEN = "***"
_MIN_SECRET_LENGTH = 3  # hiding each occurrence of a shorter text would make messages unreadable
_SECRET_QUERY = re.compile(r"([?&][^=&\s]*(?:password|passwd|pwd|token|secret|key)[^=&\s]*=)[^&\s]+", re.IGNORECASE)


def tracking_uri() -> str:
    """Return MLFLOW_TRACKING_URI, or a SQLite file in the working directory; SQLite paths are made absolute."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    relative = re.fullmatch(r"sqlite:///([^/].*)", uri)
    return f"sqlite:///{Path.cwd() / relative[1]}" if relative else uri


def store_digest(uri: str) -> str:
    """Return the SHA-256 (hex) by which a spool stores its server: the URI itself may contain a password."""
    return hashlib.sha256(uri.encode()).hexdigest()


def hide_credentials(uri: str) -> str:
    """Return the URI without user name, password and secret query values.

    A password may contain an unescaped `@` or `/`, so everything up to the last `@` is removed if the URI has a user name.
    """
    scheme, separator, rest = uri.partition("://")
    has_user = bool(separator) and "@" in rest and not rest.startswith("/")
    return _SECRET_QUERY.sub(rf"\g<1>{_HIDDEN}", f"{scheme}{separator}{rest.rpartition('@')[2]}" if has_user else uri)


def describe_error(error: Exception, uri: str) -> str:
    """Describe an error of the tracking store in one line without the credentials of uri.

    Args:
        error: any exception of mlflow, a database driver or the network.
        uri: the tracking URI, whose user name and password are removed wherever they occur.
    """
    if "database is locked" in str(error):
        return "database is locked: another command is using it; wait until it ends"
    return first_line(RuntimeError(_without_credentials(str(error), uri)) if str(error) else error)


def _without_credentials(text: str, uri: str) -> str:
    """Replace uri, and its user name and password alone, raw and percent-decoded; then any other URI's credentials."""
    text = text.replace(uri, hide_credentials(uri)) if uri else text
    rest = uri.partition("://")[2]
    if "@" in rest and not rest.startswith("/"):
        user_info = rest.rpartition("@")[0]
        password = user_info.partition(":")[2]
        for secret in (user_info, password, unquote(password)):
            text = text.replace(secret, _HIDDEN) if len(secret) >= _MIN_SECRET_LENGTH else text
    return re.sub(r"\w+://\S+@\S*", lambda match: hide_credentials(match[0]), text)


def registry_error(error: Exception, uri: str) -> TrackingError:
    """Return the one-line error for a failed request to the model registry at uri."""
    fix = "then run the command again"
    if "database is locked" not in str(error):
        fix = "correct MLFLOW_TRACKING_URI or the server, " + fix
    name = type(error).__name__
    return TrackingError(f"model registry {hide_credentials(uri)}: {name}: {describe_error(error, uri)}; {fix}")


def connect(uri: str) -> Any:
    """Return an MlflowClient without telemetry and with a timeout of 30 s; importing mlflow takes seconds."""
    for variable, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        # mlflow would print the server's URI with its password.
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "GIT_PYTHON_REFRESH": "quiet",
    }.items():
        os.environ.setdefault(variable, value)
    import mlflow

    for name in ("alembic", "mlflow", "mlflow.store", "mlflow.tracking"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Suppress one line per retry; the caller reports the final error.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    return mlflow.MlflowClient(tracking_uri=uri)


def experiment_id(client: Any) -> str:
    """Return the id of the experiment MLFLOW_EXPERIMENT_NAME, or ``swapcore``; create it if missing."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def newest_run(client: Any, experiment: str, tags: dict[str, str]) -> Any | None:
    """Return the newest run of the experiment that has all these tags, or None."""
    conditions = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    runs = client.search_runs([experiment], conditions, max_results=1, order_by=["attributes.start_time DESC"])
    return runs[0] if runs else None
