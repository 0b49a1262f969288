"""Genre templates: tempo, drum grids, bass styles and instruments that go together."""

from dataclasses import dataclass

# Velocity of each letter of a grid; a grid is one bar of sixteenths.
VELOCITY = {"X": 1.0, "x": 0.8, "o": 0.55, "g": 0.22}


@dataclass(frozen=True)
class Groove:
    """The drum grids of one bar; each section uses one of the alternatives."""

    kicks: tuple[str, ...]
    backbeats: tuple[str, ...]
    hats: tuple[str, ...]
    opens: str
    backbeat_drums: tuple[str, ...] = ("snare",)
    cymbals: tuple[str, ...] = ("hat", "hat", "hat", "ride")  # pieces that may play the grid `hats`


@dataclass(frozen=True)
class Genre:
    """A style of accompaniment."""

    weight: int  # percentage of songs
    tempo: tuple[int, int]
    groove: Groove
    bass: tuple[str, ...]  # names of bassline.STYLES
    basses: tuple[str, ...]
    layers: tuple[tuple[str, str], ...]  # (instrument, name of accompaniment.RHYTHMS)
    minor: float  # share of songs in a minor mode
    swing: float = 0.0  # share of songs that swing
    meters: tuple[float, float] = (0.0, 0.0)  # shares of 6/8 and 3/4
    ducked: float = 0.0  # share of songs whose bass and other are ducked by the kick
    rap: float = 0.0  # share of songs that are rapped


_BACKBEAT = "....X.......X..."
_EIGHTHS = "x.o.x.o.x.o.x.o."
_NO_OPEN = "................"

GENRES = {
    "pop-rock": Genre(
        20, (92, 128),
        Groove(("X.......X.x.....", "X.....x.X.......", "X..x..x.X..x...."), (_BACKBEAT,),
               (_EIGHTHS, "x.x.x.x.x.x.x.x."), "..............x."),
        ("eighths", "sync", "halves"), ("fingered", "picked", "fingered", "saw"),
        (("acoustic", "eighths"), ("piano", "push"), ("clean", "arp"), ("organ", "hold"),
         ("pad", "hold"), ("overdriven", "halves"), ("strings", "hold"), ("lead", "melody")),
        0.35, meters=(0.08, 0.02),
    ),
    "ballad": Genre(
        12, (60, 85),
        Groove(("X.........x.....", "X.......x......."), (_BACKBEAT,),
               ("x...o...x...o...", _EIGHTHS), _NO_OPEN, ("snare", "rim")),
        ("long", "halves"), ("fingered", "fretless", "sub"),
        (("piano", "arp"), ("epiano", "halves"), ("nylon", "arp"), ("strings", "hold"),
         ("pad", "hold"), ("acoustic", "arp"), ("flute", "melody"), ("violin", "melody")),
        0.5, swing=0.1, meters=(0.30, 0.10),
    ),
    "funk": Genre(
        12, (96, 117),
        Groove(("X..x..x...X.....", "X.x.......X..x.."), ("....X..g.g..X..g", _BACKBEAT),
               ("xoxoxoxoxoxoxoxo", "x.oox.oox.oox.oo"), "......x........."),
        ("sync", "octave"), ("slap", "fingered", "picked", "slap"),
        (("clean", "chop"), ("epiano", "charleston"), ("organ", "chop"), ("brass", "stabs"),
         ("muted", "sixteenths"), ("sax", "melody")),
        0.6, swing=0.5,
    ),
    "house": Genre(
        12, (114, 130),
        Groove(("X...X...X...X...",), (_BACKBEAT,), ("o.o.o.o.o.o.o.o.", "xoooxoooxoooxooo"),
               "..x...x...x...x.", ("clap", "snare", "clap"), ("hat",)),
        ("octave", "offbeat", "eighths"), ("saw", "sub", "saw", "fingered"),
        (("pad", "hold"), ("piano", "charleston"), ("arp", "arp16"), ("strings", "hold"),
         ("clean", "chop"), ("lead", "arp16"), ("mallet", "arp")),
        0.6, ducked=0.6,
    ),
    "hip-hop": Genre(
        12, (70, 100),
        Groove(("X......x..X.....", "X..x......X...x."), (_BACKBEAT, "........X......."),
               ("xoxoxoxxxoxoxxxx", "x.xxx.x.x.xxx.xo"), "..............o.",
               ("clap", "snare"), ("hat",)),
        ("long", "sync"), ("glide808", "sub", "glide808", "fingered"),
        (("epiano", "halves"), ("pad", "hold"), ("piano", "charleston"), ("mallet", "arp"),
         ("strings", "hold"), ("nylon", "arp"), ("flute", "melody")),
        0.8, swing=0.5, ducked=0.6, rap=0.8,
    ),
    "metal": Genre(
        10, (140, 190),
        Groove(("X...X.x.X...X.x.", "X.X.X.X.X.X.X.X.", "X..xX..xX..xX.x."), (_BACKBEAT,),
               ("X.x.X.x.X.x.X.x.", "X...X...X...X..."), _NO_OPEN, ("snare",),
               ("hat", "open", "ride", "crash")),
        ("eighths", "walking"), ("picked", "distorted", "picked"),
        (("overdriven", "power"), ("muted", "power8"), ("overdriven", "eighths"),
         ("organ", "hold"), ("lead", "melody")),
        0.75,
    ),
    "reggae": Genre(
        6, (68, 91),
        Groove(("........X.......", "X.......X......."), ("........X.......",),
               (_EIGHTHS, "x.ox..o.x.ox..o."), "..............x.", ("snare", "rim"), ("hat",)),
        ("walking", "dub"), ("fingered", "sub", "fingered"),
        (("clean", "skank"), ("organ", "skank16"), ("piano", "skank"), ("brass", "stabs"),
         ("sax", "melody")),
        0.4, swing=0.5,
    ),
    "bossa": Genre(
        8, (100, 140),
        Groove(("X..xx..xX..xx..x", "X..x....X..x...."), ("x..x..x...x..x..", "..x...x....x..x."),
               ("oooooooooooooooo", _EIGHTHS), _NO_OPEN, ("rim",), ("shaker", "hat", "ride")),
        ("bossa", "halves"), ("fretless", "fingered"),
        (("nylon", "bossa"), ("piano", "bossa"), ("epiano", "hold"), ("flute", "melody"),
         ("strings", "hold"), ("mallet", "melody")),
        0.5, swing=0.15,
    ),
    "folk": Genre(
        8, (80, 124),
        Groove(("X.......X.......", "X.....x.X......."), (_BACKBEAT, "....o.......o..."),
               ("x...x...x...x...", _EIGHTHS), _NO_OPEN, ("rim", "snare"), ("tambourine", "hat")),
        ("halves", "walking", "long"), ("fingered", "fretless"),
        (("acoustic", "strum"), ("nylon", "arp"), ("acoustic", "arp"), ("piano", "halves"),
         ("violin", "melody"), ("flute", "melody"), ("strings", "hold")),
        0.4, swing=0.2, meters=(0.25, 0.25),
    ),
}  # fmt: skip

# Bars of twelve sixteenths replace a genre's own grids.
GROOVES_OF_12 = {
    "6/8": Groove(("X.....x.....", "X...x.x....."), ("......X.....", "......X...g."),
                  ("x.o.o.x.o.o.", "x.x.x.x.x.x."), "..........o."),
    "3/4": Groove(("X...........", "X.........x."), ("....x...x...", "........X..."),
                  ("x...o...o...", "x.o.o.o.o.o."), "............"),
}  # fmt: skip
