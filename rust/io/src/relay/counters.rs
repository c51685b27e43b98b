//! What a relay counts, by name.

use std::sync::atomic::{AtomicU64, Ordering};

/// Something that is counted.
#[derive(Clone, Copy)]
pub(super) enum Count {
    /// Connections accepted.
    Connections,
    /// Datagrams that went on by UDP.
    ToUdp,
    /// Datagrams that went on to a client.
    ToTcp,
    /// Connections closed for a new one, since there are enough: of this source, or altogether.
    DropFull,
    /// Connections closed, since they speak something else.
    DropProtocol,
    /// Connections closed, since they did not greet in time.
    DropSilent,
    /// Datagrams to where a relay does not send.
    DropDestination,
    /// Datagrams from where a relay takes none.
    DropSource,
    /// Datagrams to somebody who does not answer, beyond what a greeting takes.
    DropUnanswered,
    /// Datagrams too short or too long.
    DropSize,
    /// Datagrams that found the queue to their client full.
    DropQueue,
    /// Datagrams the kernel refused.
    DropUdp,
}

const NAMES: [&str; 12] = [
    "tcp_relay_connections",
    "tcp_relay_to_udp",
    "tcp_relay_to_tcp",
    "drop_tcp_relay_full",
    "drop_tcp_relay_protocol",
    "drop_tcp_relay_silent",
    "drop_tcp_relay_destination",
    "drop_tcp_relay_source",
    "drop_tcp_relay_unanswered",
    "drop_tcp_relay_size",
    "drop_tcp_relay_queue",
    "drop_tcp_relay_udp",
];

#[derive(Default)]
pub(super) struct Counts([AtomicU64; NAMES.len()]);

impl Counts {
    pub(super) fn add(&self, count: Count) {
        self.0[count as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Vec<(&'static str, u64)> {
        let values = self.0.iter().map(|value| value.load(Ordering::Relaxed));
        NAMES.into_iter().zip(values).collect()
    }
}
