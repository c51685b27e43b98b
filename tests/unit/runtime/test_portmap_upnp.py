"""UPnP spoken with a scripted gateway: real descriptions and SOAP, no network."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from async_upnp_client.client import UpnpRequester
from async_upnp_client.const import HttpRequest, HttpResponse
from async_upnp_client.exceptions import UpnpConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earthline.runtime.portmap import upnp
from earthline.runtime.portmap.lease import NotMapped, Site
from earthline.runtime.portmap.upnp import Entry, Upnp

SITE = Site("192.168.1.1", "192.168.1.7", 40000)
LABEL = "ZeroTier/0a1b2c3d4e@"
OURS = Entry(SITE.client, SITE.port, f"{LABEL}40000", 3600)
THEIRS = Entry("192.168.1.9", 40000, "a game", 0)
BASE = f"http://{SITE.gateway}:5000"
ARGUMENTS = {
    "GetExternalIPAddress": ([], ["NewExternalIPAddress"]),
    "GetSpecificPortMappingEntry": (
        ["NewRemoteHost", "NewExternalPort", "NewProtocol"],
        ["NewInternalPort", "NewInternalClient", "NewEnabled", "NewPortMappingDescription",
         "NewLeaseDuration"],
    ),
    "AddPortMapping": (
        ["NewRemoteHost", "NewExternalPort", "NewProtocol", "NewInternalPort", "NewInternalClient",
         "NewEnabled", "NewPortMappingDescription", "NewLeaseDuration"],
        [],
    ),
    "DeletePortMapping": (["NewRemoteHost", "NewExternalPort", "NewProtocol"], []),
}  # fmt: skip
TYPES = {"Port": "ui2", "Enabled": "boolean", "Duration": "ui4"}


def description(service: str) -> str:
    return f"""<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0">
 <specVersion><major>1</major><minor>0</minor></specVersion>
 <device>
  <deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
  <friendlyName>router</friendlyName><manufacturer>m</manufacturer><modelName>n</modelName>
  <UDN>uuid:1</UDN>
  <serviceList><service>
   <serviceType>urn:schemas-upnp-org:service:{service}</serviceType>
   <serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
   <SCPDURL>/scpd.xml</SCPDURL><controlURL>/control</controlURL><eventSubURL>/event</eventSubURL>
  </service></serviceList>
 </device>
