"""Start of the page's server."""

import ipaddress
import socket
from pathlib import Path

import click
from werkzeug.serving import BaseWSGIServer, make_server

from swapcore.app.rendered_people import RenderedPeople
from swapcore.app.server import make_app
from swapcore.app.swapping import PageSwapper
from swapcore.errors import InputError
from swapcore.inference.image_swapper import Swapper

_LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]


def run(model: str, report: Path, people: Path, host: str, port: int, device: str = "auto") -> None:
    """Serve the page until Ctrl-C.

    Args:
        model: as for ``image_swapper.swap``.
        report: folder of the last evaluation; it need not exist.
        people: folder of rendered people; it need not exist.
        host: address to listen on.
        port: port to listen on; 0 chooses a free one.
        device: as for ``image_swapper.swap``.

    Raises:
        InputError: there is no such model, or the address or port is not available.
    """
    server = start(model, report, people, host, port, device)
    click.echo(f"http://{host}:{server.port}/   Ctrl-C stops", err=True)
    if not is_loopback(host):
        click.echo("No authentication: anyone who can reach this address can use the page.", err=True)
    server.serve_forever()


def start(model: str | Path, report: Path, people: Path, host: str, port: int, device: str = "auto") -> BaseWSGIServer:
    """Load the model and bind the port; arguments and errors as for ``run``."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise InputError(f"--host {host} --port {port}: {error.strerror or error}; choose others") from None
    swapper = PageSwapper(Swapper(model, device), RenderedPeople(people))
    page = make_app(swapper, report, _LOOPBACK if is_loopback(host) else None)
    return make_server(host, port, page, threaded=True)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
