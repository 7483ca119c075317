"""What tests of services need: clusters to break, probes, and a simulator.

Nothing here is imported by the rest. See `docs/testing.md`.
"""

from group.testing._cluster import LocalCluster, cluster
from group.testing._leaks import no_leaks
from group.testing._probe import Probe, probe
from group.testing._proc_cluster import ProcessCluster, proc_cluster
from group.testing._process import NodeProcess, NodeStartError
from group.testing._simulate import Simulation, SimulationError, simulate
from group.testing._waiting import eventually

__all__ = [
    "LocalCluster",
    "NodeProcess",
    "NodeStartError",
    "Probe",
    "ProcessCluster",
    "Simulation",
    "SimulationError",
    "cluster",
    "eventually",
    "no_leaks",
    "probe",
    "proc_cluster",
    "simulate",
]
