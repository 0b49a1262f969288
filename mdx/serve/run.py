"""Starting the server, and stopping it."""

import asyncio
import contextlib
import logging
import os
import socket
import threading
import webbrowser
from types import FrameType
from urllib.parse import urlencode

import uvicorn

from mdx.errors import ConfigError
from mdx.serve.app import make_app
from mdx.serve.connections import MOST_HEADER_BYTES, TimedProtocol
from mdx.serve.guard import is_loopback
from mdx.serve.menu import Menu
from mdx.serve.page import Page
from mdx.serve.queue import Queue
from mdx.serve.settings import Settings
from mdx.serve.shelf import Shelf

MOST_CONNECTIONS = 256
GOODBYE = 2  # seconds for answers in progress when the server stops


def run(settings: Settings, host: str, port: int, *, open_browser: bool = False) -> None:
    """Serve until a signal arrives.

    Raises ConfigError for an address or a folder that cannot be used, or a system that is not here.
    """
    menu = Menu(settings)
    with (
        bind(host, port) as listener,
        contextlib.closing(Shelf(settings.folder)) as shelf,
    ):
        asyncio.run(_serve(settings, menu, shelf, listener, open_browser=open_browser))


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises ConfigError if the address is in use or not this machine's."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        family, kind, protocol, _, address = found[0]
        # Without the protocol, asyncio would not disable Nagle's algorithm: 40 ms per answer.
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise _no_address(host, port, error) from error
    try:
        if os.name == "posix":  # on Windows, two servers could have the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise _no_address(host, port, error) from error
    return listener


def addresses(listener: socket.socket, token: str | None) -> list[str]:
    """The URLs of the page, for this machine and for others."""
    host, port = listener.getsockname()[:2]
    names = [host]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - the user asked for it
        names = ["localhost", socket.gethostname()]
    query = f"?{urlencode({'token': token})}" if token else ""
    return [f"http://{f'[{name}]' if ':' in name else name}:{port}/{query}" for name in names]


class Server(uvicorn.Server):
    """uvicorn's server, which also ends the event streams of open pages on a signal."""

    queue: Queue

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End the streams, and then the server."""
        super().handle_exit(sig, frame)
        self.queue.hub.close()


async def _serve(
    settings: Settings, menu: Menu, shelf: Shelf, listener: socket.socket, *, open_browser: bool
) -> None:
    queue = Queue(settings, shelf, menu)
    host = str(listener.getsockname()[0])
    config = uvicorn.Config(
        make_app(queue, Page(menu, settings), loopback=is_loopback(host)),
        http=TimedProtocol, ws="none", loop="asyncio", lifespan="on", log_config=None,
        access_log=False, proxy_headers=False, server_header=False,
        limit_concurrency=MOST_CONNECTIONS, timeout_graceful_shutdown=GOODBYE,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
    )  # fmt: skip
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    server = Server(config)
    server.queue = queue
    found = addresses(listener, settings.token)
    for address in found:
        print(f"mdx serve: {address}", flush=True)
    if open_browser:
        threading.Thread(target=webbrowser.open, args=(found[0],), daemon=True).start()
    await server.serve(sockets=[listener])


def _no_address(host: str, port: int, error: OSError | UnicodeError) -> ConfigError:
    reason = getattr(error, "strerror", None) or str(error)
    return ConfigError(
        f"address {host}:{port}", got=reason, expected="a free port of this machine",
        hint="--port 0 takes any that is free",
    )  # fmt: skip
