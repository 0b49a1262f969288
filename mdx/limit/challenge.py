"""The challenge's own limits of a song; the first holds where nobody names another."""

from mdx.limit.policy import Limit

ROUND_1 = Limit("fixed", 240)
ROUND_2 = Limit("ratio", 1.57)
