"""Chord progressions, one chord per bar; train and test share none, whatever the first bar."""

PROGRESSIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "major": {
        "train": (
            "I V vi IV", "vi IV I V", "I vi IV V", "I IV V IV", "I iii IV V", "ii V I I",
            "I I IV V", "I bVII IV I", "I IV I V", "I7", "I iii IV iv",
            "I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7",
        ),
        "test": ("I IV vi V", "iii vi IV V", "I vi ii V", "I V IV IV", "IV iv I I", "I ii IV V"),
    },
    "minor": {
        "train": (
            "i VI III VII", "i iv VII III", "i VII VI VII", "i iv v i", "i i VI VII", "VI VII i i",
            "i VII VI V", "iio V7 i VI", "i", "i7 iv7",
        ),
        "test": ("i VII iv VI", "i III VII iv", "i VI iv V", "iv VI i V", "i v VI iv"),
    },
}  # fmt: skip

# Random walks instead of a known progression: the chords that may follow each chord.
WALK_SHARE = 0.15
WALKS: dict[str, dict[str, tuple[str, ...]]] = {
    "major": {
        "I": ("IV", "V", "vi", "ii"), "ii": ("V", "IV"), "iii": ("vi", "IV"),
        "IV": ("I", "V", "ii"), "V": ("I", "vi", "IV"), "vi": ("IV", "ii", "iii"),
    },
    "minor": {
        "i": ("VI", "iv", "VII", "III"), "III": ("VI", "VII", "iv"), "iv": ("i", "v", "VII"),
        "v": ("i", "VI"), "VI": ("III", "VII", "iv"), "VII": ("i", "III", "VI"),
    },
}  # fmt: skip
WALK_BARS = {"train": 8, "test": 6}  # with no shorter period, so the splits share none
