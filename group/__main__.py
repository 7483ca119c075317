"""`groupctl`, also `python -m group`."""

import sys

from group._cli.commands import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
