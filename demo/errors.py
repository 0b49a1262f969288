"""The error of the demo."""

from mdx.errors import MdxError


class DemoError(MdxError):
    """A song that cannot be made: an impossible request, or a tool or file that is missing."""


def not_installed(subject: str, error: ImportError, purpose: str) -> DemoError:
    """The error for a package that is missing; `purpose` says what it does for the subject."""
    return DemoError(
        subject, got=f"no {error.name}", expected=purpose, hint="pip install -e '.[demo]'"
    )
