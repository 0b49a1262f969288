"""Brings a system's released weights: downloaded or from a folder, verified, put in place."""
