//! The peer-to-peer half of the switch: peers, paths, packet IDs, and sending sealed packets.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::compress::Compressor;
use crate::fragment;
use crate::packet::{self, MAX_PACKET, MAX_PIECES, VERB_MASK};
use crate::switch::ground::counters::{Counter, Counters, DropReason};
use crate::switch::ground::tables::Keyed;
use crate::switch::out::output::Output;
use crate::switch::out::punt::Punt;
use crate::switch::reach::paths::PathTable;
use crate::switch::reach::peers::{PeerTable, Route, Session};
use crate::switch::reach::ration::Asks;

pub(in crate::switch) struct Vl1 {
    /// Our own address.
    pub(in crate::switch) address: u64,
    pub(in crate::switch) peers: PeerTable,
    pub(in crate::switch) paths: PathTable,
    pub(in crate::switch) counters: Counters,
    pub(in crate::switch) compressor: Compressor,
    /// The plain packet that was built last for several recipients.
    pub(in crate::switch) plain: Vec<u8>,
    ids: ChaCha12Rng,
    last_cut: LastCut,
}

impl Vl1 {
    pub(in crate::switch) fn new(address: u64, seed: &[u8; 32], keyed: &Keyed) -> Self {
        Self {
            address,
            peers: PeerTable::new(keyed),
            paths: PathTable::new(keyed),
            counters: Counters::new(),
            compressor: Compressor::default(),
            plain: Vec::new(),
            ids: ChaCha12Rng::from_seed(*seed),
            last_cut: LastCut::default(),
        }
    }

    /// For rules that match at random.
    pub(in crate::switch) fn random(&mut self) -> u32 {
        self.ids.next_u32()
    }

    /// Whether a peer may ask this of the engines; what is beyond its ration is counted.
    pub(in crate::switch) fn affords(&mut self, source: u64, asks: Asks, now: u64) -> bool {
        let affords = self.peers.ration(source).is_none_or(|ration| ration.take(asks, now));
        if !affords {
            self.discard(DropReason::PeerBudget);
        }
        affords
    }

    /// Count what is dropped.
    pub(in crate::switch) fn discard(&mut self, reason: DropReason) {
        self.counters.dropped(reason);
    }

    /// Hand something to the engines.
    pub(in crate::switch) fn punt(&mut self, punt: Punt, out: &mut Output) {
        self.counters.add(Counter::Punts);
        out.punt(punt);
    }

    /// Seal a packet with a fresh ID and send it by the peer's route. `verb` is the whole verb byte, the
    /// payload comes in two parts. Fails with `Route` without a session or a route, or with `TooLarge` where it
    /// is longer than a packet may be, or than seven datagrams of the route hold.
    pub(in crate::switch) fn send(
        &mut self,
        destination: u64,
        verb: u8,
        payload: [&[u8]; 2],
        now: u64,
        out: &mut Output,
    ) -> Result<(), DropReason> {
        let id = self.ids.next_u64();
        let peer = self.peers.get(destination).ok_or(DropReason::Route)?;
        let (session, route) = peer.way().ok_or(DropReason::Route)?;
        let header = packet::header(id, destination, self.address, verb);
        let [first, second] = payload;
        let (path, last_cut) = (route.path, &mut self.last_cut);
        let pieces = out.packet(path, [&header, first, second], |plain| {
            let pieces = seal(plain, session, route)?;
            Ok((pieces, last_cut.next(plain.len(), route.mtu, pieces)))
        })?;
        self.counters.add_many(Counter::PacketsTx, pieces);
        self.counters.add_if(Counter::went_out(verb & VERB_MASK));
        self.peers.sent(destination, header.len() + first.len() + second.len(), now);
        Ok(())
    }
}

/// Armour a plain packet for its route; returns the number of datagrams it takes.
fn seal(plain: &mut [u8], session: &Session, route: &Route) -> Result<usize, DropReason> {
    let pieces = fragment::pieces(plain.len(), route.mtu).map_err(|_| DropReason::TooLarge)?;
    if plain.len() > MAX_PACKET || pieces > MAX_PIECES {
        return Err(DropReason::TooLarge);
    }
    if pieces > 1 {
        packet::mark_fragmented(plain);
    }
    if route.trusted_path_id == 0 {
        session.keys.seal(plain, session.suite).map_err(|_| DropReason::Route)?;
    } else {
        packet::set_trusted_path(plain, route.trusted_path_id);
    }
    Ok(pieces)
}

/// How the last packet was cut that took several datagrams.
#[derive(Default)]
struct LastCut {
    length: usize,
    size: usize,
}

impl LastCut {
    /// The size of datagrams to cut a packet at. Datagrams of one size leave together: several packets of
    /// one length are cut evenly, and one of another length as those before it, if it takes no more pieces.
    fn next(&mut self, length: usize, mtu: usize, pieces: usize) -> usize {
        if pieces == 1 {
            return mtu;
        }
        let is_another = length != std::mem::replace(&mut self.length, length);
        let fits = self.size <= mtu && fragment::pieces(length, self.size) == Ok(pieces);
        if !(is_another && fits) {
            self.size = fragment::even_size(length, mtu).unwrap_or(mtu);
        }
        self.size
    }
}
