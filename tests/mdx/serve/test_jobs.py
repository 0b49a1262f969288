"""Jobs as files, and the names of songs."""

import json

import pytest

from mdx.errors import ConfigError
from mdx.serve.jobs import Job, Wish, file_name, plain_name

JOB = Job(
    "0123456789abcdef", "fedcba9876543210", "song.wav", 10, Wish("demo", two_stems="vocals"), 1.5,
    state="done", stems=("vocals", "instrumental"), notes=("loud",),
    degraded=({"from": 3.0, "level": "int8"},), scores={"sdr": {"song": 1.0}},
)  # fmt: skip


def test_a_job_comes_back_from_its_file() -> None:
    assert Job.of_json(json.loads(json.dumps(JOB.as_json()))) == JOB
    newer = JOB.as_json() | {"what a later version knows": 1}
    assert Job.of_json(newer) == JOB


@pytest.mark.parametrize("change", [
    {"id": "../../../../etc"}, {"song": "0123456789ABCDEF"}, {"id": "0123456789abcdef\n"},
    {"state": "sleeping"}, {"wish": {}}, {"wish": {"path": "x"}}, {"stems": None}, {"id": None},
])  # fmt: skip
def test_a_file_that_is_not_a_job_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="job: got "):
        Job.of_json(JOB.as_json() | change)


@pytest.mark.parametrize("content", [None, [], "text", 3, {}])
def test_json_that_is_not_an_object_is_refused(content: object) -> None:
    with pytest.raises(ConfigError):
        Job.of_json(content)


@pytest.mark.parametrize(("given", "plain", "saved"), [
    ("song.mp3", "song.mp3", "song"),
    ("../../etc/passwd", "passwd", "passwd"),
    ("C:\\music\\a song.flac", "a song.flac", "a song"),
    ("line\nbreak\x00\u202egnp.wav", "linebreakgnp.wav", "linebreakgnp"),
    ("", "song", "song"), ("..", "..", "song"), ("a/", "song", "song"), (" . ", ".", "song"),
    ("What? <No>: \"yes\"|*.wav", "What? <No>: \"yes\"|*.wav", "What_ _No__ _yes___"),
    ("Mr. Blue.Sky", "Mr. Blue.Sky", "Mr. Blue"),
    ("日本語.ogg", "日本語.ogg", "日本語"), ("x" * 500, "x" * 200, "x" * 200),
])  # fmt: skip
def test_names(given: str, plain: str, saved: str) -> None:
    assert plain_name(given) == plain
    assert file_name(given) == saved
