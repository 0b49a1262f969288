"""Settings from environment variables, which the challenge uses; options override them."""

import argparse
import logging
import os
from collections.abc import Mapping
from types import MappingProxyType

from mdx.errors import ConfigError
from mdx.machine import available_cpus
from mdx.runtimes.onnx import PROVIDERS
from mdx.runtimes.runtime import RUNTIMES
from mdx.systems.find import DEFAULT_SYSTEM, find_system
from mdx.systems.weights import PRECISIONS

log = logging.getLogger("mdx.environment")
# Options with a choice of words: the variable, the words, and the default.
CHOICES: Mapping[str, tuple[str, tuple[str, ...], str]] = MappingProxyType({
    "precision": ("MDX_PRECISION", tuple(PRECISIONS), "float32"),
    "runtime": ("MDX_RUNTIME", tuple(RUNTIMES), "auto"),
    "provider": ("MDX_PROVIDER", tuple(PROVIDERS), "cpu"),
})  # fmt: skip
VARIABLES = (
    "MDX_SYSTEM", *(variable for variable, _, _ in CHOICES.values()), "MDX_THREADS", "MDX_LIMIT",
    "MDX_SPEND_BUDGET", "MDX_SUBTYPE", "MDX_AUDIT_PATH",
)  # fmt: skip
MARK = "MDX_CHILD"  # by which the evaluator recognises its children
WORDS: Mapping[str, bool] = MappingProxyType({
    "": False, "0": False, "no": False, "false": False, "off": False,
    "1": True, "yes": True, "true": True, "on": True,
})  # fmt: skip
MOST_THREADS = 64  # or four per CPU: more would cost memory and gain no speed


def system_of_environment() -> str:
    """The system that MDX_SYSTEM names, or the default one; raises ConfigError for no system."""
    system = os.environ.get("MDX_SYSTEM") or DEFAULT_SYSTEM
    try:
        find_system(system)
    except ConfigError as error:
        raise error.within("MDX_SYSTEM") from error
    return system


def choice_of_environment(option: str) -> str:
    """The value of an option's variable, or its default; raises ConfigError for another word."""
    variable, choices, default = CHOICES[option]
    value = os.environ.get(variable) or default
    if value not in choices:
        raise ConfigError(variable, got=f"'{value}'", expected=f"one of {', '.join(choices)}")
    return value


def apply_environment(args: argparse.Namespace) -> None:
    """Fill in the options that were not given; raises ConfigError for a value that is not valid."""
    if args.system is None:
        args.system = system_of_environment()
    for option in CHOICES:
        if getattr(args, option) is None:
            setattr(args, option, choice_of_environment(option))


def warn_of_unknown_variables() -> None:
    """Warn of variables that look like ours but are never read, such as misspelt ones."""
    for name in sorted(os.environ):
        if name.startswith("MDX_") and name not in (*VARIABLES, MARK):
            log.warning("%s is not read; the variables are %s", name, ", ".join(VARIABLES))


def threads_of_environment() -> int | None:
    """The number of threads that MDX_THREADS asks for; None if it is not set."""
    threads = os.environ.get("MDX_THREADS")
    if not threads:
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
