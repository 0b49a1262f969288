"""How a song is cut into chunks for spectrogram networks: KUIELab's ways and UVR's."""

from collections.abc import Callable, Mapping

from mdx.errors import ConfigError
from mdx.estimators.protocol import Geometry
from mdx.estimators.stft import StftSpec
from mdx.systems.spec import require

MOST_OVERLAP = 0.99  # of a chunk; the work grows with 1 / (1 - overlap)
ROUNDED = 5e-3  # by how much a share such as 2 / 3 may be rounded in a YAML


def kuielab(size: StftSpec, overlap: float | None = None, trim: int | None = None) -> Geometry:
    """Chunks lose `trim` samples at either end, and the rest is strung together.

    With an `overlap`, a share of the rest, the mean of what two chunks yield counts. Raises
    ConfigError where nothing would be left, or chunks would not advance.

    Source: the released submission's inference (its last chunk, where it holds padding only and
    would be cut away whole, is not computed); with trim and overlap that of LaSAFT-Net.
    """
    trim = size.trim if trim is None else trim
    rest = size.chunk - 2 * trim
    require(rest >= 1, "trim", trim, f"less than half a chunk of {size.chunk} samples")
    return Geometry(rest, _step(rest, overlap or 0), before=trim, after=trim)


def _step(samples: int, overlap: float) -> int:
    # Truncated, not rounded, as in UVR; 0 without overlap.
    return int((1 - overlap) * samples) if 0 <= overlap <= MOST_OVERLAP else 0


def uvr(size: StftSpec, overlap: float | None = None, trim: int | None = None) -> Geometry:
    """Whole chunks overlap under a Hann window; a chunk that is cut off has a shorter one.

    `overlap` is a share of the chunk, 0 for chunks side by side without a window; None: n_fft
    samples. Raises ConfigError where some samples would have no weight, or chunks hardly advance.

    Source: the MDX-Net separation of Ultimate Vocal Remover (chunks that lie behind the song's end
    are not computed). There, sample 0 of the padded song is 0 / 0, and cut away; here it is not
    computed at all.
    """
    del trim  # there is none
    step = size.step if overlap is None else _step(size.chunk, overlap)
    # The window is zero at either end: what one chunk gives no weight must lie inside another.
    if step < 1 or (overlap != 0 and step > size.chunk - 2):
        raise ConfigError(
            "overlap",
            got=overlap,
            expected=f"0, or {2 / size.chunk:.1g} (two samples) to {MOST_OVERLAP:g} of a chunk",
        )
    return Geometry(
        size.chunk, step, lead=size.trim, tail=size.trim, multiple=size.step,
        window="rectangular" if overlap == 0 else "hann",
    )  # fmt: skip


def mdx23c(size: StftSpec, overlap: float | None = None, trim: int | None = None) -> Geometry:
    """Whole chunks overlap, and every sample is the plain mean of as many of them.

    The first ones begin before the song, the last ones end behind it, with zeros there. `overlap`
    is 1 - 1 / N, a share of the chunk; raises ConfigError for any other.

    Source: the inference of kuielab/sdx23, and of MDX23C in Ultimate Vocal Remover. There, every
    sum is divided by N; if N does not divide the chunk, some samples are in N + 1 chunks, and too
    loud.
    """
    del trim  # there is none
    share = overlap or 0.0
    passes = round(1 / (1 - share)) if 0 <= share <= MOST_OVERLAP else 0
    if not abs(passes * (1 - share) - 1) < ROUNDED:
        raise ConfigError(
            "overlap", got=overlap, expected="1 - 1 / N of a chunk, such as 0.5, 0.75 or 0.875"
        )
    step = size.chunk // passes
    return Geometry(size.chunk, step, lead=size.chunk - step)


GEOMETRIES: Mapping[str, Callable[[StftSpec, float | None, int | None], Geometry]] = {
    "kuielab": kuielab,
    "uvr": uvr,
    "mdx23c": mdx23c,
}
