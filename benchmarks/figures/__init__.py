"""The paper's figures, drawn from the code and from measured data."""
