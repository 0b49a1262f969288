"""Every error that a user can cause, in one line: got, expected, and what to do."""

from collections.abc import Callable
from typing import Any, Self


class MdxError(Exception):
    """Root of all user errors; its text is always one line."""

    def __init__(self, subject: object, *, got: object, expected: object, hint: str = "") -> None:
        text = f"{subject}: got {got}, expected {expected}"
        text = f"{text}; {hint}" if hint else text
        super().__init__(" ".join(text.split()))

    def within(self, where: object) -> Self:
        """The same error, prefixed with the place where it occurred."""
        copy = type(self).__new__(type(self))
        Exception.__init__(copy, f"{where}: {self}")
        return copy

    @classmethod
    def like(cls, error: object) -> Self:
        """An error of this class with the text of another one."""
        copy = cls.__new__(cls)
        Exception.__init__(copy, str(error))
        return copy

    def __reduce__(self) -> tuple[Callable[[str], Self], tuple[Any, ...]]:
        """Support pickling, which lets a child process raise the same error in its parent."""
        return type(self).like, (str(self),)


class ConfigError(MdxError):
    """A system description, manifest, option or name that cannot be used."""


class AudioError(MdxError):
    """An input song that cannot be read as audio."""


class OutputError(MdxError):
    """Stems that cannot be written."""


class WeightsError(MdxError):
    """A weights file that is missing, unknown or not the file the manifest names."""


class DownloadError(MdxError):
    """A released file that could not be downloaded: no answer, a refusal, or a full disk."""


class NetworkError(MdxError):
    """A network that cannot be loaded or run, or whose layout or output is not as needed."""


class ProcessError(MdxError):
    """A process for part of the work that was killed, as the system does when memory is short."""


class Cancelled(MdxError):
    """A separation that its caller cancelled; nothing was written."""

    def __init__(self, song: object) -> None:
        super().__init__(song, got="a cancel request", expected="none", hint="no stem was written")
