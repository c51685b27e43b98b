//! Whether the internet still answers by UDP (02, 8.3).
//!
//! Here it is only noted when it was asked. What is an answer is not to be seen from a datagram: anybody can
//! send one, from any address. The engine knows, by the ID of a question of ours in an authentic packet.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::scope;

/// Fewer bytes are no packet.
pub(crate) const MIN_PACKET: usize = 16;

/// When something was sent first that nobody has answered since.
#[derive(Default)]
pub(crate) struct Reach {
    /// In ms; 0: nothing was sent that is not answered.
    unanswered_since: AtomicU64,
}

impl Reach {
    /// A question of ours was answered.
    pub(crate) fn answered(&self) {
        self.unanswered_since.store(0, Ordering::Relaxed);
    }

    /// Something was sent.
    pub(crate) fn asked(&self, now: u64) {
        let _ =
            self.unanswered_since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(crate) fn unanswered_since(&self) -> u64 {
        self.unanswered_since.load(Ordering::Relaxed)
    }
}

/// Whether a datagram is one that counts as sent, and that a tunnel carries.
pub(crate) fn goes_far(datagram: &[u8], to: SocketAddr) -> bool {
    match to.ip() {
        IpAddr::V4(ip) => datagram.len() >= MIN_PACKET && scope::is_global_v4(ip),
        IpAddr::V6(_) => false,
    }
}
