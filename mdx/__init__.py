"""The runtime: a song in, four stems out. numpy, scipy, soundfile, onnxruntime; no torch."""

from mdx.errors import MdxError
from mdx.separator import Separator

__all__ = ["MdxError", "Separator"]
