"""The formats that stems can be written in."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mdx.errors import ConfigError

ANY = (1, 1 << 20)  # Hz
SUBTYPES = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}  # bytes a sample


@dataclass(frozen=True)
class Format:
    """An output format and its capabilities."""

    suffix: str
    subtypes: tuple[str, ...] = ()  # none: it is lossy, and takes a bit rate
    rates: tuple[int, ...] = ()  # Hz; none: any in between
    between: tuple[int, int] = ANY  # Hz
    codec: str | None = None  # FFmpeg's encoder; None: libsndfile's
    container: str = ""  # FFmpeg's
    bit_rates: tuple[int, int] = (0, 0)  # kbit/s
    bit_rate: int = 0  # the default

    def rate_for(self, rate: int) -> int:
        """The sample rate to write: the song's own, or the lowest that loses nothing."""
        low, high = self.between
        allowed = self.rates or (min(max(rate, low), high),)
        return min((other for other in allowed if other >= rate), default=max(allowed))


VORBIS_RATES = (8000, 192_000)  # beyond which libvorbis fails or even crashes
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
FORMATS: Mapping[str, Format] = MappingProxyType({
    "wav": Format(".wav", ("PCM_16", "PCM_24", "FLOAT")),
    "flac": Format(".flac", ("PCM_16", "PCM_24"), codec="flac", container="flac"),
    "mp3": Format(".mp3", (), MP3_RATES, ANY, "libmp3lame", "mp3", (32, 320), 320),
    "ogg": Format(".ogg", (), (), VORBIS_RATES, None, "ogg", (64, 500), 256),
    "opus": Format(".opus", (), OPUS_RATES, ANY, "libopus", "opus", (16, 510), 192),
})  # fmt: skip
# Seconds for a second of a stem: a safe estimate for MP3, the slowest format.
SLOWEST_ENCODER = 0.04


@dataclass(frozen=True)
class Encoding:
    """How stems are written; raises ConfigError for what a format does not support."""

    format: str = "wav"
    subtype: str | None = None  # of a lossless format; None: PCM_16
    bit_rate: int | None = None  # kbit/s of a lossy format; None: its default
    rescale: bool = False  # one gain for all stems, if one of them would clip

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            expected = f"one of {', '.join(FORMATS)}"
            raise ConfigError("format", got=f"'{self.format}'", expected=expected)
        subtypes, (low, high) = self.kind.subtypes, self.kind.bit_rates
        if self.subtype is not None and self.subtype not in subtypes:
            expected = f"one of {', '.join(subtypes)}" if subtypes else "a lossless format for it"
            raise ConfigError(f"format {self.format}", got=self.subtype, expected=expected)
        if self.bit_rate is not None and not low <= self.bit_rate <= high:
            lossy = ", ".join(name for name, kind in FORMATS.items() if kind.bit_rate)
            expected = f"{low} to {high} kbit/s" if high else f"a bit rate only with {lossy}"
            got = f"{self.bit_rate} kbit/s"
            raise ConfigError(f"format {self.format}", got=got, expected=expected)

    @property
    def kind(self) -> Format:
        """What the format can hold."""
        return FORMATS[self.format]

    @property
    def suffix(self) -> str:
        """The ending of the files."""
        return self.kind.suffix

    @property
    def depth(self) -> str:
        """The subtype of the stems; for lossy ones that of the WAV that they are made from."""
        return (self.subtype or "PCM_16") if self.kind.subtypes else "FLOAT"

    @property
    def draft(self) -> str:
        """The subtype of the WAV that is written first, and that the stems are made from."""
        return "FLOAT" if self.rescale else self.depth

    @property
    def is_draft(self) -> bool:
        """Whether that WAV is the final file."""
        return self.format == "wav" and not self.rescale


CHALLENGE = Encoding()  # WAV of 16 bits
