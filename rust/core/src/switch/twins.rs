//! Twins: a switch for each thread that moves packets. All have the same tables, so that a flow of packets
//! needs nothing but the twin of its thread, and no lock that another thread would hold.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::parts::{Activity, Switch};
use crate::punts::PuntQueue;
use crate::switch::networks::common::Commons;
use crate::switch::networks::refused::{self, Refused};

/// The switches of one node, at least one. Tables are written to all of them.
pub struct Twins(Box<[Mutex<Switch>]>);

impl Twins {
    /// For the node with this address; each draws packet IDs of its own from the seed.
    pub fn new(address: u64, seed: &[u8; 32], count: usize) -> Self {
        let commons = Commons::default();
        let twin = |number: usize| {
            let mut own_seed = *seed;
            own_seed[31] ^= number as u8;
            Mutex::new(Switch::sharing(address, &own_seed, commons.clone()))
        };
        Self((0..count.clamp(1, Self::MAX)).map(twin).collect())
    }

    /// Most twins of a node.
    pub const MAX: usize = 64;

    /// A queue for what they have to say to the engines.
    pub fn punt_queue(&self) -> PuntQueue {
        PuntQueue::new(&self.of(0).keyed)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The twin of a thread, locked. The thread waits only while the host writes to the tables.
    pub fn of(&self, thread: usize) -> MutexGuard<'_, Switch> {
        // A panic poisons the lock; no call leaves a table half written, so the twin can go on being used.
        self.0[thread % self.0.len()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Do the same to all.
    pub fn each(&self, mut act: impl FnMut(&mut Switch)) {
        for number in 0..self.count() {
            act(&mut self.of(number));
        }
    }

    /// What moved since the last call in any of them.
    pub fn take_activity(&self) -> Activity {
        let mut activity = self.of(0).take_activity();
        for number in 1..self.count() {
            activity.extend(self.of(number).take_activity());
        }
        if self.count() > 1 {
            activity.merge();
        }
        activity
    }

    /// What the rules of a network refused in all of them.
    pub fn refused(&self, network: u64) -> Vec<Refused> {
        let mut sums = Vec::new();
        self.each(|switch| switch.add_refused(network, &mut sums));
        refused::listed(&sums)
    }

    /// Every counter by name, of all together.
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        let mut sums: Vec<_> = self.of(0).counters().collect();
        for number in 1..self.count() {
            for (sum, (_, value)) in sums.iter_mut().zip(self.of(number).counters()) {
                sum.1 += value;
            }
        }
        sums
    }
}

impl Activity {
    fn extend(&mut self, other: Self) {
        self.peers.extend(other.peers);
        self.slots.extend(other.slots);
        self.paths.extend(other.paths);
    }

    /// One entry for each peer, slot and path, with the latest of its times and the sum of its bytes.
    fn merge(&mut self) {
        self.peers.sort_unstable_by_key(|peer| peer.address);
        self.peers.dedup_by(|later, kept| {
            let is_same = later.address == kept.address;
            if is_same {
                kept.received_at = kept.received_at.max(later.received_at);
                kept.frame_received_at = kept.frame_received_at.max(later.frame_received_at);
                kept.relayed_received_at = kept.relayed_received_at.max(later.relayed_received_at);
                kept.trusted_at = kept.trusted_at.max(later.trusted_at);
                kept.sent_at = kept.sent_at.max(later.sent_at);
                kept.received_bytes += later.received_bytes;
                kept.sent_bytes += later.sent_bytes;
            }
            is_same
        });
        self.slots.sort_unstable_by_key(|(address, path, _)| (*address, *path));
        self.slots.dedup_by(|later, kept| {
            let is_same = (later.0, later.1) == (kept.0, kept.1);
            kept.2 = if is_same { kept.2.max(later.2) } else { kept.2 };
            is_same
        });
        self.paths.sort_unstable_by_key(|moved| moved.path);
        self.paths.dedup_by(|later, kept| {
            let is_same = later.path == kept.path;
            if is_same {
                kept.in_at = kept.in_at.max(later.in_at);
                kept.out_at = kept.out_at.max(later.out_at);
            }
            is_same
        });
    }
}
