"""Runs single tasks in child processes: JSON in, JSON out."""

import asyncio
import json
import sys
from contextlib import suppress
from typing import Any

from mdx.errors import MdxError
from mdx.serve.crew import SAFELY, environment


async def run_child(module: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run a module of Python's path, which answers on standard output with one JSON object.

    Raises MdxError with the reason where that has the key "error", or where there is no answer. A
    caller that is cancelled takes the process with it.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, *SAFELY, "-m", module,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        start_new_session=True, env=environment(),
    )  # fmt: skip
    try:
        out, _ = await process.communicate(json.dumps(request).encode())
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        answer = json.loads(out)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        code = process.returncode
        raise MdxError(module, got=f"no answer, and exit code {code}", expected="an answer")
    if "error" in answer:
        raise MdxError.like(answer["error"])
    return answer
