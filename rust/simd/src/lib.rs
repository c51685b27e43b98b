//! What touches every byte of a packet, at the width of the processor, chosen at run time (01, 3.5, 3.6).
//!
//! | module | owns |
//! |---|---|
//! | [`gmac_siv`] | AES-GMAC-SIV over a body: suite 3 |
//! | [`salsa`] | Salsa20 keystreams: suite 1, the tail of HELLO, the memory-hard hash |
//! | [`poly1305`] | the MAC of suites 0 and 1 |
//! | [`internet`] | the sum of the Internet checksum |
//! | [`cache`] | memory that is asked for before it is needed |
//!
//! Each has one kernel, generic over the width of a vector, beside a portable form that the tests hold
//! it against. A [`Backend`] says which of them runs.
//!
//! Unsafe code stands only where it must: the methods that wrap an instruction, and the calls into
//! code compiled for processors that have it. All of them take a *token*, a value that exists only
//! where the processor was asked and has the features. The kernels themselves are safe code.

#![cfg_attr(
    target_arch = "x86_64",
    allow(clippy::inline_always, reason = "kernels must end up in the function with the features")
)]
#![warn(clippy::undocumented_unsafe_blocks)]

mod backend;
pub mod cache;
#[cfg(target_arch = "x86_64")]
#[macro_use]
mod cpu;
pub mod gmac_siv;
pub mod internet;
pub mod poly1305;
pub mod salsa;

pub use backend::Backend;
