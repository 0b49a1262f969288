"""What one GPU makes of the networks, the whole systems and a training, in under ten minutes."""
