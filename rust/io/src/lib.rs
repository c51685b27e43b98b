//! Batched UDP and TAP input and output on Linux: a [`Driver`] bolts a switch to sockets and TAP devices.
//!
//! | module | owns |
//! |---|---|
//! | [`driver`] | the ports, the I/O thread, and what Python asks of them |
//! | [`worker`] | one thread's loop: wait, read a batch, switch it, send a batch |
//! | [`udp`] | a bound UDP socket, and batches of datagrams in and out |
//! | [`runs`] | which datagrams may leave together |
//! | [`tap`] | a TAP device, and batches of frames |
//! | [`offload`] | what is left to the kernel |
//! | [`punts`] | the bounded queue of punts |
//! | [`sys`] | system calls without a safe wrapper: all the unsafe code there is |

#![deny(unsafe_code)]

mod counters;
mod driver;
mod offload;
mod punts;
mod runs;
mod sys;
mod tap;
mod udp;
mod worker;

pub use driver::Driver;
pub use offload::Offload;
