"""The threads that do the slow work of identities: what comes back, in what order, and the end."""

from __future__ import annotations

import asyncio
import threading

import pytest
from vl1_internet import identity

from earthline._native import SessionKey
from earthline.effects import HellosOpened, IdentityProved, OpenHellos, ProveIdentity
from earthline.runtime.node import proving as module
from earthline.runtime.node.proving import Proving
from earthline.wire.packet import Suite

OURS, THEIRS = identity(1), identity(2)
PATIENCE_S = 30


class Bench:
    """Takes the answers down, with the thread they come on."""

    def __init__(self):
        self.events, self.threads = [], set()
        self._news = asyncio.Event()
        self.proving = Proving(OURS, self._take)

    def _take(self, event):
        self.events.append(event)
        self.threads.add(threading.current_thread())
        self._news.set()

    async def answers(self, number):
        async with asyncio.timeout(PATIENCE_S):
            while len(self.events) < number:
                self._news.clear()
                await self._news.wait()
        return self.events


@pytest.fixture
async def bench():
    bench = Bench()
    yield bench
    bench.proving.close()


class Held:
    """Work that begins and does not end before it is let go."""

    def __init__(self, result):
        self.begun, self.let_go = threading.Event(), threading.Event()
        self._result = result

    def __call__(self, *_):
        self.begun.set()
        assert self.let_go.wait(PATIENCE_S)
        return self._result

    async def has_begun(self):
        assert await asyncio.to_thread(self.begun.wait, PATIENCE_S)


def hello(sender=THEIRS):
    """A packet of a sender to us, with a MAC that holds."""
    plain = bytes(8) + OURS.address.to_bytes(5, "big") + sender.address.to_bytes(5, "big")
    key = sender.agree(OURS.public)
    return SessionKey(key).seal(plain + bytes(9) + b"\x01" + bytes(40), Suite.POLY1305), key


def proof_of(secret, address=None):
    return ProveIdentity(address or secret.address, secret.public.public_key)


async def test_results_come_back_on_the_loop(bench):
    packet, key = hello()
    sent = (THEIRS.public.public_key, packet)
    forged = (THEIRS.public.public_key, packet[:-1] + bytes([packet[-1] ^ 1]))
    bench.proving.open_hellos(OpenHellos((forged, sent, forged)))
    (opened,) = await bench.answers(1)
    assert opened.keys == (None, key, None)
    bench.proving.prove(proof_of(THEIRS))
    bench.proving.prove(proof_of(THEIRS, THEIRS.address ^ 1))
    _, valid, invalid = await bench.answers(3)
    assert (valid.address, valid.public_key) == (THEIRS.address, THEIRS.public.public_key)
    assert (valid.valid, invalid.valid) == (True, False)
    assert valid.took_us > 0
    assert bench.threads == {threading.current_thread()}


async def test_answers_of_a_kind_keep_the_order_of_the_questions(bench):
    numbers = range(12)
    for number in numbers:
        bench.proving.prove(proof_of(THEIRS, 0x1000 + number))
    proved = await bench.answers(len(numbers))
    assert [event.address - 0x1000 for event in proved] == list(numbers)
    for number in numbers:
        bench.proving.open_hellos(OpenHellos((hello(),) * number))
    opened = (await bench.answers(2 * len(numbers)))[len(numbers) :]
    assert [len(event.keys) for event in opened] == list(numbers)


async def test_greeting_does_not_wait_for_slow_hashes_however_many(bench, monkeypatch):
    held = Held(result=True)
    monkeypatch.setattr(module, "prove", held)
    for _ in range(4):
        bench.proving.prove(proof_of(THEIRS))
    await held.has_begun()
    packet, key = hello()
    bench.proving.open_hellos(OpenHellos(((THEIRS.public.public_key, packet),)))
    (first,) = await bench.answers(1)
    assert first.keys == (key,)
    held.let_go.set()
    assert [type(event) for event in await bench.answers(5)] == [
        HellosOpened,
        *[IdentityProved] * 4,
    ]


class Panic(BaseException):
    """As Rust's, which is no `Exception`."""


@pytest.mark.parametrize("fault", [ValueError("no key"), Panic("index out of bounds")])
async def test_fault_in_the_work_is_answered_with_no_and_does_not_end_it(
    bench, monkeypatch, capsys, fault
):
    def fail(*_):
        raise fault

    with monkeypatch.context() as broken:
        broken.setattr(module, "prove", fail)
        broken.setattr(module, "open_hellos", fail)
        bench.proving.prove(proof_of(THEIRS))
        bench.proving.open_hellos(OpenHellos(((b"", b""), (b"", b""))))
        answers = await bench.answers(2)
    assert {event.valid for event in answers if isinstance(event, IdentityProved)} == {False}
    assert {event.keys for event in answers if isinstance(event, HellosOpened)} == {(None, None)}
    assert "identity_work_failed" in capsys.readouterr().out

    bench.proving.prove(proof_of(THEIRS))
    assert (await bench.answers(3))[-1].valid


async def test_flood_of_faults_is_a_few_lines(bench, monkeypatch, capsys):
    def fail(*_):
        raise ValueError("no key")

    monkeypatch.setattr(module, "prove", fail)
    for _ in range(200):
        bench.proving.prove(proof_of(THEIRS))
    await bench.answers(200)
    assert capsys.readouterr().out.count("identity_work_failed") < 30


async def test_end_waits_for_what_has_begun_and_answers_nothing_more(monkeypatch):
    bench, held = Bench(), Held(result=True)
    monkeypatch.setattr(module, "prove", held)
    before = set(threading.enumerate())
    bench.proving.prove(proof_of(THEIRS))
    bench.proving.prove(proof_of(THEIRS))
    await held.has_begun()
    new = set(threading.enumerate()) - before
    ours = [thread for thread in new if thread.name.startswith("earthline-")]
    assert ours
    closing = asyncio.create_task(asyncio.to_thread(bench.proving.close))
    while not bench.proving._closed:  # noqa: ASYNC110 - another thread sets it
        await asyncio.sleep(0)
    held.let_go.set()
    await closing
    assert not any(thread.is_alive() for thread in ours)
    bench.proving.prove(proof_of(THEIRS))
    bench.proving.open_hellos(OpenHellos((hello(),)))
    bench.proving.close()
    for _ in range(10):
        await asyncio.sleep(0)
    assert bench.events == []
