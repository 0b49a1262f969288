"""Estimators, from segments of the mixture to stems: front ends of networks, and overlap-add."""
