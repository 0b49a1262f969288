"""What turns a chunk of the mixture into stems: front ends around networks, and one overlap-add."""
