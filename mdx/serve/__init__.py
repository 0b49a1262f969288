"""`mdx serve`: a page of one's own machine to separate songs and listen to their stems.

The process that serves it decodes no song: workers, exports and scores are separate processes.
"""
