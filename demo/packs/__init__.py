"""Freely licensed recordings of instruments: the catalogue, and how songs use them."""
