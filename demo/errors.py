"""What the demo tells its user when it cannot do what was asked."""

from mdx.errors import MdxError


class DemoError(MdxError):
    """A song that cannot be made: a request that is impossible, or a tool or file that is missing.

    The packs pass one line as `subject` alone, which says all three things itself.
    """

    def __init__(
        self, subject: object, *, got: object = "", expected: object = "", hint: str = ""
    ) -> None:
        if got or expected:
            super().__init__(subject, got=got, expected=expected, hint=hint)
        else:
            Exception.__init__(self, " ".join(str(subject).split()))
