"""Refused requests: an answer with the reason, and one line in the log."""

import logging

log = logging.getLogger("mdx.serve")
LONGEST = 200  # most characters of a client's text in the log


class Refused(Exception):
    """A refused request, with an HTTP status; its text is one line."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(" ".join(text.split()))
        self.status = status


def log_refusal(status: int, method: str, path: str, text: str) -> None:
    """Log a refusal on one line, whatever text the client has sent."""
    log.warning("refused %d: %s %s: %s", status, plain(method), plain(path), plain(text))


def plain(text: str) -> str:
    """A client's text on one line of bounded length, with special characters escaped."""
    shown = text.encode("ascii", "backslashreplace").decode()
    shown = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in shown)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."
