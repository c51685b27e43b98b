//! What the switch knows of each peer: its session, its route, its paths, and when it was heard.

use earthline_simd::cache::prefetch;

use crate::keys::SessionKeys;
use crate::switch::ground::tables::{Keyed, Table};
use crate::switch::reach::paths::{Path, PathTable};
use crate::switch::reach::ration::Ration;

/// Direct packets by an unknown path are reported this often per peer, in ms.
const NEW_PATH_MS: u64 = 1000;

/// What a peer's path relays is believed to be the peer's for this long after a packet that proved it, in ms:
/// a peer that asks nothing of its relay greets it once in 60 s, or 65, and two of its HELLOs may be lost.
const HEARD_MS: u64 = 150_000;

/// Keys shared with a peer, the suite it is sent packets with, and the public key they were agreed on with.
pub(in crate::switch) struct Session {
    pub(in crate::switch) keys: Box<SessionKeys>,
    pub(in crate::switch) suite: u8,
    /// Boxed: only a HELLO that the keys do not fit is compared with it.
    pub(in crate::switch) public_key: Box<[u8; 64]>,
}

/// Where packets for a peer leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its own path, or its relay's.
    pub path: Path,
    /// Whether it is its own.
    pub direct: bool,
    /// Longest UDP payload.
    pub mtu: usize,
    /// Not 0: packets leave unencrypted, with this ID (01, 3.7).
    pub trusted_path_id: u64,
}

/// When packets of a peer passed, in ms, where 0 is never; and what its frames came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerActivity {
    /// Its address.
    pub address: u64,
    /// Last authentic packet that was not an OK: those count only for who asked.
    pub received_at: u64,
    /// Last accepted frame.
    pub frame_received_at: u64,
    /// Last of `received_at` that came by a relay.
    pub relayed_received_at: u64,
    /// Last packet that proved common membership.
    pub trusted_at: u64,
    /// Last frame sent to it.
    pub sent_at: u64,
    /// Bytes of packets with frames that came from it since the last report.
    pub received_bytes: u64,
    /// The same of those that were sent to it.
    pub sent_bytes: u64,
}

/// A learned path of a peer: (address, path, last direct authentic packet in ms).
pub type SlotActivity = (u64, Path, u64);

struct Slot {
    path: Path,
    received_at: u64,
    /// Last direct authentic packet of any kind, or when it was first asked for, in ms; 0: neither yet.
    heard_at: u64,
    moved: bool,
}

#[derive(Default)]
pub(in crate::switch) struct Peer {
    session: Option<Session>,
    route: Option<Route>,
    slots: Vec<Slot>,
    activity: PeerActivity,
    moved: bool,
    /// Last datagram by its route, in ms, as long as the path does not know of it; 0: none.
    went_out_at: u64,
    listed: bool,
    new_path_at: Option<u64>,
    /// Boxed: frames need none, and peers stay small.
    ration: Option<Box<Ration>>,
}

impl Peer {
    /// Session and route, where frames can be sent at all.
    pub(in crate::switch) fn way(&self) -> Option<(&Session, &Route)> {
        self.session.as_ref().zip(self.route.as_ref())
    }

    fn slot(&mut self, path: &Path) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.path == *path)
    }

    /// Tell the path of its route.
    fn stamp_route(&mut self, paths: &mut PathTable) {
        let at = std::mem::take(&mut self.went_out_at);
        if let Some(route) = self.route.as_ref().filter(|_| at != 0) {
            paths.went_out(&route.path, at);
        }
    }

    fn is_empty(&self) -> bool {
        self.session.is_none() && self.route.is_none() && self.slots.is_empty()
    }
}

/// All peers by address.
pub(in crate::switch) struct PeerTable {
    peers: Table<u64, Peer>,
    /// Peers of which there is something to report.
    listed: Vec<u64>,
}

impl PeerTable {
    pub(in crate::switch) fn new(keyed: &Keyed) -> Self {
        Self { peers: keyed.table(), listed: Vec::new() }
    }

    fn entry(&mut self, address: u64) -> &mut Peer {
        let peer = self.peers.get_or_default(address);
        peer.activity.address = address;
        peer
    }

    pub(in crate::switch) fn get(&self, address: u64) -> Option<&Peer> {
        self.peers.get(&address)
    }

    /// Have in the cache what sealing and opening packets of a peer need, unless it was looked up last.
    pub(in crate::switch) fn foresee(&self, address: u64) {
        if !self.peers.is_last(&address)
            && let Some(session) = self.session(address)
        {
            prefetch(&*session.keys);
        }
    }

    pub(in crate::switch) fn session(&self, address: u64) -> Option<&Session> {
        self.peers.get(&address)?.session.as_ref()
    }

    pub(in crate::switch) fn route(&self, address: u64) -> Option<&Route> {
        self.peers.get(&address)?.route.as_ref()
    }

    pub(in crate::switch) fn set_session(
        &mut self,
        address: u64,
        key: &[u8; 48],
        suite: u8,
        public_key: &[u8; 64],
    ) {
        let (keys, public_key) = (Box::new(SessionKeys::new(key)), Box::new(*public_key));
        self.entry(address).session = Some(Session { keys, suite, public_key });
    }

    pub(in crate::switch) fn set_route(
        &mut self,
        address: u64,
        route: Option<Route>,
        paths: &mut PathTable,
    ) {
        let peer = self.entry(address);
        peer.stamp_route(paths);
        peer.route = route;
        self.forget_if_empty(address);
    }

