"""Genre templates: tempo, drum grids, bass styles and instruments that go together."""

from dataclasses import dataclass

# Grid letters to velocity; a grid is one bar of sixteenths.
VELOCITY = {"X": 1.0, "x": 0.8, "o": 0.55, "g": 0.22}


@dataclass(frozen=True)
class Genre:
    """A style of accompaniment."""

    name: str
    tempo: tuple[int, int]
    swing: float
    kicks: tuple[str, ...]
    backbeat: str
    backbeat_drum: str
    hats: tuple[str, ...]
    open_hat: str
    bass: tuple[str, ...]
    layers: tuple[tuple[str, str], ...]  # (instrument, comping rhythm)
    minor: float  # share of songs in a minor mode


_BACKBEAT = "....X.......X..."
_EIGHTHS = "x.o.x.o.x.o.x.o."

GENRES = (
    Genre(
        "pop-rock", (92, 128), 0.0,
        ("X.......X.x.....", "X.....x.X.......", "X..x..x.X..x...."),
        _BACKBEAT, "snare", (_EIGHTHS, "x.x.x.x.x.x.x.x."), "..............x.",
        ("eighths", "sync"),
        (("pluck", "eighths"), ("piano", "push"), ("organ", "hold"), ("pad", "hold")), 0.35,
    ),
    Genre(
        "ballad", (62, 86), 0.0,
        ("X.........x.....", "X.......x......."),
        _BACKBEAT, "snare", ("x...o...x...o...", _EIGHTHS), "................",
        ("long", "halves"),
        (("piano", "arp"), ("epiano", "halves"), ("pluck", "arp"), ("pad", "hold")), 0.5,
    ),
    Genre(
        "funk", (96, 118), 0.12,
        ("X..x..x...X.....", "X.x.......X..x.."),
        "....X..g.g..X..g", "snare", ("xoxoxoxoxoxoxoxo", "x.oox.oox.oox.oo"), "......x.........",
        ("sync", "octave"),
        (("epiano", "charleston"), ("pluck", "chop"), ("organ", "chop"), ("lead", "melody")), 0.6,
    ),
    Genre(
        "disco", (114, 130), 0.0,
        ("X...X...X...X...",),
        _BACKBEAT, "clap", ("o.o.o.o.o.o.o.o.", "xoooxoooxoooxooo"), "..x...x...x...x.",
        ("octave", "eighths"),
        (("pad", "hold"), ("pluck", "chop"), ("epiano", "push"), ("lead", "arp")), 0.6,
    ),
    Genre(
        "hip-hop", (72, 98), 0.22,
        ("X......x..X.....", "X..x......X...x."),
        _BACKBEAT, "clap", ("xoxoxoxxxoxoxxxx", "x.xxx.x.x.xxx.xo"), "..............o.",
        ("long", "sync"),
        (("epiano", "halves"), ("pad", "hold"), ("piano", "charleston"), ("pluck", "arp")), 0.8,
    ),
    Genre(
        "reggae", (70, 92), 0.15,
        ("........X.......", "X.......X......."),
        "........X.......", "snare", (_EIGHTHS, "x.ox..o.x.ox..o."), "..............x.",
        ("walking", "sync"),
        (("organ", "skank"), ("pluck", "skank"), ("piano", "skank"), ("lead", "melody")), 0.4,
    ),
    Genre(
        "rock", (118, 152), 0.0,
        ("X...X.x.X...X.x.", "X.....x.X.x....."),
        _BACKBEAT, "snare", ("X.x.X.x.X.x.X.x.",), "................",
        ("eighths", "walking"),
        (("pluck", "eighths"), ("lead", "hold"), ("organ", "hold"), ("piano", "eighths")), 0.5,
    ),
)  # fmt: skip

# Comping rhythms: (first step, length in steps) of each chord in a bar.
RHYTHMS: dict[str, tuple[tuple[int, float], ...]] = {
    "hold": ((0, 16),),
    "halves": ((0, 8), (8, 8)),
    "push": ((0, 6), (6, 10)),
    "charleston": ((0, 3), (6, 3), (11, 3)),
    "chop": ((2, 1), (3, 1), (6, 1.2), (10, 1), (11, 1), (14, 1.2)),
    "skank": ((4, 1.5), (12, 1.5)),
    "eighths": tuple((step, 2) for step in range(0, 16, 2)),
}

# Bass styles: (first step, length in steps, chord tone) with r root, t third, f fifth, o octave.
BASS: dict[str, tuple[tuple[int, float, str], ...]] = {
    "eighths": tuple((step, 1.9, "r") for step in range(0, 16, 2)),
    "octave": tuple((step, 1.6, "ro"[(step // 2) % 2]) for step in range(0, 16, 2)),
    "walking": ((0, 3.8, "r"), (4, 3.8, "t"), (8, 3.8, "f"), (12, 3.8, "t")),
    "sync": ((0, 2.8, "r"), (3, 1.5, "r"), (6, 2, "o"), (10, 2.5, "f"), (13, 2.6, "r")),
    "long": ((0, 9.5, "r"), (10, 5.5, "f")),
    "halves": ((0, 7.5, "r"), (8, 5.5, "r"), (14, 1.8, "f")),
}

# Vocal rhythms: onsets in sixteenth steps over a phrase of two bars; the rest is breath.
PHRASES: tuple[tuple[int, ...], ...] = (
    (0, 2, 4, 6, 10, 14, 16, 18, 22),
    (2, 4, 6, 8, 12, 16, 20),
    (0, 4, 6, 8, 11, 14, 16, 19, 22),
    (0, 3, 6, 8, 12, 14, 16),
    (4, 6, 8, 10, 12, 14, 16, 18, 20, 24),
    (0, 6, 8, 14, 16, 22),
    (2, 3, 4, 6, 8, 10, 11, 12, 14, 16, 18, 22),
)
