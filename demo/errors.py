"""The error of the demo."""

from mdx.errors import MdxError


class DemoError(MdxError):
    """A song that cannot be made: an impossible request, or a tool or file that is missing."""
