//! Datagrams for others (01, 3.10, 4.4; 02, 4.3).

use crate::packet::{Datagram, MAX_HOPS, increment_hops};
use crate::switch::ground::counters::{Counter, DropReason};
use crate::switch::out::output::Output;
use crate::switch::out::punt::Punt;
use crate::switch::parts::Switch;
use crate::switch::reach::paths::Path;

/// Where a relayed datagram goes: the node at the other end, whether that is its destination, and the path.
struct NextHop {
    address: u64,
    direct: bool,
    path: Path,
}

impl Switch {
    pub(in crate::switch) fn relay(
        &mut self,
        path: Path,
        datagram: &mut [u8],
        now: u64,
        out: &mut Output,
    ) {
        let (destination, source, hops) = match Datagram::classify(datagram) {
            Datagram::Head(head) => (head.destination(), Some(head.source()), head.hops()),
            Datagram::Fragment(fragment) => (fragment.destination(), None, fragment.hops()),
            Datagram::Beacon(_) | Datagram::Noise => return self.discard(DropReason::Noise),
        };
        if !self.relay.open && !self.vl1.paths.is_trusted(&path, now) {
            return self.discard(DropReason::RelayUntrusted);
        }
        if hops >= MAX_HOPS {
            return self.discard(DropReason::Hops);
        }
        if let Some(source) = source {
            self.note_relayed(source, &path, now);
        }
        let Some(next) = self.next_hop(destination, source) else {
            return self.discard(DropReason::RelayRoute);
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
            self.punt(Punt::Introduce { source, destination }, out);
        }
    }
}
