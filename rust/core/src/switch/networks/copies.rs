//! What rules send to others: copies for observers, and redirected frames (03, 6.7).

use crate::ethernet::Header;
use crate::packet::{self, HEADER_LENGTH, VERB};
use crate::switch::ground::counters::DropReason;
use crate::switch::ground::frames::{self, EXT_FRAME};
use crate::switch::networks::call::Call;
use crate::switch::networks::filter::Passage;

/// Flags of the `EXT_FRAME` for each reason to send one: the subtype, and whether to acknowledge.
pub(in crate::switch) struct CopyFlags {
    tee: u8,
    watch: u8,
    redirect: u8,
}

/// For a frame of ours.
pub(in crate::switch) const OUTBOUND: CopyFlags =
    CopyFlags { tee: 0x02, watch: 0x16, redirect: 0x04 };
/// For a frame that came in.
pub(in crate::switch) const INBOUND: CopyFlags =
    CopyFlags { tee: 0x08, watch: 0x1c, redirect: 0x0a };

impl Call<'_> {
    /// Send the copies of a frame, and the frame itself where it is redirected; whether it was.
    pub(in crate::switch) fn observe(
        &mut self,
        passage: &Passage,
        flags: &CopyFlags,
        header: Header,
        payload: &[u8],
    ) -> bool {
        for copy in passage.copies.iter().flatten() {
            let flag = if copy.watch { flags.watch } else { flags.tee };
            self.copy_to(copy.to, flag, header, payload.get(..copy.length).unwrap_or(payload));
        }
        if let Some(to) = passage.redirect {
            self.copy_to(to, flags.redirect, header, payload);
        }
        passage.redirect.is_some()
    }

    /// One compressed `EXT_FRAME`. The observer needs our credentials as any member does: asking for them to
    /// be pushed also makes the engines look for a way to it.
    fn copy_to(&mut self, to: u64, flags: u8, header: Header, data: &[u8]) {
        let fields = frames::ext_frame_fields(self.lan.network.id, flags, header);
        let mut plain = packet::header(0, 0, self.vl1.address, EXT_FRAME).to_vec();
        plain.extend_from_slice(&fields);
        plain.extend_from_slice(data);
        self.vl1.compressor.compress(&mut plain);
        let (verb, payload) = (plain[VERB], &plain[HEADER_LENGTH..]);
        if self.send(to, verb, [payload, &[]]).is_err() {
            self.vl1.discard(DropReason::Copy);
        }
        if self.lan.members.get_or_default(to).is_push_due(self.now) {
            self.punt_push_due(to);
        }
    }
}
