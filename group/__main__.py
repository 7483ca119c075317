"""`groupctl`, also `python -m group`."""

import sys

from group._cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
