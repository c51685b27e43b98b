//! What a call of the switch produced: datagrams, frames and punts, in one reusable buffer.

use std::ops::Range;

use crate::switch::ground::counters::DropReason;
use crate::switch::out::punt::Punt;
use crate::switch::reach::paths::Path;
use crate::{ethernet, fragment};

/// The result of one batch. Clear it and hand it in again: its memory is kept.
#[derive(Default)]
pub struct Output {
    buffer: Vec<u8>,
    datagrams: Vec<(Path, Range<usize>)>,
    frames: Vec<(u64, Range<usize>)>,
    punts: Vec<Punt>,
}

impl Output {
    /// With no content yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forget everything but the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.datagrams.clear();
        self.frames.clear();
        self.punts.clear();
    }

    /// The datagrams to send, in order. Socket -1 means every socket of the IP's family.
    pub fn datagrams(&self) -> impl ExactSizeIterator<Item = (&Path, &[u8])> {
        self.datagrams.iter().map(|(path, range)| (path, &self.buffer[range.clone()]))
    }

    /// The frames for the TAPs, as (network ID, frame with its 14-byte header), in order.
    pub fn frames(&self) -> impl DoubleEndedIterator<Item = (u64, &[u8])> + ExactSizeIterator {
        self.frames.iter().map(|(network, range)| (*network, &self.buffer[range.clone()]))
    }

    /// What the engines have to look at, in order.
    pub fn punts(&self) -> &[Punt] {
        &self.punts
    }

    /// Take the punts out.
    pub fn take_punts(&mut self) -> Vec<Punt> {
        std::mem::take(&mut self.punts)
    }

    /// One frame by its place among [`Self::frames`].
    pub fn frame_at(&self, index: usize) -> Option<&[u8]> {
        self.buffer.get(self.frames.get(index)?.1.clone())
    }

    pub(in crate::switch) fn datagram(&mut self, path: Path, datagram: &[u8]) {
        let range = self.append([datagram, &[]]);
        self.datagrams.push((path, range));
    }

    /// Build a packet where it will be sent from. `seal` armours it, and returns the number of its pieces
    /// and the size of datagrams to cut it at; what it refuses is forgotten.
    pub(in crate::switch) fn packet(
        &mut self,
        path: Path,
        parts: [&[u8]; 3],
        seal: impl FnOnce(&mut [u8]) -> Result<(usize, usize), DropReason>,
    ) -> Result<usize, DropReason> {
        let start = self.buffer.len();
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        let datagrams = &mut self.datagrams;
        let sent = seal(&mut self.buffer[start..]).and_then(|(pieces, size)| {
            fragment::split(&mut self.buffer, start, size, |range| datagrams.push((path, range)))
                .map(|()| pieces)
                .map_err(|_| DropReason::TooLarge)
        });
        if sent.is_err() {
            self.buffer.truncate(start);
        }
        sent
    }

    pub(in crate::switch) fn frame(
        &mut self,
        network: u64,
        header: ethernet::Header,
        payload: &[u8],
    ) {
        let range = self.append([&header.bytes(), payload]);
        self.frames.push((network, range));
    }

    pub(in crate::switch) fn punt(&mut self, punt: Punt) {
        self.punts.push(punt);
    }

    fn append(&mut self, parts: [&[u8]; 2]) -> Range<usize> {
        let start = self.buffer.len();
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        start..self.buffer.len()
    }
}
