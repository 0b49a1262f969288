"""Int8 networks: quantised on music, compared with float32, registered with their loss."""
