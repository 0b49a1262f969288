"""The limit of a song: parsing and printing."""

from dataclasses import replace

import pytest

from mdx.cli.environment import threads_of_environment
from mdx.errors import ConfigError
from mdx.limit.challenge import ROUND_1, ROUND_2
from mdx.limit.policy import Limit, find_limit, parse_limit


@pytest.mark.parametrize(
    ("text", "duration", "seconds"),
    [
        ("fixed:240", 100, 240),
        ("240", 100, 240),
        (240, 100, 240),  # as YAML reads it
        (" 0.5 ", 100, 0.5),
        ("ratio:1.57", 100, 157),
        ("ratio:2", 30, 60),
        ("none", 100, None),
    ],
)
def test_limits_are_policies(text: str | float, duration: float, seconds: float | None) -> None:
    assert parse_limit(text).seconds(duration) == pytest.approx(seconds)


def test_a_limit_prints_as_it_is_read() -> None:
    for limit in (Limit(), Limit("fixed", 240.0), Limit("ratio", 1.57)):
        assert parse_limit(str(limit)) == limit


@pytest.mark.parametrize(
    "text",
    ["", "fixed", "fixed:", "fixed:0", "-3", "ratio:x", "nan", "inf", "times:3", ":5", "none:1"],
)
def test_other_limits_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"MDX_LIMIT: got '.*', expected SECONDS"):
        parse_limit(text, "MDX_LIMIT")


def test_a_policy_may_be_capped() -> None:
    limit = replace(parse_limit("ratio:1.57"), most=240.0)
    assert limit.seconds(100) == pytest.approx(157)
    assert limit.seconds(430) == 240
    assert replace(Limit(), most=240.0).seconds(430) is None


def test_the_challenge_s_limits_of_musdb_s_longest_song() -> None:
    assert ROUND_1.seconds(430) == 240
    assert ROUND_2.seconds(430) == pytest.approx(675.1)


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDX_LIMIT", "")
    monkeypatch.setenv("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS", "240")
    assert find_limit(None, None) == Limit("fixed", 240.0)
    monkeypatch.setenv("MDX_THREADS", "")
    assert threads_of_environment() is None


def test_the_command_line_precedes_the_environment_and_that_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MDX_LIMIT", "ratio:2")
    monkeypatch.setenv("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS", "240")
    assert find_limit("none", "30") == Limit()
    assert find_limit(None, "30") == Limit("ratio", 2.0)
    monkeypatch.delenv("MDX_LIMIT")
    assert find_limit(None, "30") == Limit("fixed", 240.0)
    monkeypatch.delenv("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS")
    assert find_limit(None, "30") == Limit("fixed", 30.0)
    assert find_limit(None, None) is None
