"""The error of a demo that cannot do what was asked."""

from mdx.errors import MdxError


class DemoError(MdxError):
    """A song that cannot be made: an impossible request, or a tool or file that is missing."""
