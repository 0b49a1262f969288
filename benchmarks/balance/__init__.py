"""What every system of the paper's table costs on one machine, beside what it is known to reach."""
