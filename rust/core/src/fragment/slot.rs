//! One packet under assembly.

use crate::packet::{MAX_PACKET, MAX_PIECES};

/// How long an incomplete packet waits for its pieces, in milliseconds.
pub const LIFETIME_MS: u64 = 5000;

/// One packet under assembly. Pieces are kept one behind the other as they came.
#[derive(Debug)]
pub(super) struct Slot<T> {
    used: bool,
    is_done: bool,
    since: u64,
    /// How many packets began before it.
    pub(super) order: u64,
    tag: Option<T>,
    /// Pieces there are by the latest fragment; 0 before one came.
    total: usize,
    /// Bit *n*: piece *n* is here.
    have: u8,
    /// Number and end offset of each piece, in order of arrival.
    pieces: [(usize, usize); MAX_PIECES],
    count: usize,
    bytes: Vec<u8>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            used: false,
            is_done: false,
            since: 0,
            order: 0,
            tag: None,
            total: 0,
            have: 0,
            pieces: [(0, 0); MAX_PIECES],
            count: 0,
            bytes: Vec::new(),
        }
    }
}

impl<T: Copy> Slot<T> {
    pub(super) fn begin(&mut self, order: u64, now: u64) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        // Any packet fits from now on: the memory stays with the slots.
        bytes.reserve_exact(MAX_PACKET);
        *self = Self { used: true, order, since: now, bytes, ..Self::default() };
    }

    /// Take the head, and what is to come out with the packet.
    pub(super) fn put_head(&mut self, datagram: &[u8], tag: T) {
        if self.put(0, datagram) {
            self.tag = Some(tag);
        }
    }

    pub(super) fn put_fragment(&mut self, number: usize, total: usize, data: &[u8]) {
        if self.put(number, data) {
            self.total = total;
        }
    }

    /// Take a piece, unless it is here already, comes too late or does not fit.
    fn put(&mut self, number: usize, data: &[u8]) -> bool {
        let is_new = !self.is_done && self.have & 1 << number == 0;
        let fits = self.bytes.len() + data.len() <= MAX_PACKET;
        let Some(piece) = self.pieces.get_mut(self.count).filter(|_| is_new && fits) else {
            return false;
        };
        self.bytes.extend_from_slice(data);
        *piece = (number, self.bytes.len());
        self.count += 1;
        self.have |= 1 << number;
        true
    }

    /// The packet with the tag of its head, the first time that exactly the pieces 0 to total - 1 are here.
    pub(super) fn finish(&mut self, scratch: &mut Vec<u8>) -> Option<(&mut Vec<u8>, T)> {
        if !self.is_complete() {
            return None;
        }
        let tag = self.tag?;
        if !self.is_in_order() {
            self.copy_in_order(scratch);
            std::mem::swap(&mut self.bytes, scratch);
        }
        self.is_done = true;
        Some((&mut self.bytes, tag))
    }

    /// Whether it holds a packet, whole or not, whose pieces may still come.
    pub(super) const fn is_live(&self, now: u64) -> bool {
        self.used && now.saturating_sub(self.since) <= LIFETIME_MS
    }

    /// Whether another packet may take it without a loss.
    pub(super) const fn is_free(&self, now: u64) -> bool {
        self.is_done || !self.is_live(now)
    }

    pub(super) const fn has_head(&self) -> bool {
        self.have & 1 != 0
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn is_complete(&self) -> bool {
        !self.is_done && self.total != 0 && u32::from(self.have) == (1 << self.total) - 1
    }

    fn is_in_order(&self) -> bool {
        self.pieces.iter().take(self.count).enumerate().all(|(index, piece)| index == piece.0)
    }

    fn copy_in_order(&self, target: &mut Vec<u8>) {
        target.clear();
        target.reserve_exact(MAX_PACKET);
        for wanted in 0..self.count {
            let mut start = 0;
            for (number, end) in self.pieces.iter().take(self.count) {
                if *number == wanted {
                    target.extend_from_slice(self.bytes.get(start..*end).unwrap_or_default());
                }
                start = *end;
            }
        }
    }
}
