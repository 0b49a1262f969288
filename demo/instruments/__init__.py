"""Instruments; each song draws its own instance of each kind."""
