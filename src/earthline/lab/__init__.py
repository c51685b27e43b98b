"""Real network namespaces on one machine: an internet, hosts, and routers with NATs.

A tool over the command line: it starts the same programs a user would. The demonstration, the
end-to-end tests and the benchmarks stand on it.
"""

from earthline.lab.namespace import LabError, sweep_dead
from earthline.lab.nat import NatKind
from earthline.lab.process import LabProcess
from earthline.lab.topology import Host, Lab, Router, missing

__all__ = ["Host", "Lab", "LabError", "LabProcess", "NatKind", "Router", "missing", "sweep_dead"]
