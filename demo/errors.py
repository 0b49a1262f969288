"""What the demo tells its user when it cannot do what was asked."""


class DemoError(Exception):
    """A request that cannot be fulfilled; its message is one line."""
