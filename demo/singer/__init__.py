"""Singers: from notes and syllables to voices."""
