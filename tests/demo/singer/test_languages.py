import numpy as np
import pytest

from demo.singer.languages import LANGUAGES, syllables
from demo.singer.phonemes import CONSONANTS, VOWELS, parse

ALL = sorted({*LANGUAGES["train"], *LANGUAGES["test"]})


def test_no_language_is_in_both_splits() -> None:
    assert not set(LANGUAGES["train"]) & set(LANGUAGES["test"])


@pytest.mark.parametrize("language", ALL)
def test_every_syllable_can_be_sung(language: str) -> None:
    words = syllables(language, 500, np.random.default_rng(0))
    assert len(words) == 500
    for word in words:
        onset, vowels, coda = parse(word)
        assert set(onset + coda) <= set(CONSONANTS), word
        assert 1 <= len(vowels) <= 2 and set(vowels) <= set(VOWELS), word


def _closed(language: str) -> float:
    words = syllables(language, 2000, np.random.default_rng(1))
    return float(np.mean([bool(parse(word)[2]) for word in words]))


def test_languages_keep_their_flavour() -> None:
    assert (
        max(_closed("italian"), _closed("spanish"))
        < 0.5
        < min(_closed("german"), _closed("english"))
    )
    french = syllables("french", 1000, np.random.default_rng(2))
    assert 0.1 < np.mean(["~" in word for word in french]) < 0.4
    assert not any("~" in word for word in syllables("english", 1000, np.random.default_rng(2)))


def test_a_vocalise_repeats_a_few_syllables() -> None:
    assert len(set(syllables("la-la", 100, np.random.default_rng(3)))) <= 2
    assert len(set(syllables("english", 100, np.random.default_rng(3)))) > 50


def test_nothing_to_sing() -> None:
    assert syllables("oh", 0, np.random.default_rng(0)) == []


def test_same_state_same_words() -> None:
    first, again = (syllables("german", 20, np.random.default_rng(9)) for _ in range(2))
    assert first == again
