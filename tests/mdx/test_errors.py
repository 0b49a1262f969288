"""Errors are one line, and keep their class across processes."""

import copy
import pickle

import pytest

from mdx.errors import AudioError, Cancelled, MdxError, WeightsError


def test_an_error_is_one_line() -> None:
    error = MdxError("a\nsong", got="x\n y", expected="z", hint="do\tthis")
    assert str(error) == "a song: got x y, expected z; do this"
    assert str(MdxError("song", got=1, expected=2)) == "song: got 1, expected 2"


@pytest.mark.parametrize(
    "error",
    [AudioError("song", got=1, expected=2, hint="again"), Cancelled("song"),
     WeightsError("x", got=1, expected=2).within("y")],
)  # fmt: skip
def test_an_error_survives_pickling(error: MdxError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error) and str(again) == str(error)


def test_an_error_may_become_one_of_another_class() -> None:
    told = WeightsError.like(AudioError("song", got=1, expected=2))
    assert type(told) is WeightsError and str(told) == "song: got 1, expected 2"
