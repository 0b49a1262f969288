"""Fetches a system's released weights from the web or a folder, and verifies them."""
