//! What happens per packet, with no socket, clock or entropy of its own.
//!
//! | module | owns |
//! |---|---|
//! | [`identity`] | keys, the memory-hard address hash, signatures, key agreement (01, 2) |
//! | [`packet`] | layouts of packet heads and fragments, and their mutable bits (01, 1.5, 3.1, 4.1) |
//! | [`keys`] | cipher suites: seal and open a packet in place (01, 3.4-3.8) |
//! | [`compress`] | LZ4 payload compression (01, 3.11) |
//! | [`ethernet`] | Ethernet headers and the MACs of members (03, 1.2, 7) |
//! | [`fragment`] | cutting packets and the bounded reassembly buffer (01, 4) |
//! | [`offload`] | cutting and joining the super-frames of a kernel, and checksums |
//! | [`punts`] | the queue of what waits for the engines |
//! | [`rules`] | what a network's rule tables decide about a frame (03, 6) |
//! | [`switch`] | the passive per-packet engine that carries frames by installed tables |

#![forbid(unsafe_code)]

pub mod compress;
pub mod ethernet;
mod fair;
pub mod fragment;
pub mod identity;
pub mod keys;
pub mod offload;
pub mod packet;
pub mod punts;
pub mod rules;
pub mod switch;
