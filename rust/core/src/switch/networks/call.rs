//! What every frame of an installed network needs on its way.

use crate::switch::ground::counters::DropReason;
use crate::switch::networks::filter::{Candidate, Passage};
use crate::switch::networks::network::Lan;
use crate::switch::out::output::Output;
use crate::switch::out::punt::Punt;
use crate::switch::out::vl1::Vl1;

/// The network that a frame is of, how packets leave, and where all that comes of it goes.
pub(in crate::switch) struct Call<'a> {
    pub(in crate::switch) vl1: &'a mut Vl1,
    pub(in crate::switch) lan: Lan<'a>,
    pub(in crate::switch) now: u64,
    pub(in crate::switch) out: &'a mut Output,
}

impl Call<'_> {
    /// The same for a while.
    pub(in crate::switch) const fn lend(&mut self) -> Call<'_> {
        let Self { vl1, lan, now, out } = self;
        Call { vl1, lan: lan.lend(), now: *now, out }
    }

    /// Hand something to the engines.
    pub(in crate::switch) fn punt(&mut self, punt: Punt) {
        self.vl1.punt(punt, self.out);
    }

    /// Say that a member needs our credentials.
    pub(in crate::switch) fn punt_push_due(&mut self, address: u64) {
        self.punt(Punt::PushDue { network: self.lan.network.id, address });
    }

    /// Seal a packet for a peer and send it: see [`Vl1::send`].
    pub(in crate::switch) fn send(
        &mut self,
        destination: u64,
        verb: u8,
        payload: [&[u8]; 2],
    ) -> Result<(), DropReason> {
        self.vl1.send(destination, verb, payload, self.now, self.out)
    }

    /// What the rules say of a frame from or to `other`; 0: a node that is not chosen yet.
    pub(in crate::switch) fn judge(
        &mut self,
        frame: &Candidate<'_>,
        other: u64,
    ) -> Result<Passage, DropReason> {
        let Self { vl1, lan, .. } = self;
        lan.network.judge(frame, lan.credentials_of(other), || vl1.random())
    }
}
