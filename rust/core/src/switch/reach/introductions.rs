//! Whom we relay for, and which pairs of peers were reported because of that (02, 4.3, 4.10).

use crate::fair::FairTable;
use crate::switch::ground::tables::Keyed;
use crate::switch::reach::paths::Path;

/// A pair is introduced this often, in ms (02, 4.10).
const INTRODUCE_MS: u64 = 30_000;
/// Pairs remembered for that.
const MAX_PAIRS: usize = 16_384;

/// An unordered pair of addresses, the lower one first.
type Pair = (u64, u64);

/// Which datagrams for others we pass on, and where to.
pub(in crate::switch) struct Relay {
    pub(in crate::switch) open: bool,
    pub(in crate::switch) upstream: u64,
    pub(in crate::switch) path: Option<Path>,
    /// When each pair was last reported for introduction. Entries are held by the source prefix that caused
    /// them, so that a flood of made-up pairs makes no other pair be reported again.
    introduced: FairTable<Pair, u64, u64>,
    /// The pair that was looked up last, and when it was reported.
    last: (Pair, Option<u64>),
}

impl Relay {
    pub(in crate::switch) fn new(keyed: &Keyed) -> Self {
        let introduced = FairTable::new(MAX_PAIRS, keyed);
        Self { open: false, upstream: 0, path: None, introduced, last: ((0, 0), None) }
    }

    pub(in crate::switch) fn set(&mut self, open: bool, upstream: u64, path: Option<Path>) {
        (self.open, self.upstream, self.path) = (open, upstream, path);
    }

    /// Whether a pair was reported for introduction a short time ago.
    pub(in crate::switch) fn was_introduced(&mut self, a: u64, b: u64, now: u64) -> bool {
        let pair = (a.min(b), a.max(b));
        if self.last.0 != pair {
            self.last = (pair, self.introduced.get(&pair).copied());
        }
        self.last.1.is_some_and(|at| now.saturating_sub(at) < INTRODUCE_MS)
    }

    /// Note that a pair is reported because of a datagram from a source prefix.
    pub(in crate::switch) fn introduce(&mut self, a: u64, b: u64, prefix: u64, now: u64) {
        let pair = (a.min(b), a.max(b));
        self.introduced.put(pair, prefix, now);
        self.last = (pair, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_of_pairs_from_one_network_leaves_those_of_others_introduced() {
        let mut relay = Relay::new(&Keyed::new(&[7; 32]));
        let (honest, flooder, now) = (1, 2, 50_000);
        relay.introduce(10, 11, honest, now);
        let pairs = MAX_PAIRS as u64 + 1000;
        for destination in 1000..1000 + pairs {
            relay.introduce(12, destination, flooder, now + 1);
        }
        assert!(relay.was_introduced(11, 10, now + 2));
        assert!(!relay.was_introduced(12, 1000, now + 2), "the oldest of the flooder's own");
        assert!(relay.was_introduced(12, 999 + pairs, now + 2));
        let kept = (1000..1000 + pairs).filter(|other| relay.was_introduced(12, *other, now + 2));
        assert_eq!(kept.count(), MAX_PAIRS - 1);
        assert!(!relay.was_introduced(10, 11, now + INTRODUCE_MS));
    }
}
