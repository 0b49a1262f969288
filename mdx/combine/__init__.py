"""Combiners of the estimators' stems: Mixer, blend, and the rest of the mixture."""
