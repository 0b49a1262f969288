"""The runtime, which separates a song into stems, without torch."""

import os
import sys

# Both runtimes send telemetry and keep an identifier in the home folder, unless that is disabled
# before they are imported, as here for this process.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as if not installed

from mdx.audio.formats import Encoding  # noqa: E402
from mdx.errors import MdxError  # noqa: E402
from mdx.separator import Separator  # noqa: E402

__all__ = ["Encoding", "MdxError", "Separator"]
