"""The form of a song: its sections, and which stems rest in them."""

import numpy as np

from demo.score import STEMS, Section

# How often a stem rests in a section; voices and layers also pause within sections.
_RESTS = {"bass": 0.13, "drums": 0.13, "other": 0.06, "vocals": 0.16}
WITHOUT = 0.1  # share of training songs that lack a stem
_LACKING = ("vocals", "vocals", "drums", "bass")


def draw_lacking(split: str, rng: np.random.Generator) -> str | None:
    """The stem that is silent throughout a song, usually None.

    Only training songs lack a stem, to teach silence: a silent reference has no SDR.
    """
    lacks = rng.random() < WITHOUT
    stem = str(rng.choice(_LACKING))
    return stem if lacks and split == "train" else None


def draw_form(rng: np.random.Generator, n_bars: int, lacking: str | None) -> tuple[Section, ...]:
    """Divide a song of `n_bars` into sections of about four to eight bars, in which stems may rest.

    Every stem except `lacking` plays in at least one section; in each section, at least two play.
    """
    n_sections = max(1, round(n_bars / 6))
    cuts = [2 * round(n_bars * k / n_sections / 2) for k in range(n_sections)] + [n_bars]
    there = [stem for stem in STEMS if stem != lacking]
    playing = [set(there) for _ in range(n_sections)]
    if n_sections > 1:
        for stem in there:
            rests = [k for k in range(n_sections) if rng.random() < _RESTS[stem]]
            for k in rests[: n_sections - 1]:
                if len(playing[k]) > 2:
                    playing[k].discard(stem)
    return tuple(
        Section(a, b - a, frozenset(active))
        for a, b, active in zip(cuts[:-1], cuts[1:], playing, strict=True)
    )
