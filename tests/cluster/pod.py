"""`groupctl` as it runs in a pod: with a name service that knows the other pods.

Run as a script. The file NAMES holds a line for each address of the name NAME.
"""

import os
import socket
import sys
from pathlib import Path

from group.__main__ import main

NAME, NAMES = os.environ["POD_NAMES_OF"], Path(os.environ["POD_NAMES"])
_real = socket.getaddrinfo


def _look_up(
    host: str | None, port: int | None, family: int = 0, type: int = 0, **more: int
) -> object:
    if host != NAME:
        return _real(host, port, family, type, **more)
    addresses = NAMES.read_text(encoding="ascii").split()
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    return [(*kind, (address, port)) for address in addresses]


if __name__ == "__main__":
    vars(socket)["getaddrinfo"] = _look_up
    sys.exit(main(sys.argv[1:]))
