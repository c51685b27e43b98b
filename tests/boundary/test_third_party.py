"""Programs of others, unchanged, against a real service: clients of a controller.

`ztctl`, and that of the web application OpenWISP.
"""

from __future__ import annotations

from ipaddress import ip_network

import ztctl
from openwisp_controller.config.api.zerotier_service import ZerotierService

from earthline.lab.service import wait_until


async def test_ztctl_makes_a_network_lets_a_member_in_and_out_and_deletes_it(caller):
    service = caller.service
    with service.host.inside():
        url = f"http://127.0.0.1:{service.port}"
        controller = await ztctl.ZTCTL.create(caller.token, url)
        assert controller.controller_address == service.address

        before = await controller.query.networks()
        made = await controller.query.create_network("office")
        assert made["name"] == "office"
        assert made["private"] is True
        assert made["id"].startswith(service.address)
        assert await controller.query.networks() == sorted([*before, made["id"]])

        network = controller.query.network(made["id"])
        assert await network.get() == made
        assert await network.members() == {}

        service.join(made["id"])

        def status():
            return service.network(made["id"])["status"]

        wait_until("it was refused", lambda: status() == "ACCESS_DENIED")
        assert list(await network.members()) == [service.address]
        member = network.member(service.address)
        assert (await member.get())["authorized"] is False
        assert (await member.authorize())["authorized"] is True
        wait_until("it was let in", lambda: status() == "OK")
        assert (await member.deauthorize())["authorized"] is False
        assert (await member.get())["authorized"] is False

        service.leave(made["id"])
        assert (await controller.query.delete_network(made["id"]))["id"] == made["id"]
        assert await controller.query.networks() == before


async def test_ztctl_makes_a_network_without_a_name(caller):
    with caller.service.host.inside():
        controller = await ztctl.ZTCTL.create(
            caller.token, f"http://127.0.0.1:{caller.service.port}"
        )
        made = await controller.query.create_network()
        assert made["name"] == ""
        assert (await controller.query.network(made["id"]).delete())["id"] == made["id"]


def test_openwisp_makes_a_network_joins_changes_leaves_and_deletes_it(caller):
    """The client of its web application, which keeps what a controller answers as it is."""
    service = caller.service
    with service.host.inside():
        openwisp = ZerotierService(
            f"127.0.0.1:{service.port}", caller.token, ip_network("10.45.0.0/24")
        )
        status = openwisp.get_node_status()
        status.raise_for_status()
        assert status.json()["address"] == service.address

        wanted = {"name": "office", "private": True, "mtu": 1400}
        made = openwisp.create_network(service.address, wanted)
        network = made["id"]
        assert made["mtu"] == 1400
        stored = service.request("GET", f"/controller/network/{network}")
        assert stored["routes"] == [{"target": "10.45.0.0/24", "via": None}]
        assert stored["ipAssignmentPools"] == [
            {"ipRangeStart": "10.45.0.1", "ipRangeEnd": "10.45.0.255"}
        ]

        assert openwisp.join_network(network).json()["id"] == network
        openwisp.update_network_member(service.address, network, "10.45.0.77").raise_for_status()
        wait_until("it was let in", lambda: service.ip(network) == "10.45.0.77")

        response, changed = openwisp.update_network({"mtu": 1500}, network)
        assert (response.status_code, changed["mtu"]) == (200, 1500)
        assert openwisp.remove_network_member(service.address, network).status_code == 200
        assert openwisp.leave_network(network).json() == {"result": True}
        assert openwisp.delete_network(network).status_code == 200
        assert openwisp.delete_network(network).status_code == 404
