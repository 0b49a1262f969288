"""A small HTTP server with selectable faults."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass
class Shelf:
    """The server's files, its behaviour, and the requests that it received."""

    files: dict[str, bytes] = field(default_factory=dict)  # by path
    version: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})  # headers
    redirects: dict[str, str] = field(default_factory=dict)  # by path
    codes: list[int] = field(default_factory=list)  # of the first answers
    cuts: list[int] = field(default_factory=list)  # bytes after which the first answers break off
    ranges: bool = True  # whether it can go on in the middle
    shift: int = 0  # by how much it is mistaken then
    lengths: bool = True  # whether it says how long a file is
    stalls: bool = False  # whether it falls silent after half of a file
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # paths and headers
    root: str = ""  # its URL, without the last /
    closing: Event = field(default_factory=Event)


@contextmanager
def serve() -> Iterator[Shelf]:
    """A server on this machine, for the duration of the block."""
    shelf = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shelf.asked.append((self.path, dict(self.headers)))
            if self.path in shelf.redirects:
                self._head(302, {"Location": shelf.redirects[self.path], "Content-Length": "0"})
            elif shelf.codes or self.path not in shelf.files:
                code = shelf.codes.pop(0) if shelf.codes else 404
                self._head(code, {"Content-Length": "0"})
            else:
                self._send(shelf.files[self.path])

        def _send(self, content: bytes) -> None:
            start = self._start()
            if start >= len(content) > 0:
                self._head(416, {"Content-Range": f"bytes */{len(content)}"})
                return
            code, headers = 200, dict(shelf.version)
            if start:
                start += shelf.shift
                code = 206
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            if shelf.lengths:
                headers["Content-Length"] = str(len(content) - start)
            self._head(code, headers)
            end = start + shelf.cuts.pop(0) if shelf.cuts else len(content)
            self.wfile.write(content[start : end // 2 if shelf.stalls else end])
            if shelf.stalls:
                self.wfile.flush()
                shelf.closing.wait()

        def _start(self) -> int:
            found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            same = self.headers.get("If-Range") in shelf.version.values()
            return int(found[1]) if found and same and shelf.ranges else 0

        def _head(self, code: int, headers: dict[str, str]) -> None:
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    shelf.root = f"http://127.0.0.1:{server.server_port}"
    try:
        yield shelf
    finally:
        shelf.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
