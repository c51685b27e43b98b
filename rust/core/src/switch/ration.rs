//! How much each sender may ask of the engines, whose time everybody shares.
//!
//! An honest node never comes near these; they keep one that floods from costing more than a small share of a core,
//! even while nobody else has anything to ask.

use super::bounded::Bounded;
use super::budget::{Allowance, Bucket};
use super::paths::Path;
use super::tables::{Guarded, Keyed};

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

/// Prefixes that are remembered; a forgotten one has its full allowance again.
const MAX_PREFIXES: usize = 4096;

/// What is asked of the engines.
#[derive(Clone, Copy)]
pub(super) enum Asks {
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
pub(super) struct Ration {
    asked: Bucket,
    answered: Bucket,
    frames: Bucket,
}

impl Ration {
    /// Whether there is enough left for this, which is then spent.
    pub(super) fn take(&mut self, asks: Asks, now: u64) -> bool {
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
pub(super) struct Prefixes(Bounded<(u64, bool), Prefix, Guarded>);

impl Prefixes {
    pub(super) fn new(keyed: &Keyed) -> Self {
        Self(Bounded::guarded(MAX_PREFIXES, keyed))
    }

    /// Whether one more HELLO that no known key fits may go up.
    pub(super) fn take_newcomer(&mut self, path: &Path, known: bool, now: u64) -> bool {
        let prefix = self.0.get_or_default((path.prefix(), known));
        prefix.newcomers.take(allowed(NEWCOMERS, known), 1, now)
    }

    /// Whether one more packet of an address without a session may go up.
    pub(super) fn take_stranger(&mut self, path: &Path, known: bool, now: u64) -> bool {
        let prefix = self.0.get_or_default((path.prefix(), known));
        prefix.strangers.take(allowed(STRANGERS, known), 1, now)
    }
}

const fn allowed(one: Allowance, known: bool) -> Allowance {
    if known {
        Allowance { rate: one.rate * BY_KNOWN_PATH, burst: one.burst * BY_KNOWN_PATH }
    } else {
        one
    }
}
