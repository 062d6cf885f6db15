"""Where the tracking server is, and a client for it."""

import hashlib
import logging
import os
import re
from pathlib import Path
from typing import Any

EXPERIMENT = "swapcore"


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI, or a SQLite file in the working directory; SQLite paths made absolute."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    relative = re.fullmatch(r"sqlite:///([^/].*)", uri)
    return f"sqlite:///{Path.cwd() / relative[1]}" if relative else uri


def store_digest(uri: str) -> str:
    """What a spool remembers of the server that it is meant for; not the URI itself, which may hold a password."""
    return hashlib.sha256(uri.encode()).hexdigest()


def shown(uri: str) -> str:
    """The URI without user name and password."""
    return re.sub(r"//[^/@]*@", "//", uri)


def connect(uri: str) -> Any:
    """An MlflowClient; imports mlflow (seconds), sends no telemetry, and gives up a silent server after half a minute."""
    for variable, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        # It would print the server's URI, password and all.
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "GIT_PYTHON_REFRESH": "quiet",
    }.items():
        os.environ.setdefault(variable, value)
    import mlflow

    for name in ("alembic", "mlflow", "mlflow.store", "mlflow.tracking"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A line for each retry; what comes of it is said once by who asked.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    return mlflow.MlflowClient(tracking_uri=uri)


def experiment_id(client: Any) -> str:
    """The experiment MLFLOW_EXPERIMENT_NAME, or ``swapcore``; made if it is not there."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def newest_run(client: Any, experiment: str, tags: dict[str, str]) -> Any | None:
    """The newest run of the experiment that carries all these tags."""
    conditions = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    runs = client.search_runs([experiment], conditions, max_results=1, order_by=["attributes.start_time DESC"])
    return runs[0] if runs else None
