//! Cutting an armoured packet into datagrams, and the bounded buffer that joins them (01, 4; 02, 4.2).

use std::ops::Range;

use crate::packet::{
    FRAGMENT_HEADER_LENGTH, FRAGMENT_HOPS, FRAGMENT_INDICATOR, Fragment, HEADER_LENGTH, Head,
    MAX_PACKET, MAX_PIECES, SOURCE,
};

/// Slots of the reassembly buffer of a node.
pub const DEFAULT_SLOTS: usize = 32;
/// How long an incomplete packet waits for its pieces, in milliseconds.
pub const LIFETIME_MS: u64 = 5000;
/// The total and the number of a piece are four bits each.
const MAX_TOTAL: usize = 15;

/// How a packet does not fit into datagrams of this size: our misuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPieces;

/// How many datagrams a packet of `length` bytes takes at this MTU, its head included; an error if the
/// format cannot number them. Receivers accept no more than [`MAX_PIECES`].
pub fn pieces(length: usize, mtu: usize) -> Result<usize, TooManyPieces> {
    if length <= mtu {
        return Ok(1);
    }
    let room = mtu.checked_sub(FRAGMENT_HEADER_LENGTH).filter(|room| *room > 0 && mtu > SOURCE);
    let total = 1 + (length - mtu).div_ceil(room.ok_or(TooManyPieces)?);
    if total <= MAX_TOTAL { Ok(total) } else { Err(TooManyPieces) }
}

/// The size of datagrams that cuts a packet of `length` bytes into as many pieces as the MTU does, all of one
/// length but for the last, which may be a few bytes shorter. Not below the length of a packet's header.
pub fn even_size(length: usize, mtu: usize) -> Result<usize, TooManyPieces> {
    let total = pieces(length, mtu)?;
    let size = (length + (total - 1) * FRAGMENT_HEADER_LENGTH).div_ceil(total);
    Ok(size.max(HEADER_LENGTH).min(mtu))
}

/// By how many bytes a packet of `length` bytes is too long for pieces of one length.
pub fn surplus(length: usize, mtu: usize) -> Result<usize, TooManyPieces> {
    let total = pieces(length, mtu)?;
    Ok((length + (total - 1) * FRAGMENT_HEADER_LENGTH) % total)
}

/// Cut an armoured packet, whose fragmented flag was set as needed, where it stands: from `start` to the end
/// of the buffer, which grows by the headers of the fragments. Hands the place of each datagram to `emit`, in
/// order. On failure the buffer stays as it is.
pub fn split(
    buffer: &mut Vec<u8>,
    start: usize,
    size: usize,
    mut emit: impl FnMut(Range<usize>),
) -> Result<(), TooManyPieces> {
    let total = pieces(buffer.len().saturating_sub(start), size)?;
    if total == 1 {
        emit(start..buffer.len());
        return Ok(());
    }
    let mut header = [0; FRAGMENT_HEADER_LENGTH];
    let id = buffer.get(start..start + SOURCE).ok_or(TooManyPieces)?;
    header[..SOURCE].copy_from_slice(id);
    header[SOURCE] = FRAGMENT_INDICATOR;
    header[FRAGMENT_HOPS] = 0;
    let (room, end) = (size - FRAGMENT_HEADER_LENGTH, buffer.len());
    buffer.resize(end + (total - 1) * FRAGMENT_HEADER_LENGTH, 0);
    // From the last on, so that no piece is overwritten before it has moved.
    for number in (1..total).rev() {
        let from = start + size + (number - 1) * room;
        let to = start + number * size;
        buffer.copy_within(from..(from + room).min(end), to + FRAGMENT_HEADER_LENGTH);
        header[SOURCE + 1] = (total << 4 | number) as u8;
        buffer[to..to + FRAGMENT_HEADER_LENGTH].copy_from_slice(&header);
    }
    for number in 0..total {
        let from = start + number * size;
        emit(from..(from + size).min(buffer.len()));
    }
    Ok(())
}

