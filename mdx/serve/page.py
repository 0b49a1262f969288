"""The page itself: a template and its files, which are read once."""

import hashlib
import mimetypes
from pathlib import Path
from typing import Any

from starlette.responses import HTMLResponse, Response

from mdx.audio.formats import FORMATS
from mdx.serve.menu import Menu
from mdx.serve.settings import Settings
from mdx.serve.truths import can_score

FOLDER = Path(__file__).with_name("page")
TEMPLATE = "page.html.jinja"


class Page:
    """All files that a browser loads for the page."""

    def __init__(self, menu: Menu, settings: Settings) -> None:
        """Render the page once, since it is the same for everyone."""
        from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

        self.files = {
            path.name: path.read_bytes()
            for path in FOLDER.iterdir()
            if path.suffix in (".css", ".js", ".svg")
        }
        environment = Environment(
            loader=FileSystemLoader(FOLDER), autoescape=select_autoescape(["html", "jinja"]),
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._html = environment.get_template(TEMPLATE).render(
            systems=menu.as_json(), facts=self._facts(menu, settings),
            scripts=sorted(name for name in self.files if name.endswith(".js")),
            most_upload=f"{settings.most_upload / 1e6:g} MB", keep=f"{settings.keep_hours:g} hours",
        )  # fmt: skip

    def html(self) -> Response:
        """The page."""
        return HTMLResponse(self._html)

    def file(self, name: str, known: str | None) -> Response | None:
        """One of its files, or None; `known` is the tag of the browser's copy."""
        if name not in self.files:
            return None
        content = self.files[name]
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if known == tag:
            return Response(status_code=304, headers=headers)
        kind = mimetypes.guess_type(name)[0] if not name.endswith(".js") else "text/javascript"
        return Response(content, media_type=kind, headers=headers)

    def _facts(self, menu: Menu, settings: Settings) -> dict[str, Any]:
        return {
            "systems": menu.as_json(),
            "system": menu.default,
            "precision": menu.precision,
            "formats": list(FORMATS),
            "mostUpload": settings.most_upload,
            "canScore": can_score(),
        }
