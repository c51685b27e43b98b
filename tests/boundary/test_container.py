"""A node as the container image runs it: secrets and networks from the environment (05, 10.6)."""

from __future__ import annotations

from caller import Caller

from earthline.lab import Lab
from earthline.lab.service import Service, script, wait_until


def test_environment_gives_identity_token_and_networks(lab: Lab, node: Service) -> None:
    secret = node.host.run([script("earthline-idtool"), "generate"])
    given = {
        "ZEROTIER_API_SECRET": "the-token\n",
        "ZEROTIER_IDENTITY_SECRET": f"{secret}\n",
        "ZEROTIER_JOIN_NETWORKS": "1122334455000001 1122334455000002",
    }
    node.configure(enableWebServer=True)
    pages = node.home / "app" / "site"
    pages.mkdir(parents=True)
    (pages / "index.html").write_text("welcome")
    daemon = node.host.start(node.argv, environment=given)
    wait_until("it answers", lambda: answers(node))
    caller = Caller(node)
    assert caller.token == "the-token"
    assert node.address == secret.partition(":")[0]
    networks = [network["id"] for network in node.request("GET", "/network")]
    assert networks == ["1122334455000001", "1122334455000002"]
    page = caller("GET", "/app/site/")
    assert (page.status, page.text) == (200, "welcome")
    assert daemon.terminate() == 0


def answers(node: Service) -> bool:
    try:
        return bool(node.status())
    except OSError:
        return False


def test_wrong_network_in_the_environment_is_said_in_one_line(node: Service) -> None:
    daemon = node.host.start(node.argv, environment={"ZEROTIER_JOIN_NETWORKS": "office"})
    assert daemon.wait(30) == 1
    (line,) = daemon.output.splitlines()
    assert line.endswith(
        "ZEROTIER_JOIN_NETWORKS: 'office' is no network ID, which has 16 hexadecimal digits"
    )
