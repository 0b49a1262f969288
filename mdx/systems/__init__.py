"""Systems: their descriptions, their weights and the manifest."""
