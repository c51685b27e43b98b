//! The bounded buffer that joins the pieces of packets (01, 4.3; 02, 4.2).
//!
//! No piece is authentic before its packet is whole, so anybody may send any, from any address. What keeps
//! forged pieces from crowding out honest ones:
//!
//! - **A packet is known by its ID and by whether its pieces come from endpoints that we know**, so that a
//!   stranger never completes, spoils or evicts a packet of a peer. It is not known by its endpoint: relays
//!   pass on each piece by itself, and a peer with several paths may send a copy by each of them, so honest
//!   pieces of one packet do come from several endpoints; but these are installed paths. IDs have 64 random
//!   bits: who can guess one sees the packets anyway.
//! - **Strangers have slots of their own**, a fifth of all. A peer that has just moved is one of them until
//!   its first packet is authentic, so their fragments, which an attacker sends by the hundred thousand,
//!   never evict a packet whose head is here: honest pieces come head first.
//! - **Who holds most makes room**, with the oldest packet that has no head, else the oldest of all. So a
//!   known endpoint, or whoever forges its address, loses its own packets first, and a fast peer never
//!   costs a slow one those whose pieces are milliseconds apart.

use std::cmp::Reverse;

use super::slot::Slot;
use crate::packet::{Fragment, Head, MAX_PIECES};

/// Packets that a node holds of known endpoints, whole ones that late duplicates are told by included.
pub const DEFAULT_SLOTS: usize = 32;
/// Packets of strangers that it holds beside so many of known endpoints.
pub const fn stranger_slots(slots: usize) -> usize {
    slots.div_ceil(4)
}

/// Where a piece comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Whoever has the same number shares what it may hold, such as all ports of one IP.
    pub holder: u64,
    /// Authentic packets came from there before.
    pub known: bool,
}

/// A packet whose pieces are all there.
#[derive(Debug)]
pub struct Assembled<'a, T> {
    /// The packet, whole but not authenticated; the buffer is reused by the next call.
    pub packet: &'a mut Vec<u8>,
    /// What came with the head, such as its path.
    pub tag: T,
}

/// Packets whose pieces are still coming, each in a slot that holds at most one packet's bytes. A finished
/// packet is remembered for as long as its slot and [`super::LIFETIME_MS`] last, so that late duplicates do
/// not deliver it again.
#[derive(Debug)]
pub struct Reassembler<T> {
    peers: Pool<T>,
    strangers: Pool<T>,
    /// Where pieces that came out of order are put in order.
    scratch: Vec<u8>,
}

impl<T: Copy> Reassembler<T> {
    /// With room for this many packets of known endpoints, at least one.
    pub fn new(slots: usize) -> Self {
        let slots = slots.max(1);
        Self {
            peers: Pool::new(slots),
            strangers: Pool::new(stranger_slots(slots)),
            scratch: Vec::new(),
        }
    }

    /// Feed a datagram that is a head with its fragmented flag set. `tag` comes out with the packet.
    pub fn accept_head(
        &mut self,
        datagram: &[u8],
        tag: T,
        source: Source,
        now: u64,
    ) -> Option<Assembled<'_, T>> {
        let head = Head::parse(datagram).filter(Head::is_fragmented)?;
        let (slot, scratch) = self.slot_of(head.packet_id(), true, source, now)?;
        slot.put_head(datagram, tag);
        slot.finish(scratch).map(|(packet, tag)| Assembled { packet, tag })
    }

    /// Feed a fragment.
    pub fn accept_fragment(
        &mut self,
        fragment: Fragment<'_>,
        source: Source,
        now: u64,
    ) -> Option<Assembled<'_, T>> {
        let (number, total) = (fragment.number(), fragment.total());
        if number == 0 || number >= total || total > MAX_PIECES {
            return None;
        }
        let (slot, scratch) = self.slot_of(fragment.packet_id(), false, source, now)?;
        slot.put_fragment(number, total, fragment.data());
        slot.finish(scratch).map(|(packet, tag)| Assembled { packet, tag })
    }

    /// Bytes of pieces that are held now: at most [`crate::packet::MAX_PACKET`] for each slot.
    pub fn bytes(&self) -> usize {
        self.peers.bytes() + self.strangers.bytes()
    }

    /// The slot of this packet ID, or one made ready for it; `None` where a stranger's fragment finds no
    /// room.
    fn slot_of(
        &mut self,
        packet_id: u64,
        is_head: bool,
        source: Source,
        now: u64,
    ) -> Option<(&mut Slot<T>, &mut Vec<u8>)> {
        let Self { peers, strangers, scratch } = self;
        if source.known
            && let Some(index) = peers.find(packet_id, now)
        {
            return Some((peers.slots.get_mut(index)?, scratch));
        }
        // A peer's too: its path may have become known since the first piece of this packet came.
        if let Some(index) = strangers.find(packet_id, now) {
            return Some((strangers.slots.get_mut(index)?, scratch));
        }
        let pool = if source.known { peers } else { strangers };
        let index = pool.make_room(source.known || is_head, now)?;
        Some((pool.begin(index, packet_id, source.holder, now)?, scratch))
    }
}

/// Slots, and what is looked for in all of them.
#[derive(Debug)]
struct Pool<T> {
    packet_ids: Box<[u64]>,
    holders: Box<[u64]>,
    slots: Box<[Slot<T>]>,
    /// The slot after the one that was taken last: as long as packets complete it is free.
    next: usize,
    /// Packets that began so far.
    begun: u64,
}

impl<T: Copy> Pool<T> {
    fn new(slots: usize) -> Self {
        Self {
            packet_ids: vec![0; slots].into(),
            holders: vec![0; slots].into(),
            slots: (0..slots).map(|_| Slot::default()).collect(),
            next: 0,
            begun: 0,
        }
    }

    fn find(&self, packet_id: u64, now: u64) -> Option<usize> {
        let found = |(index, id): (usize, &u64)| {
            (*id == packet_id && self.slots.get(index)?.is_live(now)).then_some(index)
        };
        self.packet_ids.iter().enumerate().find_map(found)
    }

    fn begin(
        &mut self,
        index: usize,
        packet_id: u64,
        holder: u64,
        now: u64,
    ) -> Option<&mut Slot<T>> {
        *self.packet_ids.get_mut(index)? = packet_id;
        *self.holders.get_mut(index)? = holder;
        self.next = (index + 1) % self.slots.len();
        self.begun += 1;
        let slot = self.slots.get_mut(index)?;
        slot.begin(self.begun, now);
        Some(slot)
    }

    /// The first slot that is free; else the one to evict, which has its head only if that is allowed.
    fn make_room(&self, may_evict_heads: bool, now: u64) -> Option<usize> {
        let is_free = |index: &usize| self.slots.get(*index).is_some_and(|slot| slot.is_free(now));
        let from_next = (self.next..self.slots.len()).chain(0..self.next);
        from_next.into_iter().find(is_free).or_else(|| self.victim(may_evict_heads))
    }

    /// Of whoever holds most: the oldest packet without a head, or the oldest.
    fn victim(&self, may_evict_heads: bool) -> Option<usize> {
        let held = |holder: &u64| self.holders.iter().filter(|other| *other == holder).count();
        self.slots
            .iter()
            .zip(&self.holders)
            .enumerate()
            .filter(|(_, (slot, _))| may_evict_heads || !slot.has_head())
            .max_by_key(|(_, (slot, holder))| (held(holder), !slot.has_head(), Reverse(slot.order)))
            .map(|(index, _)| index)
    }

    fn bytes(&self) -> usize {
        self.slots.iter().map(Slot::bytes).sum()
    }
}
