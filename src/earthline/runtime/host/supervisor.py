"""What a service manager such as systemd is told: that we are ready, alive, and what we do.

Each message is one datagram to the socket named by ``$NOTIFY_SOCKET`` (``sd_notify(3)``).
"""

from __future__ import annotations

import os
import socket

import structlog

from earthline.clean import clean

log = structlog.get_logger()


class Supervisor:
    """The service manager that started us, if there is one that listens."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        """As the environment names it; its variables are for this process and no child."""
        variables = os.environ if environment is None else environment
        self._address = _socket_address(variables.pop("NOTIFY_SOCKET", ""))
        self.watchdog_s = _watchdog_s(variables)

    def ready(self) -> None:
        """The API answers."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """An orderly stop has begun."""
        self._tell("STOPPING=1")

    def alive(self, status: str) -> None:
        """The event loop turns; ``status`` is one line for ``systemctl status``.

        A second line would be a message of its own, such as ``MAINPID=1``.
        """
        self._tell(f"WATCHDOG=1\nSTATUS={clean(status)}")

    def _tell(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning("supervisor_not_told", message=message, error=error.strerror)


def _socket_address(text: str) -> str | None:
    """A path, or a name in the abstract namespace, which is written with ``@``."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None


def _watchdog_s(variables: os._Environ[str] | dict[str, str]) -> float | None:
    """How long our silence is borne, seconds; None where nobody watches."""
    pid = variables.pop("WATCHDOG_PID", "")
    period = variables.pop("WATCHDOG_USEC", "")
    ours = pid in {"", str(os.getpid())}
    return int(period) / 1e6 if ours and period.isdecimal() and int(period) else None
