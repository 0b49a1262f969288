"""The claims that nothing is late and nothing is lost, tried a thousand times."""
