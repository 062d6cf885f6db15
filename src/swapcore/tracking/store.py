"""Address of the tracking server, its client, and errors without credentials."""

import hashlib
import logging
import os
import re
from pathlib import Path
from typing import Any

from swapcore.addresses import hide_credentials, hide_in_text
from swapcore.errors import TrackingError, first_line

EXPERIMENT = "swapcore"
_MAX_ERROR_LENGTH = 300


def tracking_uri() -> str:
    """Return MLFLOW_TRACKING_URI, or a SQLite file in the working directory; SQLite paths are made absolute."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    relative = re.fullmatch(r"sqlite:///([^/].*)", uri)
    return f"sqlite:///{Path.cwd() / relative[1]}" if relative else uri


def store_digest(uri: str) -> str:
    """Return the SHA-256 (hex) by which a spool stores its server: the URI itself may contain a password."""
    return hashlib.sha256(uri.encode()).hexdigest()


def describe_error(error: Exception, uri: str) -> str:
    """Describe an error of the tracking store in one line without the credentials of uri.

    Args:
        error: any exception of mlflow, a database driver or the network.
        uri: the tracking URI, whose user name and password are removed wherever they occur.
    """
    if "database is locked" in str(error):
        return "database is locked: another command is using it; wait until it ends"
    text = re.sub(r"\w+://\S+@\S*", lambda match: hide_credentials(match[0]), hide_in_text(str(error), uri))
    return first_line(RuntimeError(text) if text else error)


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
