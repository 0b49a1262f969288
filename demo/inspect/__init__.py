"""Measures rendered songs, compares them with real stems and shows both on one page."""
