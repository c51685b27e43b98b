//! TCP connections agree on segments that fit one datagram of their peer's route, where that is wanted.

use crate::offload::mss;
use crate::packet::HEADER_LENGTH;
use crate::switch::ground::frames::{self, EXT_FRAME_FIELDS, FRAME_FIELDS};
use crate::switch::out::vl1::Vl1;

/// A buffer for frames whose MSS is lowered: the frames of the TAP must not be changed in place.
#[derive(Default)]
pub(in crate::switch) struct Clamp {
    pub(in crate::switch) enabled: bool,
    lowered: Vec<u8>,
}

impl Clamp {
    /// The payload of a frame for a peer, its MSS lowered; `has_macs`: it travels with both its MACs.
    pub(in crate::switch) fn fit<'a>(
        &'a mut self,
        vl1: &Vl1,
        peer: Option<u64>,
        has_macs: bool,
        ethertype: u16,
        payload: &'a [u8],
    ) -> &'a [u8] {
        match peer.and_then(|peer| room(vl1, peer, has_macs)) {
            Some(room) if mss::exceeds(ethertype, payload, room) => {
                self.lowered.clear();
                self.lowered.extend_from_slice(payload);
                mss::lower(ethertype, &mut self.lowered, room);
                &self.lowered
            }
            _ => payload,
        }
    }

    /// Lower the MSS in the payload of an opened frame packet, where it stands: what we send back by it takes
    /// the same route.
    pub(in crate::switch) fn fit_opened(
        &self,
        vl1: &Vl1,
        source: u64,
        verb: u8,
        payload: &mut [u8],
    ) {
        if !self.enabled {
            return;
        }
        let Some((ethertype, at, has_macs)) = frames::content_of(verb, payload) else { return };
        if let Some((room, content)) = room(vl1, source, has_macs).zip(payload.get_mut(at..)) {
            mss::lower(ethertype, content, room);
        }
    }
}

/// Bytes of an IP packet that travel in one datagram.
fn room(vl1: &Vl1, peer: u64, has_macs: bool) -> Option<usize> {
    let fields = if has_macs { EXT_FRAME_FIELDS } else { FRAME_FIELDS };
    vl1.peers.route(peer)?.mtu.checked_sub(HEADER_LENGTH + fields)
}
