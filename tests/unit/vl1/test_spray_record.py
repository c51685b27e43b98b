"""What sprayers say to each other in a PUSH_DIRECT_PATHS, and that others can skip it (02, 7.3)."""

from __future__ import annotations

from earthline.wire.inet import InetAddress
from earthline.wire.messages.paths import PushDirectPaths, PushedPath, SprayKind, SprayRecord

PLACE = InetAddress.parse("81.0.0.1/9993")
OFFER = SprayRecord(SprayKind.OFFER, PLACE)


def test_offer_is_a_record_of_unknown_type_that_says_its_length():
    assert OFFER.emit().hex() == "000000e1070151000001" + "2709"


def test_offer_comes_back_beside_the_paths():
    push = PushDirectPaths((PushedPath(PLACE),), OFFER)
    assert PushDirectPaths.parse(push.emit()) == push


def test_offer_of_unknown_kind_or_length_is_skipped():
    unknown = OFFER.emit()[:5] + b"\x09" + OFFER.emit()[6:]
    longer = OFFER.emit()[:4] + b"\x08" + OFFER.emit()[5:] + b"\0"
    for record in (unknown, longer):
        payload = b"\0\2" + record + PushedPath(PLACE).emit()
        assert PushDirectPaths.parse(payload) == PushDirectPaths((PushedPath(PLACE),))
