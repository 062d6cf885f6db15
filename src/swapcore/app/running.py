"""Start of the page's server."""

import ipaddress
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import NoReturn

import click
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from swapcore.app.models import OfferedModels
from swapcore.app.rendered_people import RenderedPeople
from swapcore.app.reports import PageReports
from swapcore.app.server import make_app
from swapcore.errors import InputError
from swapcore.tracking.store import tracking_uri
from swapcore.tracking.versions import CHAMPION

_LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]


def serve(server: BaseWSGIServer) -> None:
    """Serve the page until Ctrl-C."""
    click.echo(f"http://{server.host}:{server.port}/   Ctrl-C stops", err=True)
    if not is_loopback(server.host):
        click.echo("No authentication: anyone who can reach this address can use the page.", err=True)
    signal.signal(signal.SIGTERM, _exit)
    server.serve_forever()


def _exit(*_: object) -> NoReturn:
    """End the process in a way that deletes temporary folders."""
    sys.exit(0)


def start(
    model: str | Path,
    report: Path,
    people: Path,
    host: str,
    port: int,
    device: str = "auto",
    registered: str | None = None,
) -> BaseWSGIServer:
    """Load the model and bind the port.

    Args:
        model: as for ``image_swapper.swap``.
        report: folder of the last evaluation; it need not exist.
        people: folder of rendered people; it need not exist.
        host: address to listen on.
        port: port to listen on; 0 chooses a free one.
        device: as for ``image_swapper.swap``.
        registered: name of the registered model whose champion is offered if there is a registry.

    Returns:
        The server, for ``serve``.

    Raises:
        InputError: there is no such model, or the address or port is not available.
    """
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise InputError(f"--host {host} --port {port}: {error.strerror or error}; choose others") from None
    models, reports = OfferedModels(str(model), device), PageReports(report)
    page = make_app(models, reports, RenderedPeople(people), _LOOPBACK if is_loopback(host) else None, device)
    if registered and has_registry():
        threading.Thread(target=_add_champion, args=(registered, models, reports), daemon=True).start()
    return make_server(host, port, page, threaded=True, request_handler=_QuietHandler)


class _QuietHandler(WSGIRequestHandler):
    """Logs failed requests only: the page asks for the progress of a job all the time."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log a request whose status is an error."""
        if not str(code).startswith(("2", "3")):
            super().log_request(code, size)


def has_registry() -> bool:
    """Whether MLFLOW_TRACKING_URI is set or the working directory has runs."""
    uri = tracking_uri()
    return not uri.startswith("sqlite:///") or Path(uri.removeprefix("sqlite:///")).is_file()


def _add_champion(name: str, models: OfferedModels, reports: PageReports) -> None:
    """Offer the champion and its report; the registry can be slow, so this is a thread of its own."""
    models.offer(f"models:/{name}@{CHAMPION}")
    reports.fetch_champion(name)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
