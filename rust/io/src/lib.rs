//! Batched UDP and TAP input and output on Linux: a [`Driver`] bolts a switch to sockets and TAP devices.
//!
//! | module | owns |
//! |---|---|
//! | [`clock`] | what time it is, for all of us |
//! | [`driver`] | the I/O threads, and what Python asks of them |
//! | [`ports`] | the sockets and devices that are open |
//! | [`worker`] | one thread's loop: wait, read a batch, switch it, send a batch |
//! | [`udp`] | a bound UDP socket, and batches of datagrams in and out |
//! | [`mark`], [`ways`] | what keeps datagrams out of our own devices, and off cables that lead nowhere |
//! | [`moderation`] | when it looks for more |
//! | [`runs`] | which datagrams may leave together |
//! | [`tap`] | a TAP device, and batches of frames |
//! | [`offload`] | what is left to the kernel |
//! | [`privileges`] | the capabilities the process keeps |
//! | [`punts`] | the bounded queue of punts |
//! | [`reach`], [`scope`] | whether the internet answers by UDP |
//! | [`tunnel`] | the TCP tunnel to a relay, where it does not |
//! | [`relay`] | such a relay, on a thread of its own |
//! | [`stream`], [`framing`], [`tls`] | a TCP stream and its records, in TLS or not |
//! | [`sys`] | system calls without a safe wrapper: all the unsafe code there is |

#![deny(unsafe_code)]

mod clock;
mod counters;
mod driver;
mod framing;
mod mark;
mod moderation;
mod offload;
mod ports;
pub mod privileges;
mod punts;
mod reach;
mod relay;
mod runs;
mod scope;
mod stream;
mod sys;
mod tap;
mod tls;
mod tunnel;
mod udp;
mod ways;
mod worker;

pub use clock::now_ms;
pub use driver::Driver;
#[cfg(fuzzing)]
pub use framing::hear;
pub use mark::Mark;
pub use offload::Offload;
pub use relay::{Relay, RelayOptions};
pub use tunnel::{TunnelPhase, TunnelReport};
