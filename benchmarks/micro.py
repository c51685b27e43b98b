"""What the primitives cost: identities, packets in each suite beside OpenSSL, and the switch."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypedDict

from rich.console import Console
from rich.table import Table

from earthline import _native
from micro_border import border_table
from micro_switch import switch_table
from rust_bench import lines

SUITES = {0: "0 Poly1305", 1: "1 Salsa20/12 + Poly1305", 3: "3 AES-GMAC-SIV"}
BUDGET_S = 0.3
"""How long each row is measured."""
RUNS = 7


def microseconds(call: Callable[[], object]) -> float:
    """Median time of one call over some runs of many calls each."""
    count = max(1, int(BUDGET_S / RUNS / max(once(call, 1), 1e-9)))
    return statistics.median(once(call, count) for _ in range(RUNS)) * 1e6


def once(call: Callable[[], object], count: int) -> float:
    """Mean seconds of one call over ``count`` calls."""
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def identities() -> Iterator[tuple[str, float]]:
    """Rows for identities: name, microseconds."""
    seeds = iter(range(1 << 32))
    for threads in (1, 2):
        costs = [
            once(partial(_native.generate_identity, next(seeds).to_bytes(32, "big"), threads), 1)
            for _ in range(15)
        ]
        yield f"generate, threads: {threads} (mean)", statistics.mean(costs) * 1e6
    address, public_key, private_key = _native.generate_identity(bytes(32), 1)
    yield "validate", microseconds(partial(_native.validate_identity, address, public_key))
    yield "agree", microseconds(partial(_native.agree, private_key, public_key))
    signature = _native.sign(private_key, b"message")
    yield "sign", microseconds(partial(_native.sign, private_key, b"message"))
    yield "verify", microseconds(partial(_native.verify, public_key, b"message", signature))


class Packets(TypedDict):
    """How fast packets of one size are sealed and opened."""

    backend: str
    suite: int
    size: int
    seal_gbps: float
    open_gbps: float


def openssl(size: int) -> float | None:
    """GB/s of AES-256-GCM by the machine's OpenSSL, the best of three runs; None without one."""
    program = shutil.which("openssl")
    if program is None:
        return None
    command = [program, "speed", "-mr", "-seconds", "1", "-evp", "aes-256-gcm", "-bytes", str(size)]
    best = 0.0
    for _ in range(3):
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        line = next(line for line in run.stdout.splitlines() if line.startswith("+F"))
        best = max(best, float(line.rpartition(":")[2]) / 1e9)
    return best


def packet_table() -> Table:
    """Every suite, size and backend; what OpenSSL's AES-256-GCM does with as many bytes."""
    table = Table(
        "suite", "bytes", "backend", "seal GB/s", "open GB/s", "OpenSSL", title="Packets, per core"
    )
    measured: list[Packets] = lines("ciphers")
    references = {size: openssl(size) for size in sorted({row["size"] for row in measured})}
    for row in sorted(measured, key=lambda row: (row["suite"], row["size"])):
        reference = references[row["size"]]
        rates = (row["seal_gbps"], row["open_gbps"])
        table.add_row(
            SUITES[row["suite"]],
            str(row["size"]),
            row["backend"],
            *(beside(rate, reference) for rate in rates),
            f"{reference:.2f}" if reference else "none",
        )
    return table


def beside(rate: float, reference: float | None) -> str:
    """A rate, and its ratio to the reference."""
    return f"{rate:.2f} ({rate / reference:.2f})" if reference else f"{rate:.2f}"


def main() -> None:
    """Print four tables."""
    console = Console(width=120)
    table = Table("identity", "µs", title="Identities")
    table.columns[1].justify = "right"
    for name, cost in identities():
        table.add_row(name, f"{cost:,.1f}")
    console.print(table)
    console.print(packet_table())
    console.print(switch_table())
    console.print(border_table())


if __name__ == "__main__":
    main()
