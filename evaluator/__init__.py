"""Mirrors the challenge: replays a test set through the submission and scores what it wrote."""
