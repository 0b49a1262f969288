"""The command line: `mdx separate`, `serve`, `systems`, `fetch`, `describe` and `evaluate`."""
