"""Recorded instruments that anyone may use: which they are, and how songs play them."""
