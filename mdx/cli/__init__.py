"""The command line: `mdx separate`, systems, fetch, describe, evaluate."""
