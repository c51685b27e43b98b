"""Programs of others, unchanged, against a real service: the controller's client `ztctl`."""

from __future__ import annotations

import ztctl

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
