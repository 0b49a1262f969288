"""The runtime: a song in, its stems out. No torch: numpy, scipy, soundfile, and two engines."""

from mdx.errors import MdxError
from mdx.separator import Separator

__all__ = ["MdxError", "Separator"]