</root>"""


def scpd() -> str:
    def argument(name: str, direction: str) -> str:
        return (
            f"<argument><name>{name}</name><direction>{direction}</direction>"
            f"<relatedStateVariable>{name}</relatedStateVariable></argument>"
        )

    actions = "".join(
        f"<action><name>{action}</name><argumentList>"
        + "".join(argument(name, "in") for name in given_)
        + "".join(argument(name, "out") for name in answered)
        + "</argumentList></action>"
        for action, (given_, answered) in ARGUMENTS.items()
    )
    names = {name for pair in ARGUMENTS.values() for names in pair for name in names}
    variables = "".join(
        f'<stateVariable sendEvents="no"><name>{name}</name><dataType>'
        + next((kind for end, kind in TYPES.items() if name.endswith(end)), "string")
        + "</dataType></stateVariable>"
        for name in sorted(names)
    )
    return (
        '<scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major>'
        f"<minor>0</minor></specVersion><actionList>{actions}</actionList>"
        f"<serviceStateTable>{variables}</serviceStateTable></scpd>"
    )


class Refusal(Exception):
    pass


class Router(UpnpRequester):
    """An Internet Gateway Device in the place of the network."""

    def __init__(self, service: str = "WANIPConnection:1") -> None:
        self.service = service
        self.outside = "80.0.0.1"
        self.entries: dict[int, Entry] = {}
        self.conflicts: set[int] = set()
        self.only_for_ever = False
        self.refusal: int | None = None
        self.calls: list[str] = []
        self.text: str | None = None

    async def async_http_request(self, http_request: HttpRequest) -> HttpResponse:
        if self.text is not None:
            return HttpResponse(200, {}, self.text)
        if http_request.url == f"{BASE}/root.xml":
            return HttpResponse(200, {}, description(self.service))
        if http_request.url == f"{BASE}/scpd.xml":
            return HttpResponse(200, {}, scpd())
        action = http_request.headers["SOAPAction"].strip('"').partition("#")[2]
        given_ = dict(re.findall(r"<(New\w+)>([^<]*)</", http_request.body or ""))
        self.calls.append(action)
        try:
            answer = getattr(self, action)(given_)
        except Refusal as refusal:
            return HttpResponse(500, {}, fault(int(str(refusal))))
        return HttpResponse(200, {}, envelope(action, self.service, answer))

    def GetExternalIPAddress(self, _given: dict[str, str]) -> dict[str, object]:  # noqa: N802
        return {"NewExternalIPAddress": self.outside}

    def GetSpecificPortMappingEntry(self, asked: dict[str, str]) -> dict[str, object]:  # noqa: N802
        entry = self.entries.get(int(asked["NewExternalPort"]))
        if entry is None:
            raise Refusal(714)
        return {
            "NewInternalPort": entry.port,
            "NewInternalClient": entry.client,
            "NewEnabled": 1,
            "NewPortMappingDescription": entry.description,
            "NewLeaseDuration": entry.lease_s,
        }

    def AddPortMapping(self, asked: dict[str, str]) -> dict[str, object]:  # noqa: N802
        lease_s, port = int(asked["NewLeaseDuration"]), int(asked["NewExternalPort"])
        if self.refusal is not None:
            raise Refusal(self.refusal)
        if self.only_for_ever and lease_s:
            raise Refusal(725)
        if port in self.conflicts:
            raise Refusal(718)
        self.entries[port] = Entry(
            asked["NewInternalClient"],
            int(asked["NewInternalPort"]),
            asked["NewPortMappingDescription"],
            lease_s,
        )
        return {}

    def DeletePortMapping(self, asked: dict[str, str]) -> dict[str, object]:  # noqa: N802
        del self.entries[int(asked["NewExternalPort"])]
        return {}


def envelope(action: str, service: str, answer: dict[str, object]) -> str:
    body = "".join(f"<{name}>{value}</{name}>" for name, value in answer.items())
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<u:{action}Response xmlns:u="urn:schemas-upnp-org:service:{service}">{body}'
        f"</u:{action}Response></s:Body></s:Envelope>"
    )


def fault(code: int) -> str:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        "<faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
        f'<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>{code}</errorCode>'
        "<errorDescription>no\nway</errorDescription></UPnPError></detail></s:Fault></s:Body>"
        "</s:Envelope>"
    )


async def found(_site: Site) -> list[str]:
    return [f"{BASE}/root.xml"]


@pytest.fixture
def router(monkeypatch):
    router = Router()
    monkeypatch.setattr(upnp, "find_descriptions", found)
    monkeypatch.setattr(upnp, "GatewayRequester", lambda _site: router)
    monkeypatch.setattr(upnp, "PAUSE_S", 0)
    return router


@pytest.mark.parametrize(
    "service", ["WANIPConnection:1", "WANIPConnection:2", "WANPPPConnection:1"]
)
async def test_port_is_mapped_and_removed(router, service):
    router.service = service
    client = Upnp(SITE, LABEL)
    lease = await client.map(40000)
    assert (str(lease.external), lease.lifetime_s) == ("80.0.0.1/40000", 3600)
    assert router.entries == {40000: OURS}
    await client.release()
    assert router.entries == {}


async def test_mapping_of_another_host_is_left_alone(router):
    router.entries[40000] = THEIRS
    client = Upnp(SITE, LABEL)
    assert (await client.map(40000)).external.port == 40001
    await client.release()
    assert router.entries == {40000: THEIRS}


async def test_port_that_the_gateway_keeps_for_itself_is_passed_over(router):
    router.conflicts = {40000, 40001}
    assert (await Upnp(SITE, LABEL).map(40000)).external.port == 40002


async def test_gateway_full_of_others_ports_is_given_up(router):
    router.entries = dict.fromkeys(range(40000, 40060), THEIRS)
    with pytest.raises(NotMapped, match="mapped to other hosts"):
        await Upnp(SITE, LABEL).map(40000)
    assert "AddPortMapping" not in router.calls


async def test_gateway_that_knows_no_leases_maps_for_ever(router):
    router.only_for_ever = True
    lease = await Upnp(SITE, LABEL).map(40000)
    assert (lease.lifetime_s, router.entries[40000].lease_s) == (0, 0)


async def test_own_mapping_of_an_earlier_run_is_used_as_it_is(router):
    router.entries[40000] = OURS
    assert (await Upnp(SITE, LABEL).map(40000)).external.port == 40000
    assert "AddPortMapping" not in router.calls


async def test_own_mapping_is_renewed_before_it_ends(router):
    router.entries[40000] = Entry(SITE.client, SITE.port, OURS.description, 1000)
    await Upnp(SITE, LABEL).map(40000)
    assert router.entries[40000].lease_s == 3600


async def test_own_mapping_to_an_address_we_had_is_replaced(router):
    router.entries[40000] = Entry("192.168.1.99", SITE.port, OURS.description, 3600)
    await Upnp(SITE, LABEL).map(40000)
    assert router.entries == {40000: OURS}


async def test_mapping_that_somebody_else_took_over_is_not_removed(router):
    client = Upnp(SITE, LABEL)
    await client.map(40000)
    router.entries[40000] = THEIRS
    await client.release()
    assert router.entries == {40000: THEIRS}


@pytest.mark.parametrize("outside", ["0.0.0.0", "", "nonsense"])
async def test_gateway_without_an_outside_address_is_no_use(router, outside):
    router.outside = outside
    with pytest.raises(NotMapped, match="outside address"):
        await Upnp(SITE, LABEL).map(40000)


async def test_refusal_is_told_in_one_line(router):
    router.refusal = 606
    with pytest.raises(NotMapped) as refusal:
        await Upnp(SITE, LABEL).map(40000)
    assert "606" in str(refusal.value)
    assert "\n" not in str(refusal.value)


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><root>&b;</root>'


@pytest.mark.parametrize("text", ["", "<", "<root/>", BOMB, "<a>" * 20000, "\x00"])
async def test_description_that_is_none_is_refused(router, text):
    router.text = text
    with pytest.raises(NotMapped) as refusal:
        await Upnp(SITE, LABEL).map(40000)
    assert len(str(refusal.value)) < 200


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=40,
)
@given(st.text(max_size=60))
async def test_any_outside_address_is_one_or_is_refused(router, text):
    router.outside = text.replace("<", "").replace("&", "")
    try:
        await Upnp(SITE, LABEL).map(40000)
    except NotMapped:
        return


@pytest.mark.parametrize("url", ["http://192.168.1.9/x", "http://evil/x", "file:///etc/passwd"])
async def test_nothing_is_fetched_from_anybody_but_the_gateway(url):
    wanted = SimpleNamespace(url=url, method="GET", headers={}, body=None)
    with pytest.raises(UpnpConnectionError, match="not on the gateway"):
        await upnp.GatewayRequester(SITE).async_http_request(wanted)
