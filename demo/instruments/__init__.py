"""Instruments: every song draws another one of each kind."""
