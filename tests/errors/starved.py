"""A node in a process that has no file descriptor left until its input says so."""

import logging
import os
import resource
import sys

from transport import Node


def main(join: str, cookie: str) -> None:
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    node = Node.start("starved", join=join, cookie=cookie, require_peers=1)
    print(node.address, flush=True)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
    taken = []
    try:
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        print(error, flush=True)
    sys.stdin.readline()
    for descriptor in taken:
        os.close(descriptor)
    sys.stdin.read()
    node.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
