"""The paper's comparison in miniature: every architecture, small and trained for equal time."""
