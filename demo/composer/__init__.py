"""Writes scores: form, harmony, and what every part plays."""
