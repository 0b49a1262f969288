"""Settings from environment variables, which the challenge uses; options override them."""

import os
from collections.abc import Mapping
from types import MappingProxyType

from mdx.errors import ConfigError
from mdx.machine import available_cpus
from mdx.systems.find import DEFAULT_SYSTEM

WORDS: Mapping[str, bool] = MappingProxyType({
    "": False, "0": False, "no": False, "false": False, "off": False,
    "1": True, "yes": True, "true": True, "on": True,
})  # fmt: skip
MOST_THREADS = 64  # or four per CPU: more would cost memory and gain no speed


def system_of_environment() -> str:
    """The system that MDX_SYSTEM names, or the default one."""
    return os.environ.get("MDX_SYSTEM") or DEFAULT_SYSTEM


def threads_of_environment() -> int | None:
    """The number of threads that MDX_THREADS asks for; None if it is not set."""
    threads = os.environ.get("MDX_THREADS")
    if threads is None:
        return None
    if not threads.isdecimal():
        raise ConfigError("MDX_THREADS", got=repr(threads), expected="a whole number of threads")
    return check_threads(int(threads), "MDX_THREADS")


def check_threads(threads: int, subject: str = "--threads") -> int:
    """Return the number; raises ConfigError if it is more than this machine can use."""
    most = max(MOST_THREADS, 4 * available_cpus())
    if not 1 <= threads <= most:
        raise ConfigError(subject, got=threads, expected=f"1 to {most} threads")
    return threads


def flag_of_environment(name: str) -> bool:
    """Whether a variable is true; raises ConfigError unless it means yes or no."""
    value = os.environ.get(name, "")
    if value.lower() not in WORDS:
        raise ConfigError(
            name, got=repr(value), expected=f"one of {', '.join(filter(None, WORDS))}"
        )
    return WORDS[value.lower()]
