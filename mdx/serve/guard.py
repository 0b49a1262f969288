"""Access control: only the page itself, in a browser that has the token, may send requests.

A page of another site can send requests here, and by DNS rebinding even read the answers. So the
Host has to be this server's own, the Origin the page's, and no other site may be the initiator.
"""

import ipaddress
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mdx.serve.refusals import Refused, log_refusal

LOOPBACK = ("localhost", "127.0.0.1", "::1")
COOKIE = "mdx_serve_token"
SAFE: Mapping[str, str] = MappingProxyType({
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; media-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
})  # fmt: skip
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """Wraps the application: refuses requests of other sites, and adds headers to every answer."""

    def __init__(self, app: ASGIApp, *, loopback: bool, token: str | None) -> None:
        """`loopback` is whether only this machine is served."""
        self._app, self._loopback, self._token = app, loopback, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        app: Application = self._app
        try:
            check_host(headers.get("host", ""), loopback=self._loopback)
            check_initiator(headers, scope["method"], scope["path"])
            if self._token is not None:
                app = self._with_token(scope, headers)
        except Refused as refusal:
            log_refusal(refusal.status, scope["method"], scope["path"], str(refusal))
            app = JSONResponse({"error": str(refusal)}, refusal.status)
        await app(scope, receive, send_safely)

    def _with_token(self, scope: Scope, headers: Headers) -> Application:
        assert self._token is not None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and secrets.compare_digest(given.encode(), self._token.encode()):
            response = RedirectResponse("/", 303)  # to remove it from the address bar
            # Not strict: after a link from a chat or a wiki, a browser would keep the cookie back.
            response.set_cookie(COOKIE, self._token, httponly=True, samesite="lax")
            return response
        known = [Request(scope).cookies.get(COOKIE, "")]
        known.append(headers.get("authorization", "").removeprefix("Bearer "))
        if not any(secrets.compare_digest(it.encode(), self._token.encode()) for it in known):
            raise Refused(401, "got no token, expected the address that mdx serve printed")
        return self._app


def check_host(host: str, *, loopback: bool) -> None:
    """Raise Refused (421) for a Host that is not this server's own.

    Beyond loopback that is an address rather than a name, or this machine's name: rebinding needs
    a name of the attacker's.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if is_loopback(name) or (not loopback and (_is_address(name) or name in _own_names())):
        return
    own = () if loopback else (*sorted(_own_names()), "an address of this machine")
    raise Refused(421, f"got the Host '{host}', expected {', '.join((*LOOPBACK, *own))}")


def is_loopback(host: str) -> bool:
    """Whether an address is reachable from this machine only."""
    try:
        return host in LOOPBACK or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, which may lead anywhere even if it begins with 127
        return False


def check_initiator(headers: Headers, method: str, path: str) -> None:
    """Raise Refused (403) for a request that another page has made."""
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{headers.get('host', '')}":
        raise Refused(403, f"got the Origin '{origin}', expected this server's page")
    site = headers.get("sec-fetch-site", "none")
    link = method == "GET" and path == "/" and headers.get("sec-fetch-mode") == "navigate"
    if site not in ("same-origin", "none") and not link:
        raise Refused(403, f"got a request of another page ({site}), expected this server's page")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _own_names() -> tuple[str, ...]:
    name = socket.gethostname().lower()
    return name, f"{name}.local"
