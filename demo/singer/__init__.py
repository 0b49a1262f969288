"""Singing synthesis, from notes and syllables to a voice."""
