"""Scores of one song for another program: JSON in, JSON out.

    echo '{"references": {"bass": PATH}, "estimates": {"bass": PATH}}' |
        python -m evaluator.score_song

prints {"sdr": {"song": dB, "bass": dB, ...}, "sdr_median_of_frames": {...}}, or {"error": text}.
"""

import json
import sys
from pathlib import Path

from evaluator.scores import score_pairs
from mdx.errors import MdxError


def main() -> None:
    """Score the files that standard input names."""
    asked = json.load(sys.stdin)
    references, estimates = (
        {source: Path(path) for source, path in asked[side].items()}
        for side in ("references", "estimates")
    )
    try:
        answer: object = score_pairs(references, estimates)
    except MdxError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
