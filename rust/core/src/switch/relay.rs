//! Datagrams for others (01, 3.10, 4.4; 02, 4.3).

use super::Switch;
use super::counters::Counter;
use super::output::Output;
use super::paths::Path;
use super::punt::{Punt, PuntKind};
use super::tables::Keyed;
use crate::fair::FairTable;
use crate::packet::{Datagram, MAX_HOPS, increment_hops};

/// A pair is introduced this often, in ms (02, 4.10).
const INTRODUCE_MS: u64 = 30_000;
/// Pairs remembered for that.
const MAX_PAIRS: usize = 16_384;

/// An unordered pair of addresses, the lower one first.
type Pair = (u64, u64);

/// Which datagrams for others we pass on, and where to.
pub(super) struct Relay {
    open: bool,
    upstream: u64,
    path: Option<Path>,
    /// When each pair was last reported for introduction. Entries are held by the source prefix that caused
    /// them, so that a flood of made-up pairs makes no other pair be reported again.
    introduced: FairTable<Pair, u64, u64>,
    /// The pair that was looked up last, and when it was reported.
    last: (Pair, Option<u64>),
}

impl Relay {
    pub(super) fn new(keyed: &Keyed) -> Self {
        let introduced = FairTable::new(MAX_PAIRS, keyed);
        Self { open: false, upstream: 0, path: None, introduced, last: ((0, 0), None) }
    }

    pub(super) fn set(&mut self, open: bool, upstream: u64, path: Option<Path>) {
        (self.open, self.upstream, self.path) = (open, upstream, path);
    }

    /// Whether a pair was reported for introduction a short time ago.
    fn was_introduced(&mut self, a: u64, b: u64, now: u64) -> bool {
        let pair = (a.min(b), a.max(b));
        if self.last.0 != pair {
            self.last = (pair, self.introduced.get(&pair).copied());
        }
        self.last.1.is_some_and(|at| now.saturating_sub(at) < INTRODUCE_MS)
    }

    /// Note that a pair is reported because of a datagram from a source prefix.
    fn introduce(&mut self, a: u64, b: u64, prefix: u64, now: u64) {
        let pair = (a.min(b), a.max(b));
        self.introduced.put(pair, prefix, now);
        self.last = (pair, Some(now));
    }
}

/// Where a relayed datagram goes: the node at the other end, whether that is its destination, and the path.
struct NextHop {
    address: u64,
    direct: bool,
    path: Path,
}

impl Switch {
    pub(super) fn relay(&mut self, path: Path, datagram: &mut [u8], now: u64, out: &mut Output) {
        let (destination, source, hops) = match Datagram::classify(datagram) {
            Datagram::Head(head) => (head.destination(), Some(head.source()), head.hops()),
            Datagram::Fragment(fragment) => (fragment.destination(), None, fragment.hops()),
            Datagram::Beacon(_) | Datagram::Noise => return self.count(Counter::DropNoise),
        };
        if !self.relay.open && !self.vl1.paths.is_trusted(&path, now) {
            return self.count(Counter::DropRelayUntrusted);
        }
        if hops >= MAX_HOPS {
            return self.count(Counter::DropHops);
        }
        if let Some(source) = source {
            self.note_relayed(source, &path, now);
        }
        let Some(next) = self.next_hop(destination, source) else {
            return self.count(Counter::DropRelayRoute);
        };
        increment_hops(datagram);
        out.datagram(next.path, datagram);
        self.count(Counter::Relayed);
        if next.direct {
            self.vl1.peers.relayed(next.address, now);
        } else {
            self.vl1.paths.went_out(&next.path, now);
        }
        if let Some(source) = source {
            self.introduce(source, next.address, &path, now, out);
        }
    }

    /// The destination's own path, else the upstream: but heads never go back to it.
    fn next_hop(&self, destination: u64, source: Option<u64>) -> Option<NextHop> {
        if let Some(route) = self.vl1.peers.route(destination).filter(|route| route.direct) {
            return Some(NextHop { address: destination, direct: true, path: route.path });
        }
        let path = self.relay.path.filter(|_| source != Some(self.relay.upstream))?;
        Some(NextHop { address: self.relay.upstream, direct: false, path })
    }

    /// A peer whose packets we relay may send none to us, and its path is alive all the same. The source of a
    /// datagram for others cannot be verified, so it only counts on a path where the peer was heard lately.
    fn note_relayed(&mut self, source: u64, path: &Path, now: u64) {
        if self.vl1.paths.is_note_due(path, now) && self.vl1.peers.is_at(source, path, now) {
            self.vl1.paths.came_in(path, now);
        }
    }

    /// Report a pair of peers that may be introduced, if both are known and the datagram came where its source
    /// is: else anybody could have the two told of one another, and keep them from being told later.
    fn introduce(
        &mut self,
        source: u64,
        destination: u64,
        path: &Path,
        now: u64,
        out: &mut Output,
    ) {
        if self.relay.was_introduced(source, destination, now) {
            return;
        }
        let peers = &mut self.vl1.peers;
        if peers.session(source).is_some()
            && peers.session(destination).is_some()
            && peers.is_at(source, path, now)
        {
            self.relay.introduce(source, destination, path.prefix(), now);
            self.punt(Punt { source, destination, ..Punt::new(PuntKind::Introduce) }, out);
        }
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
