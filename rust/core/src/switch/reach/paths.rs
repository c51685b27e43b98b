//! Physical paths: when datagrams passed by those that are installed, and which are trusted.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use crate::fair::FairTable;
use crate::fragment::Source;
use crate::switch::ground::tables::{Keyed, Table};

/// A local socket and a remote endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// The host's number of the socket; -1 stands for every socket of the IP's family.
    pub socket: i32,
    /// The remote IP.
    pub ip: IpAddr,
    /// The remote port.
    pub port: u16,
}

impl Hash for Path {
    /// In two steps instead of five: each packet has its path looked up.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ip = match self.ip {
            IpAddr::V4(ip) => u128::from(ip.to_bits()),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        state.write_u128(ip);
        state.write_u64(u64::from(self.port) << 32 | u64::from(self.socket.cast_unsigned()));
    }
}

/// Bits of an IPv6 address that a site is given, and may choose the others freely (02, 4.10).
const SITE_BITS: u32 = 48;

impl Path {
    /// The remote IPv4 /24 or IPv6 /48: addresses in it are of one sender, as far as a stranger's are (02, 4.10).
    pub fn prefix(&self) -> u64 {
        match self.ip.to_canonical() {
            IpAddr::V4(ip) => u64::from(ip.to_bits() >> 8),
            IpAddr::V6(ip) => (ip.to_bits() >> (u128::BITS - SITE_BITS)) as u64 + (1 << SITE_BITS),
        }
    }
}

/// A path that proved common membership relays for this long, in ms (02, 4.3).
const TRUST_MS: u64 = 600_000;
/// Datagrams for others are noted this often, in ms: a path counts as alive for 19 s (02, 6.1).
const NOTE_MS: u64 = 1000;
/// Trusted paths remembered besides the installed ones.
const MAX_TRUSTED: usize = 4096;

/// When datagrams passed by a path, in ms; 0 is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathActivity {
    /// The path.
    pub path: Path,
    /// When the last authentic packet came by it, or a datagram to relay, which shows that its peer is alive.
    pub in_at: u64,
    /// Last datagram the switch sent by it.
    pub out_at: u64,
}

struct Entry {
    activity: PathActivity,
    trusted_at: u64,
    /// How many peers have it among their paths.
    references: usize,
    moved: bool,
}

/// The installed paths of all peers, and the trusted ones.
pub(in crate::switch) struct PathTable {
    installed: Table<Path, Entry>,
    /// Held by the peers that proved them: a peer that sends from many ports crowds out its own paths only.
    trusted: FairTable<Path, u64, u64>,
    moved: Vec<Path>,
}

impl PathTable {
    pub(in crate::switch) fn new(keyed: &Keyed) -> Self {
        let trusted = FairTable::new(MAX_TRUSTED, keyed);
        Self { installed: keyed.table(), trusted, moved: Vec::new() }
    }

    /// One more peer has this path.
    pub(in crate::switch) fn install(&mut self, path: Path) {
        let entry = self.installed.get_or_insert_with(path, || Entry {
            activity: PathActivity { path, in_at: 0, out_at: 0 },
            trusted_at: self.trusted.get(&path).copied().unwrap_or(0),
            references: 0,
            moved: false,
        });
        entry.references += 1;
    }

    /// One peer less uses the path; it is forgotten with the last one.
    pub(in crate::switch) fn release(&mut self, path: &Path) {
        if let Some(entry) = self.installed.get_mut(path) {
            entry.references -= 1;
            if entry.references == 0 {
                self.installed.remove(path);
            }
        }
    }

    pub(in crate::switch) fn came_in(&mut self, path: &Path, now: u64) {
        self.touch(path, |activity| activity.in_at = now);
    }

    /// Whether a datagram by an installed path is worth noting that leaves this node unopened: once a second.
    pub(in crate::switch) fn is_note_due(&self, path: &Path, now: u64) -> bool {
        let entry = self.installed.get(path);
        entry.is_some_and(|entry| now.saturating_sub(entry.activity.in_at) >= NOTE_MS)
    }

    /// Whether any peer has this path among its own.
    pub(in crate::switch) fn is_installed(&self, path: &Path) -> bool {
        self.installed.get(path).is_some()
    }

    pub(in crate::switch) fn went_out(&mut self, path: &Path, at: u64) {
        self.touch(path, |activity| activity.out_at = activity.out_at.max(at));
    }

    /// What a piece of a packet that came by this path may make room with. Ports are cheap, and so are the
    /// addresses within an IPv6 network of a host: they share.
    pub(in crate::switch) fn source(&self, path: &Path) -> Source {
        let holder = match path.ip {
            IpAddr::V4(ip) => u64::from(ip.to_bits()),
            IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
        };
        Source { holder, known: self.installed.get(path).is_some() }
    }

    fn touch(&mut self, path: &Path, stamp: impl FnOnce(&mut PathActivity)) {
        if let Some(entry) = self.installed.get_mut(path) {
            stamp(&mut entry.activity);
            if !std::mem::replace(&mut entry.moved, true) {
                self.moved.push(*path);
            }
        }
    }

    /// A packet of a peer by this path proved common membership (02, 4.8).
    pub(in crate::switch) fn trust(&mut self, peer: u64, path: Path, now: u64) {
        match self.installed.get_mut(&path) {
            Some(entry) => entry.trusted_at = now,
            None => self.trusted.put(path, peer, now),
        }
    }

    pub(in crate::switch) fn is_trusted(&self, path: &Path, now: u64) -> bool {
        let installed = self.installed.get(path).map(|entry| entry.trusted_at);
        let trusted_at = installed.or_else(|| self.trusted.get(path).copied());
        trusted_at.is_some_and(|at| at != 0 && now.saturating_sub(at) < TRUST_MS)
    }

    /// What moved since the last call.
    pub(in crate::switch) fn take_activity(&mut self) -> Vec<PathActivity> {
        let mut activity = Vec::with_capacity(self.moved.len());
        for path in self.moved.drain(..) {
            if let Some(entry) = self.installed.get_mut(&path)
                && std::mem::take(&mut entry.moved)
            {
                activity.push(entry.activity);
            }
        }
        activity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn member_that_sends_from_every_port_takes_nobody_the_trust() {
        let at = |port| Path { socket: 1, ip: [80, 0, 0, 1].into(), port };
        let mut paths = PathTable::new(&Keyed::new(&[7; 32]));
        paths.trust(1, at(1), 5000);
        (2..60_000).for_each(|port| paths.trust(2, at(port), 5000));
        paths.trust(3, at(60_000), 5000);
        assert!([1, 60_000, 59_999].into_iter().all(|port| paths.is_trusted(&at(port), 5001)));
        assert!(!paths.is_trusted(&at(2), 5001));
        assert_eq!((2..60_000).filter(|port| paths.is_trusted(&at(*port), 5001)).count(), 4094);
    }
}