    /// Replace the learned paths; those that stay keep their time.
    pub(in crate::switch) fn set_paths(
        &mut self,
        address: u64,
        known: &[Path],
        paths: &mut PathTable,
    ) {
        let peer = self.entry(address);
        let before = std::mem::take(&mut peer.slots);
        for path in known {
            paths.install(*path);
            let old = before.iter().find(|slot| slot.path == *path);
            peer.slots.push(Slot {
                path: *path,
                received_at: old.map_or(0, |slot| slot.received_at),
                heard_at: old.map_or(0, |slot| slot.heard_at),
                moved: old.is_some_and(|slot| slot.moved),
            });
        }
        for slot in &before {
            paths.release(&slot.path);
        }
        self.forget_if_empty(address);
    }

    /// Forget a peer: its session, its route and its paths.
    pub(in crate::switch) fn remove(&mut self, address: u64, paths: &mut PathTable) {
        if let Some(mut peer) = self.peers.remove(&address) {
            peer.stamp_route(paths);
            for slot in &peer.slots {
                paths.release(&slot.path);
            }
        }
    }

    fn forget_if_empty(&mut self, address: u64) {
        if self.peers.get(&address).is_some_and(Peer::is_empty) {
            self.peers.remove(&address);
        }
    }

    /// An authentic packet of this peer came, with so many bytes if it carries a frame.
    pub(in crate::switch) fn received(
        &mut self,
        address: u64,
        path: &Path,
        hops: u8,
        bytes: usize,
        now: u64,
    ) {
        let Some(peer) = self.touch(address) else { return };
        peer.activity.received_at = now;
        peer.activity.received_bytes += bytes as u64;
        if hops > 0 {
            peer.activity.relayed_received_at = now;
        } else if let Some(slot) = peer.slot(path) {
            slot.received_at = now;
            slot.heard_at = now;
            slot.moved = true;
        }
    }

    /// An authentic packet of this peer came that is for the engines to judge: it may be an old one.
    pub(in crate::switch) fn heard(&mut self, address: u64, path: &Path, hops: u8, now: u64) {
        let peer = self.peers.get_mut(&address).filter(|_| hops == 0);
        if let Some(slot) = peer.and_then(|peer| peer.slot(path)) {
            slot.heard_at = now;
        }
    }

    /// Whether a datagram that came by this path and says that it is this peer's may be believed, though it
    /// cannot be opened: it came where the peer itself was heard lately.
    pub(in crate::switch) fn is_at(&mut self, address: u64, path: &Path, now: u64) -> bool {
        let slot = self.peers.get_mut(&address).and_then(|peer| peer.slot(path));
        slot.is_some_and(|slot| {
            if slot.heard_at == 0 {
                // It was installed since a packet came by it that went up.
                slot.heard_at = now;
            }
            now.saturating_sub(slot.heard_at) < HEARD_MS
        })
    }

    /// What a peer may still ask of the engines.
    pub(in crate::switch) fn ration(&mut self, address: u64) -> Option<&mut Ration> {
        Some(self.peers.get_mut(&address)?.ration.get_or_insert_default())
    }

    /// A frame of this peer was accepted.
    pub(in crate::switch) fn accepted_frame(&mut self, address: u64, now: u64) {
        if let Some(peer) = self.touch(address) {
            peer.activity.frame_received_at = now;
            peer.activity.trusted_at = now;
        }
    }

    /// A packet of so many bytes was sent to this peer by its route.
    pub(in crate::switch) fn sent(&mut self, address: u64, bytes: usize, now: u64) {
        if let Some(peer) = self.touch(address) {
            peer.activity.sent_at = now;
            peer.activity.sent_bytes += bytes as u64;
            peer.went_out_at = now;
        }
    }

    /// A packet of somebody else was sent to this peer by its route.
    pub(in crate::switch) fn relayed(&mut self, address: u64, now: u64) {
        if let Some(peer) = self.list(address) {
            peer.went_out_at = now;
        }
    }

    /// Whether to report that this peer used a path it is not known by: at most once a second.
    pub(in crate::switch) fn is_new_path(&mut self, address: u64, path: &Path, now: u64) -> bool {
        let Some(peer) = self.peers.get_mut(&address) else { return false };
        let known = peer.slots.iter().any(|slot| slot.path == *path);
        let due = peer.new_path_at.is_none_or(|at| now.saturating_sub(at) >= NEW_PATH_MS);
        if !known && due {
            peer.new_path_at = Some(now);
        }
        !known && due
    }

    fn touch(&mut self, address: u64) -> Option<&mut Peer> {
        let peer = self.list(address)?;
        peer.moved = true;
        Some(peer)
    }

    fn list(&mut self, address: u64) -> Option<&mut Peer> {
        let peer = self.peers.get_mut(&address)?;
        if !std::mem::replace(&mut peer.listed, true) {
            self.listed.push(address);
        }
        Some(peer)
    }

    /// What moved since the last call; paths learn what went out by them.
    pub(in crate::switch) fn take_activity(
        &mut self,
        paths: &mut PathTable,
    ) -> (Vec<PeerActivity>, Vec<SlotActivity>) {
        let (mut sessions, mut slots) = (Vec::with_capacity(self.listed.len()), Vec::new());
        for address in self.listed.drain(..) {
            let Some(peer) = self.peers.get_mut(&address) else { continue };
            if !std::mem::take(&mut peer.listed) {
                continue;
            }
            peer.stamp_route(paths);
            if !std::mem::take(&mut peer.moved) {
                continue;
            }
            sessions.push(peer.activity);
            peer.activity.received_bytes = 0;
            peer.activity.sent_bytes = 0;
            let moved = peer.slots.iter_mut().filter(|slot| slot.moved);
            slots.extend(moved.map(|slot| {
                slot.moved = false;
                (address, slot.path, slot.received_at)
            }));
        }
        (sessions, slots)
    }
}
