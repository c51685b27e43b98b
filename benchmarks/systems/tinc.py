"""tinc: two hosts of a network in router mode, the near one of which calls the far one."""

from __future__ import annotations

from pathlib import Path

from earthline.lab import Lab
from measures import Pair
from systems.tunnel import DEVICE, End, connected, ends


def connect(lab: Lab) -> Pair:
    near, far = both = ends(lab)
    for end, calls in ((near, f"ConnectTo = {far.name}\n"), (far, "")):
        end.write("tinc/tinc.conf", f"Name = {end.name}\nInterface = {DEVICE}\n{calls}")
        end.write(f"tinc/hosts/{end.name}", f"Address = {end.host.address}\nSubnet = {end.ip}\n")
        # It asks where to put the keys, and takes the end of its input for "there".
        end.host.run(["tincd", "-c", _folder(end), "-K"], text="")
    for here, there in (both, both[::-1]):
        public = Path(_folder(there), "hosts", there.name).read_text()
        here.write(f"tinc/hosts/{there.name}", public)
    daemons = []
    for end in both:
        argv = ["tincd", "-c", _folder(end), "-D", f"--pidfile={end.host.directory}/pid"]
        daemons.append(end.host.start(argv))
        end.set_address()
    return connected(near, far, daemons)


def _folder(end: End) -> str:
    return str(end.host.directory / "tinc")
