//! How much each sender may ask of the engines, whose time everybody shares.
//!
//! An honest node never comes near these; they keep one that floods from costing more than a small share of a core,
//! even while nobody else has anything to ask.

use crate::fair::FairTable;
use crate::switch::ground::budget::{Allowance, Bucket};
use crate::switch::ground::tables::{Guarded, Keyed};
use crate::switch::reach::paths::Path;

/// Control packets of a peer, in units of the cheapest: a tenth of a core. A controller whose members all look
/// for one another asks its root 1,536 questions at once.
const ASKED: Allowance = Allowance { rate: 2000, burst: 4096 };
/// Its answers, of which there are as many as we ask questions.
const ANSWERED: Allowance = Allowance { rate: 8000, burst: 16_384 };
/// What its frames ask for: credentials, acknowledgements, group members.
const FRAMES: Allowance = Allowance { rate: 1000, burst: 2048 };
/// HELLOs from a prefix that no known key fits: an office whose machines start together, or a forger.
const NEWCOMERS: Allowance = Allowance { rate: 16, burst: 64 };
/// Packets from a prefix by addresses without a session.
const STRANGERS: Allowance = Allowance { rate: 64, burst: 256 };
/// By a path of a known peer, which may be a root that relays for anybody, so many times as much may come.
const BY_KNOWN_PATH: u32 = 8;

/// A HELLO is answered, and checked more than other packets.
const HELLO_PRICE: u32 = 4;
/// Bytes of payload, decompressed, that cost as much as a packet by itself.
const BYTES_PRICE: usize = 256;

/// Prefixes that are remembered of either sort; a forgotten one has its full allowance again.
const MAX_PREFIXES: usize = 4096;
/// Of those whose paths no known peer has, so many share a place where they are looked for.
const WAYS: usize = 4;

/// What is asked of the engines.
#[derive(Clone, Copy)]
pub(in crate::switch) enum Asks {
    /// By an authentic HELLO.
    Hello,
    /// By a control packet with a payload of so many bytes.
    Packet(usize),
    /// By an answer, likewise.
    Answer(usize),
    /// By a frame.
    Frame,
}

/// What one peer may still ask for.
#[derive(Default)]
pub(in crate::switch) struct Ration {
    asked: Bucket,
    answered: Bucket,
    frames: Bucket,
}

impl Ration {
    /// Whether there is enough left for this, which is then spent.
    pub(in crate::switch) fn take(&mut self, asks: Asks, now: u64) -> bool {
        match asks {
            Asks::Hello => self.asked.take(ASKED, HELLO_PRICE, now),
            Asks::Packet(length) => self.asked.take(ASKED, price(length), now),
            Asks::Answer(length) => self.answered.take(ANSWERED, price(length), now),
            Asks::Frame => self.frames.take(FRAMES, 1, now),
        }
    }
}

const fn price(length: usize) -> u32 {
    1 + (length / BYTES_PRICE) as u32
}

#[derive(Default)]
struct Prefix {
    newcomers: Bucket,
    strangers: Bucket,
}

/// What strangers may still send, by the prefix that they send from and by whether a known peer has the path.
///
/// Those of known peers are in a table of their own: a source costs a forger nothing.
pub(in crate::switch) struct Prefixes {
    known: FairTable<u64, u64, Prefix, Guarded>,
    others: Recent,
}

impl Prefixes {
    pub(in crate::switch) fn new(keyed: &Keyed) -> Self {
        Self { known: FairTable::guarded(MAX_PREFIXES, keyed), others: Recent::new(keyed) }
    }

    /// Whether one more HELLO that no known key fits may go up.
    pub(in crate::switch) fn take_newcomer(&mut self, path: &Path, known: bool, now: u64) -> bool {
        self.prefix(path, known).newcomers.take(allowed(NEWCOMERS, known), 1, now)
    }

    /// Whether one more packet of an address without a session may go up.
    pub(in crate::switch) fn take_stranger(&mut self, path: &Path, known: bool, now: u64) -> bool {
        self.prefix(path, known).strangers.take(allowed(STRANGERS, known), 1, now)
    }

    fn prefix(&mut self, path: &Path, known: bool) -> &mut Prefix {
        let prefix = path.prefix();
        if known { self.known.renewed(prefix, prefix) } else { self.others.of(prefix) }
    }
}

/// The prefixes that were asked for lately. Of those that share a place the one goes that was not asked for the
/// longest: with another prefix in each forged packet that happens 50,000 times a second, and has to cost less
/// than to receive the packet does.
struct Recent {
    keyed: Keyed,
    /// Each with its prefixes, the latest first.
    places: Box<[Vec<(u64, Prefix)>]>,
}

impl Recent {
    fn new(keyed: &Keyed) -> Self {
        let places = (0..MAX_PREFIXES / WAYS).map(|_| Vec::new()).collect();
        Self { keyed: keyed.clone(), places }
    }

    fn of(&mut self, prefix: u64) -> &mut Prefix {
        let number = self.keyed.hash(prefix) as usize % self.places.len();
        let place = &mut self.places[number];
        if let Some(at) = place.iter().position(|(other, _)| *other == prefix) {
            place[..=at].rotate_right(1);
        } else {
            place.truncate(WAYS - 1);
            place.insert(0, (prefix, Prefix::default()));
        }
        &mut place[0].1
    }
}

const fn allowed(one: Allowance, known: bool) -> Allowance {
    if known {
        Allowance { rate: one.rate * BY_KNOWN_PATH, burst: one.burst * BY_KNOWN_PATH }
    } else {
        one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(prefix: u32) -> Path {
        Path { socket: 1, ip: (prefix << 8 | 1).to_be_bytes().into(), port: 9993 }
    }

    #[test]
    fn forged_prefixes_give_a_known_one_no_budget_back() {
        let mut prefixes = Prefixes::new(&Keyed::new(&[7; 32]));
        let taken = |prefixes: &mut Prefixes| {
            (0..1000).filter(|_| prefixes.take_newcomer(&path(1), true, 5000)).count()
        };
        assert_eq!(taken(&mut prefixes), 512);
        for forged in 2..2 + 2 * MAX_PREFIXES as u32 {
            assert!(prefixes.take_newcomer(&path(forged), false, 5000));
        }
        assert_eq!(taken(&mut prefixes), 0);
    }

    #[test]
    fn each_of_hundreds_of_prefixes_in_turn_has_its_own_allowance_and_no_more() {
        let mut prefixes = Prefixes::new(&Keyed::new(&[7; 32]));
        let turns = (0..256_000).map(|number| path(number % 256));
        let taken = turns.filter(|path| prefixes.take_newcomer(path, false, 5000)).count();
        assert_eq!(taken, 256 * 64);
    }

    #[test]
    fn memory_of_unknown_prefixes_has_a_bound() {
        let mut prefixes = Prefixes::new(&Keyed::new(&[7; 32]));
        (0..100_000).for_each(|number| _ = prefixes.take_stranger(&path(number), false, 5000));
        let places = &prefixes.others.places;
        assert_eq!(places.iter().map(Vec::len).sum::<usize>(), MAX_PREFIXES);
        assert!(places.iter().all(|place| place.capacity() == WAYS));
    }
}
