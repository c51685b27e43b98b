//! How fast packets are sealed and opened in each suite, by each backend of this machine (01, 3.4).
//!
//! Prints lines of JSON in GB/s, the best of many short runs: other work on the machine only ever slows
//! one down. The packets of a run fit the first cache.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use earthline_core::keys::SessionKeys;
use earthline_core::packet::header;
use earthline_simd::Backend;

const SIZES: [usize; 4] = [64, 1400, 2800, 8000];
const SUITES: [u8; 3] = [0, 1, 3];
/// Bytes of the packets of a run.
const RUN: usize = 24_000;
const RUNS: usize = 2000;

fn main() {
    for backend in Backend::all() {
        let keys = SessionKeys::with_backend(&std::array::from_fn(|index| index as u8), backend);
        for suite in SUITES {
            for size in SIZES {
                let (seal, open) = measure(&keys, suite, size);
                println!(
                    "{{\"backend\": \"{backend}\", \"suite\": {suite}, \"size\": {size}, \
                     \"seal_gbps\": {seal:.3}, \"open_gbps\": {open:.3}}}"
                );
            }
        }
    }
}

/// GB/s of sealing and of opening.
fn measure(keys: &SessionKeys, suite: u8, size: usize) -> (f64, f64) {
    let mut packet = header(0x0102_0304_0506_0708, 0x91_9f74_2684, 0x62_127e_89a9, 0x06).to_vec();
    packet.resize(size, 0x5a);
    let mut packets = vec![packet; RUN.div_ceil(size)];
    let (mut seal, mut open) = (Duration::MAX, Duration::MAX);
    for _ in 0..RUNS {
        let started = Instant::now();
        for packet in &mut packets {
            assert_eq!(keys.seal(black_box(packet), suite), Ok(()));
        }
        seal = seal.min(started.elapsed());
        let started = Instant::now();
        for packet in &mut packets {
            assert_eq!(keys.open(black_box(packet)), Ok(()));
        }
        open = open.min(started.elapsed());
    }
    (rate(packets.len() * size, seal), rate(packets.len() * size, open))
}

#[allow(clippy::cast_precision_loss, reason = "few bytes")]
fn rate(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64() / 1e9
}
