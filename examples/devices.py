"""Three hundred devices behind three gateways, which are restarted one after another.

    python examples/devices.py            # or with another number of them

Each device is an actor of its own on the gateway that it is connected to, registered
under its serial number; so whoever knows the number reaches the device, wherever it
is. A gateway that is stopped says goodbye: its devices are gone at once everywhere,
and come back under the same numbers when it is back.

It prints:
    g1, g2, g3 start: 300 online after 500 ms
    device/0007 is on g1 and says 7 degrees
    g1 stops: 200 online after 20 ms; starts: 300 online after 500 ms
    g2 stops: 200 online after 20 ms; starts: 300 online after 500 ms
    g3 stops: 200 online after 20 ms; starts: 300 online after 500 ms
    heard of 600 that came and 600 that went
"""

import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing

from actors import Actor, DynamicSupervisor, child, run
from group import Event, EventStream, Group
from transport import Node

GATEWAYS = ("g1", "g2", "g3")


class Device(Actor):
    """One device, as its gateway knows it."""

    def __init__(self, g: Group, number: int) -> None:
        super().__init__()
        self.g, self.number = g, number

    def on_start(self) -> None:
        """Be online."""
        self.g.register(f"device/{self.number:04}", {"gateway": self.g.node.name})

    def temperature(self) -> int:
        """Measure."""
        return self.number


def gateway(name: str, address: str, first: str, last: str) -> None:
    """Run one gateway with its devices, until it is told to stop."""
    with Node.start(name, join=address) as node, Group.start("home", node=node) as g:
        devices = DynamicSupervisor.start()
        for number in range(int(first), int(last)):
            devices.start_child(child(Device, g, number))
        run(devices)


class Fleet:
    """The gateways, and what is heard of their devices."""

    def __init__(self, g: Group, events: EventStream, size: int) -> None:
        self.g, self.events, self.size = g, events, size
        self.heard: Counter[str] = Counter()
        self.began = time.monotonic()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start a gateway, in a process of its own."""
        self.began = time.monotonic()
        share = self.size // len(GATEWAYS)
        first = GATEWAYS.index(name) * share
        numbers = [str(first), str(first + share)]
        command = [sys.executable, __file__, name, self.g.node.address, *numbers]
        self.processes[name] = subprocess.Popen(command)

    def stop(self, name: str) -> None:
        """Stop a gateway in order."""
        self.began = time.monotonic()
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0, "it stops in order"

    def close(self) -> None:
        """Leave no gateway behind, whatever has happened."""
        for process in self.processes.values():
            process.kill()
            process.wait()

    def online(self, count: int) -> str:
        """Follow the events until so many are online, and say how long it took."""
        while self.heard["registered"] - self.heard["unregistered"] != count:
            event = self.events.get(timeout=30)
            if isinstance(event, Event):
                self.heard[event.type] += 1
        # Who counts the events has what the registry says.
        assert self.g.registry_count() == count, self.g.registry_count()
        gap = 1000 * (time.monotonic() - self.began)
        return f"{count} online after {gap:.0f} ms"


def main(size: int) -> None:
    with (
        Node.start("desk") as node,
        Group.start("home", node=node) as g,
        g.events("device/") as events,
        closing(Fleet(g, events, size)) as fleet,
    ):
        for name in GATEWAYS:
            fleet.start(name)
        print(f"{', '.join(GATEWAYS)} start: {fleet.online(size)}")
        seven = g.wait_for("device/0007", timeout=5)
        degrees = seven.ref.proxy().temperature().get(timeout=5)
        print(f"device/0007 is on {seven.meta['gateway']} and says {degrees} degrees")
        for name in GATEWAYS:
            fleet.stop(name)
            gone = fleet.online(size - size // len(GATEWAYS))
            assert (name == "g1") is (g.lookup("device/0007") is None)
            fleet.start(name)
            print(f"{name} stops: {gone}; starts: {fleet.online(size)}")
        for name in GATEWAYS:
            fleet.stop(name)
        fleet.online(0)
        came, went = fleet.heard["registered"], fleet.heard["unregistered"]
        print(f"heard of {came} that came and {went} that went")
        assert came == went == 2 * size, "no event is missed, none comes twice"


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    gateway(*words) if len(words) > 1 else main(int(*words) if words else 300)
