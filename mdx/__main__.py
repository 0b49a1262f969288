"""`python -m mdx`: the same as the command `mdx`."""

import sys

from mdx.cli.main import main

sys.exit(main())
