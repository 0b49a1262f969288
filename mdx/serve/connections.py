"""HTTP connections with a timeout for the header of a request."""

import asyncio
import logging
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger("mdx.serve")
HEADER_SECONDS = 20.0  # for the first line and the headers
MOST_HEADER_BYTES = 16_384


class TimedProtocol(H11Protocol):
    """uvicorn's protocol with a timeout, without which it waits forever for a header's end."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the clock."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Restart the clock for a new request, and stop it once its header is complete."""
        super().data_received(data)
        waits = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if not waits:
            self._stop()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
        super().connection_lost(exc)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        log.warning("refused: a header that is not whole after %g s", HEADER_SECONDS)
        self.transport.close()
