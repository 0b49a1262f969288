"""What a system is made of: its description, its weights and their manifest."""
