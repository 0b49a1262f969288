"""The time limit of a song: its policy, the ladder of quality levels, the fallback between them."""
