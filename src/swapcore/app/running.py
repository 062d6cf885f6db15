"""Starting the page: the model is loaded, the port is taken, the address is said."""

import ipaddress
import socket
from pathlib import Path

import click
from werkzeug.serving import BaseWSGIServer, make_server

from swapcore.app.rendered_people import KnownPeople
from swapcore.app.server import make_app
from swapcore.app.swapping import Swapping
from swapcore.errors import InputError
from swapcore.inference.image_swapper import PhotographSwapper

_LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]


def run(model: str, report: Path, people: Path, host: str, port: int) -> None:
    """Serve until Ctrl-C.

    Raises:
        InputError: no such model, or an address or port that cannot be had.
    """
    server = start(model, report, people, host, port)
    click.echo(f"http://{host}:{server.port}/   Ctrl-C stops", err=True)
    if not is_loopback(host):
        click.echo("whoever can reach this address can use the page: it knows no passwords", err=True)
    server.serve_forever()


def start(model: str | Path, report: Path, people: Path, host: str, port: int) -> BaseWSGIServer:
    """A server that has its port and its model, not serving yet; errors as run."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise InputError(f"--host {host} --port {port}: {error.strerror or error}; name others") from None
    swapping = Swapping(PhotographSwapper(model), KnownPeople(people))
    page = make_app(swapping, report, _LOOPBACK if is_loopback(host) else None)
    return make_server(host, port, page, threaded=True)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
