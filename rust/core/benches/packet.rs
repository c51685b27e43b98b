//! What sealing, opening, cutting and joining a packet costs (01, 3 and 4).

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use earthline_core::fragment::{Reassembler, split};
use earthline_core::keys::SessionKeys;
use earthline_core::packet::{Datagram, header, mark_fragmented};

const SIZES: [usize; 3] = [64, 1400, 2800];
const SUITES: [u8; 3] = [0, 1, 3];

fn plain(size: usize) -> Vec<u8> {
    let mut packet = header(0x0102_0304_0506_0708, 0x91_9f74_2684, 0x62_127e_89a9, 0x06).to_vec();
    packet.resize(size, 0x5a);
    packet
}

fn ciphers(c: &mut Criterion) {
    let keys = SessionKeys::new(&std::array::from_fn(|index| index as u8));
    for suite in SUITES {
        let mut group = c.benchmark_group(format!("suite {suite}"));
        for size in SIZES {
            group.throughput(Throughput::Bytes(size as u64));
            let mut packet = plain(size);
            // Sealing over and over changes the bytes, not the work.
            group.bench_function(format!("seal {size}"), |b| {
                b.iter(|| keys.seal(black_box(&mut packet), suite));
            });
            let mut sealed = plain(size);
            let sealing = keys.seal(&mut sealed, suite);
            assert_eq!(sealing, Ok(()));
            group.bench_function(format!("open {size}"), |b| {
                b.iter_batched_ref(
                    || sealed.clone(),
                    |packet| keys.open(packet),
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

fn pieces(c: &mut Criterion) {
    let mut packet = plain(2848);
    mark_fragmented(&mut packet);
    let mut places = Vec::new();
    assert_eq!(split(&mut packet, 0, 1432, |place| places.push(place)), Ok(()));
    let mut datagrams: Vec<_> = places.into_iter().map(|place| packet[place].to_vec()).collect();
    let mut buffer = Reassembler::new(32);
    let mut id: u64 = 0;
    c.bench_function("reassemble 2848", |b| {
        b.iter(|| {
            id += 1;
            for datagram in &mut datagrams {
                datagram[..8].copy_from_slice(&id.to_be_bytes());
                let whole = match Datagram::classify(datagram) {
                    Datagram::Head(_) => buffer.accept_head(datagram, (), 0).is_some(),
                    Datagram::Fragment(fragment) => buffer.accept_fragment(fragment, 0).is_some(),
                    _ => false,
                };
                black_box(whole);
            }
        });
    });
}

criterion_group!(benches, ciphers, pieces);
criterion_main!(benches);
