"""A thousand trials of the claims that nothing is late and nothing is lost."""
