"""What tests of nodes need: a network between them that can be cut, slowed and healed.

`Network` is for any thread. What it is made of is for coroutines of one event loop.
Links with TLS cannot pass: who dials would not be seen.
"""

from transport.testing._flow import Connection, Weather
from transport.testing._gate import HOST, Gate, Sky, free_ports
from transport.testing._network import Network, Place

__all__ = [
    "HOST",
    "Connection",
    "Gate",
    "Network",
    "Place",
    "Sky",
    "Weather",
    "free_ports",
]
