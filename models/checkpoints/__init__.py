"""Released checkpoints of the compared systems: reading them, and their weights as ours."""
