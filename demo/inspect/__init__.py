"""Rendered songs, measured, compared with real stems, and shown on one page."""
