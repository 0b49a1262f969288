"""Int8 networks: quantised on music, measured against float32, registered with what they lose."""
