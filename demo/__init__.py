"""Deterministic composer and renderer of short, licence-clean songs in MUSDB18-HQ layout."""
