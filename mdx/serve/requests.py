"""Parses and validates requests."""

import json
import math
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from mdx.serve.jobs import Wish
from mdx.serve.refusals import Refused

MOST_JSON = 1 << 16  # bytes


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object of a body; raises Refused for anything else."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_JSON:
            raise Refused(413, f"request: got more than {MOST_JSON} bytes, expected a few words")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(400, "request: got no JSON object, expected one")
    return found


def wish_of(asked: dict[str, Any]) -> Wish:
    """The options of a song; raises Refused if a value is not text."""
    values = [asked.get(key) for key in ("system", "precision", "two_stems")]
    system, precision, two_stems = (value or None for value in values)
    if not isinstance(system, str) or not isinstance(precision, str):
        raise Refused(400, f"request: got {values}, expected a system and a precision")
    if two_stems is not None and not isinstance(two_stems, str):
        raise Refused(400, f"two_stems: got {two_stems!r}, expected a stem")
    return Wish(system, precision, two_stems)


def whole_number(request: Request, key: str) -> int:
    """A whole number in a URL; raises Refused for anything else."""
    text = request.query_params.get(key, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise Refused(400, f"{key}: got '{text}', expected a whole number")
    return int(text)


def format_of(request: Request) -> str:
    """The format of a download, by default WAV."""
    return request.query_params.get("format", "wav")


def gains_of(request: Request) -> dict[str, float]:
    """The gains of a mix, `gain=STEM:NUMBER` each; raises Refused for anything else."""
    gains = {}
    for text in request.query_params.getlist("gain"):
        stem, _, number = text.rpartition(":")
        try:
            gains[stem] = float(number)
        except ValueError:
            gains[stem] = math.nan
        if not math.isfinite(gains[stem]):
            raise Refused(400, f"gain: got '{text}', expected STEM:NUMBER")
    return gains


def attachment(name: str) -> dict[str, str]:
    """The header that makes a browser save an answer under a name."""
    return {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}"}
