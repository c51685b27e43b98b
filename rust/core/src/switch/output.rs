//! What a call of the switch produced: datagrams, frames and punts, in one reusable buffer.

use std::ops::Range;

use super::paths::Path;
use super::punt::Punt;
use crate::ethernet;

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
    pub fn frames(&self) -> impl ExactSizeIterator<Item = (u64, &[u8])> {
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

    pub(super) fn datagram(&mut self, path: Path, first: &[u8], second: &[u8]) {
        let range = self.append([first, second]);
        self.datagrams.push((path, range));
    }

    pub(super) fn frame(&mut self, network: u64, header: ethernet::Header, payload: &[u8]) {
        let range = self.append([&header.bytes(), payload]);
        self.frames.push((network, range));
    }

    pub(super) fn punt(&mut self, punt: Punt) {
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
