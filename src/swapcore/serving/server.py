"""Start of an HTTP server for a registered model."""

import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from swapcore.errors import InputError
from swapcore.tracking.fetching import ResolvedVersion
from swapcore.tracking.store import tracking_uri

_SERVER = Path(__file__).parent / "bounded"
_MODEL = "__pyfunc_model_path__"
"""Environment variable from which MLflow's server reads the model."""


def serve_version(
    found: ResolvedVersion, *, host: str, port: int, workers: int, max_request_megabytes: int, device: str = "cpu"
) -> NoReturn:
    """Replace this process by the server, so that signals reach it.

    Args:
        found: the registered version.
        host: address to listen on.
        port: port to listen on.
        workers: processes; each loads the model.
        max_request_megabytes: larger requests get HTTP 413.
        device: where each process runs the model.

    Raises:
        InputError: the address or port is not available.
    """
    _check_address(host, port)
    words, environment = server_command(
        f"models:/{found.name}/{found.version}",
        host=host,
        port=port,
        workers=workers,
        max_request_megabytes=max_request_megabytes,
    )
    os.execve(words[0], words, {**environment, "SWAPCORE_DEVICE": device})


def _check_address(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        raise InputError(f"--host {host} --port {port}: {error.strerror or error}; choose another") from None


def server_command(
    reference: str, *, host: str, port: int, workers: int, max_request_megabytes: int
) -> tuple[list[str], dict[str, str]]:
    """Build the command line and the environment of the server.

    ``mlflow models serve`` starts uvicorn in a shell and does not limit the size of requests. This command runs the same
    application with a limit, in a process that can be stopped.

    Args:
        reference: ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
        host: address to listen on.
        port: port to listen on.
        workers: processes; each loads the model.
        max_request_megabytes: larger requests get HTTP 413.
    """
    words = [sys.executable, "-m", "uvicorn", "--factory", "bounded_app:build", "--app-dir", str(_SERVER)]
    words += ["--host", host, "--port", str(port), "--workers", str(workers), "--no-access-log"]
    environment = {
        "MLFLOW_TRACKING_URI": tracking_uri(),
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "SWAPCORE_MAX_REQUEST_BYTES": str(max_request_megabytes * 1_000_000),
        _MODEL: reference,
    }
    return words, {**os.environ, **environment}
