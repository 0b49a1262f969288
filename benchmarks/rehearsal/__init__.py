"""The reproduction of the paper, rehearsed on composed songs of the size of MUSDB18's test set."""