/// A packet whose pieces are all there.
#[derive(Debug)]
pub struct Assembled<'a, T> {
    /// The packet, whole but not authenticated; the buffer is reused by the next call.
    pub packet: &'a mut Vec<u8>,
    /// What came with the head, such as its path.
    pub tag: T,
}

/// A ring of packets whose pieces are still coming. A new packet ID takes the next slot, whatever is in
/// it; a slot holds at most one packet's bytes. A finished packet is remembered for as long as its slot
/// and [`LIFETIME_MS`] last, so that late duplicates do not deliver it again.
#[derive(Debug)]
pub struct Reassembler<T> {
    slots: Box<[Slot<T>]>,
    next: usize,
    /// Where pieces that came out of order are put in order.
    scratch: Vec<u8>,
}

impl<T: Copy> Reassembler<T> {
    /// With room for this many packets, at least one.
    pub fn new(slots: usize) -> Self {
        let slots = (0..slots.max(1)).map(|_| Slot::default()).collect();
        Self { slots, next: 0, scratch: Vec::new() }
    }

    /// Feed a datagram that is a head with its fragmented flag set. `tag` comes out with the packet.
    pub fn accept_head(&mut self, datagram: &[u8], tag: T, now: u64) -> Option<Assembled<'_, T>> {
        let head = Head::parse(datagram).filter(Head::is_fragmented)?;
        let index = self.slot_of(head.packet_id(), now);
        let slot = self.slots.get_mut(index)?;
        if slot.put(0, datagram) {
            slot.tag = Some(tag);
        }
        self.finish(index)
    }

    /// Feed a fragment.
    pub fn accept_fragment(
        &mut self,
        fragment: Fragment<'_>,
        now: u64,
    ) -> Option<Assembled<'_, T>> {
        let (number, total) = (fragment.number(), fragment.total());
        if number == 0 || number >= total || total > MAX_PIECES {
            return None;
        }
        let index = self.slot_of(fragment.packet_id(), now);
        let slot = self.slots.get_mut(index)?;
        if slot.put(number, fragment.data()) {
            slot.total = total;
        }
        self.finish(index)
    }

    /// Bytes of pieces that are held now: at most [`MAX_PACKET`] for each slot.
    pub fn bytes(&self) -> usize {
        self.slots.iter().map(|slot| slot.bytes.len()).sum()
    }

    /// The slot of this packet ID, or the next of the ring made ready for it.
    fn slot_of(&mut self, packet_id: u64, now: u64) -> usize {
        let is_it = |slot: &Slot<T>| {
            slot.used
                && slot.packet_id == packet_id
                && now.saturating_sub(slot.since) <= LIFETIME_MS
        };
        if let Some(index) = self.slots.iter().position(is_it) {
            return index;
        }
        let index = self.next;
        self.next = (index + 1) % self.slots.len();
        if let Some(slot) = self.slots.get_mut(index) {
            slot.begin(packet_id, now);
        }
        index
    }

    fn finish(&mut self, index: usize) -> Option<Assembled<'_, T>> {
        let slot = self.slots.get_mut(index).filter(|slot| slot.is_complete())?;
        let tag = slot.tag.take()?;
        if !slot.is_in_order() {
            slot.copy_in_order(&mut self.scratch);
            std::mem::swap(&mut slot.bytes, &mut self.scratch);
        }
        slot.is_done = true;
        Some(Assembled { packet: &mut slot.bytes, tag })
    }
}

/// One packet under assembly. Pieces are kept one behind the other as they came.
#[derive(Debug)]
struct Slot<T> {
    used: bool,
    is_done: bool,
    packet_id: u64,
    since: u64,
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
            packet_id: 0,
            since: 0,
            tag: None,
            total: 0,
            have: 0,
            pieces: [(0, 0); MAX_PIECES],
            count: 0,
            bytes: Vec::new(),
        }
    }
}

impl<T> Slot<T> {
    fn begin(&mut self, packet_id: u64, now: u64) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        // Any packet fits from now on: the memory stays with the slots.
        bytes.reserve_exact(MAX_PACKET);
        *self = Self { used: true, packet_id, since: now, bytes, ..Self::default() };
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

    /// Whether exactly the pieces 0 to total - 1 are here.
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
