"""The cost of every system in the paper's table on one machine, and its published SDR."""
