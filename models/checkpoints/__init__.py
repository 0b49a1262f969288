"""Reads released checkpoints of the compared systems and translates their weights."""
