//! Super-frames of the TAP: cut so that the packets they become can leave together.

use crate::ethernet::{self, Header};
use crate::fragment;
use crate::offload::SuperFrame;
use crate::packet::HEADER_LENGTH;
use crate::switch::ground::frames::{EXT_FRAME_FIELDS, FRAME_FIELDS};
use crate::switch::out::output::Output;
use crate::switch::parts::Switch;

impl Switch {
    /// Several frames in one, from the TAP of a network. Each goes its way as if it had come by itself.
    pub fn ingest_super_frame(
        &mut self,
        network: u64,
        frame: &SuperFrame<'_>,
        now: u64,
        out: &mut Output,
    ) {
        let mut buffer = std::mem::take(&mut self.cut);
        let size = self.segment_size(network, frame);
        frame.cut(size, &mut buffer, |frame| self.ingest_frame(network, frame, now, out));
        self.cut = buffer;
    }

    /// Bytes of data in each frame. TCP segments become a little smaller than they might be, where their
    /// packets can then be cut into datagrams of one length.
    fn segment_size(&self, id: u64, frame: &SuperFrame<'_>) -> usize {
        let size = frame.size();
        if !frame.may_be_cut_smaller() {
            return size;
        }
        let Some(network) = self.networks.get(&id).and_then(|tables| tables.installed.as_ref())
        else {
            return size;
        };
        let size = size.min(network.config.mtu.saturating_sub(frame.overhead())).max(1);
        let route = Header::parse(frame.headers()).and_then(|(header, _)| {
            let address = ethernet::address_of(header.destination, id)?;
            let is_own = header.source == network.mac;
            let fields = if is_own { FRAME_FIELDS } else { EXT_FRAME_FIELDS };
            Some((self.vl1.peers.route(address)?, HEADER_LENGTH + fields))
        });
        let Some((route, fields)) = route else { return size };
        let length = fields + frame.overhead() + size;
        let surplus = fragment::surplus(length, route.mtu).unwrap_or(0);
        if surplus < size { size - surplus } else { size }
    }
}
