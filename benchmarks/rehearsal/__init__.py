"""MUSDB18's test set in size, composed, and the reproduction of the paper run upon it."""
