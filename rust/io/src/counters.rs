//! What the I/O counts, by name.

use std::sync::atomic::{AtomicU64, Ordering};

/// Something that is counted.
#[derive(Clone, Copy)]
pub(crate) enum Counter {
    /// Datagrams received.
    UdpRx,
    /// Datagrams sent.
    UdpTx,
    /// Bytes in them.
    UdpRxBytes,
    /// Bytes in datagrams given to the kernel.
    UdpTxBytes,
    /// Frames read from TAP devices.
    TapRx,
    /// Frames written to TAP devices.
    TapTx,
    /// Datagrams longer than any packet.
    DropTruncated,
    /// Datagrams the kernel refused.
    DropUdpSend,
    /// Datagrams for a socket that is not there.
    DropSocket,
    /// Datagrams for where the socket's device does not lead.
    DropNoRoute,
    /// Frames that do not hold what the kernel says of them.
    DropTapRead,
    /// Frames the kernel refused, as it does while a device is down.
    DropTapWrite,
    /// Datagrams that came by the TCP tunnel.
    TunnelRx,
    /// Datagrams given to the TCP tunnel.
    TunnelTx,
    /// Bytes in those that came by it.
    TunnelRxBytes,
    /// Bytes in those it took.
    TunnelTxBytes,
    /// Datagrams that found its queue full.
    DropTunnelQueue,
}

const NAMES: [&str; 17] = [
    "udp_rx",
    "udp_tx",
    "udp_rx_bytes",
    "udp_tx_bytes",
    "tap_rx",
    "tap_tx",
    "drop_truncated",
    "drop_udp_send",
    "drop_socket",
    "drop_no_route",
    "drop_tap_read",
    "drop_tap_write",
    "tunnel_rx",
    "tunnel_tx",
    "tunnel_rx_bytes",
    "tunnel_tx_bytes",
    "drop_tunnel_queue",
];

#[derive(Default)]
pub(crate) struct Counters([AtomicU64; NAMES.len()]);

impl Counters {
    pub(crate) fn add(&self, counter: Counter, number: usize) {
        if number != 0 {
            self.0[counter as usize].fetch_add(number as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> Vec<(&'static str, u64)> {
        let values = self.0.iter().map(|value| value.load(Ordering::Relaxed));
        NAMES.into_iter().zip(values).collect()
    }
}
