"""What rendered songs are like: measured, held against real stems, and shown on one page."""
