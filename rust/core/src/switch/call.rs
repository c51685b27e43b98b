//! What every frame of an installed network needs on its way.

use super::counters::DropReason;
use super::filter::{Candidate, Passage};
use super::network::Lan;
use super::output::Output;
use super::punt::Punt;
use super::vl1::Vl1;

/// The network that a frame is of, how packets leave, and where all that comes of it goes.
pub(super) struct Call<'a> {
    pub(super) vl1: &'a mut Vl1,
    pub(super) lan: Lan<'a>,
    pub(super) now: u64,
    pub(super) out: &'a mut Output,
}

impl Call<'_> {
    /// The same for a while.
    pub(super) const fn lend(&mut self) -> Call<'_> {
        let Self { vl1, lan, now, out } = self;
        Call { vl1, lan: lan.lend(), now: *now, out }
    }

    /// Hand something to the engines.
    pub(super) fn punt(&mut self, punt: Punt) {
        self.vl1.punt(punt, self.out);
    }

    /// Say that a member needs our credentials.
    pub(super) fn punt_push_due(&mut self, address: u64) {
        self.punt(Punt::PushDue { network: self.lan.network.id, address });
    }

    /// Seal a packet for a peer and send it: see [`Vl1::send`].
    pub(super) fn send(
        &mut self,
        destination: u64,
        verb: u8,
        payload: [&[u8]; 2],
    ) -> Result<(), DropReason> {
        self.vl1.send(destination, verb, payload, self.now, self.out)
    }

    /// What the rules say of a frame from or to `other`; 0: a node that is not chosen yet.
    pub(super) fn judge(
        &mut self,
        frame: &Candidate<'_>,
        other: u64,
    ) -> Result<Passage, DropReason> {
        let Self { vl1, lan, .. } = self;
        lan.network.judge(frame, lan.credentials_of(other), || vl1.random())
    }
}
