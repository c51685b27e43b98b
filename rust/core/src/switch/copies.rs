//! What rules send to others: copies for observers, and redirected frames (03, 6.7).

use super::counters::Counter;
use super::filter::Passage;
use super::frames::{self, EXT_FRAME};
use super::network::{Member, Network};
use super::output::Output;
use super::punt::{Punt, PuntKind};
use super::tables::Table;
use super::vl1::Vl1;
use crate::ethernet::Header;
use crate::packet::{self, HEADER_LENGTH, VERB};

/// Flags of the `EXT_FRAME` for each reason to send one: the subtype, and whether to acknowledge.
pub(super) struct CopyFlags {
    tee: u8,
    watch: u8,
    redirect: u8,
}

/// For a frame of ours.
pub(super) const OUTBOUND: CopyFlags = CopyFlags { tee: 0x02, watch: 0x16, redirect: 0x04 };
/// For a frame that came in.
pub(super) const INBOUND: CopyFlags = CopyFlags { tee: 0x08, watch: 0x1c, redirect: 0x0a };

/// A frame whose rules involve other nodes.
pub(super) struct Observed<'a> {
    pub(super) vl1: &'a mut Vl1,
    pub(super) network: &'a Network,
    pub(super) members: &'a mut Table<u64, Member>,
    pub(super) header: Header,
    pub(super) payload: &'a [u8],
    pub(super) now: u64,
    pub(super) out: &'a mut Output,
}

impl Observed<'_> {
    /// Send the copies, and the frame itself where it is redirected; whether it was.
    pub(super) fn send(&mut self, passage: &Passage, flags: &CopyFlags) -> bool {
        for copy in passage.copies.iter().flatten() {
            let flag = if copy.watch { flags.watch } else { flags.tee };
            self.send_to(copy.to, flag, copy.length);
        }
        if let Some(to) = passage.redirect {
            self.send_to(to, flags.redirect, self.payload.len());
        }
        passage.redirect.is_some()
    }

    /// One compressed `EXT_FRAME`. The observer needs our credentials as any member does: asking for them to
    /// be pushed also makes the engines look for a way to it.
    fn send_to(&mut self, to: u64, flags: u8, length: usize) {
        let fields = frames::ext_frame_fields(self.network.id, flags, self.header);
        let data = self.payload.get(..length).unwrap_or(self.payload);
        let mut plain = packet::header(0, 0, self.vl1.address, EXT_FRAME).to_vec();
        plain.extend_from_slice(&fields);
        plain.extend_from_slice(data);
        self.vl1.compressor.compress(&mut plain);
        let (verb, payload) = (plain[VERB], &plain[HEADER_LENGTH..]);
        if self.vl1.send(to, verb, [payload, &[]], self.now, self.out).is_err() {
            self.vl1.counters.add(Counter::DropCopy);
        }
        if self.members.get_or_default(to).is_push_due(self.now) {
            let (network, destination) = (self.network.id, to);
            let punt = Punt { destination, network, ..Punt::new(PuntKind::PushDue) };
            self.vl1.punt(punt, self.out);
        }
    }
}
