"""The challenge's own time limits for a song; the first is the default."""

from mdx.limit.policy import Limit

ROUND_1 = Limit("fixed", 240)
ROUND_2 = Limit("ratio", 1.57)
