//! What cutting and joining a packet costs (01, 4).

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use earthline_core::fragment::{Reassembler, Source, split};
use earthline_core::packet::{Datagram, header, mark_fragmented};

fn plain(size: usize) -> Vec<u8> {
    let mut packet = header(0x0102_0304_0506_0708, 0x91_9f74_2684, 0x62_127e_89a9, 0x06).to_vec();
    packet.resize(size, 0x5a);
    packet
}

fn pieces(c: &mut Criterion) {
    let mut packet = plain(2848);
    mark_fragmented(&mut packet);
    let mut places = Vec::new();
    assert_eq!(split(&mut packet, 0, 1432, |place| places.push(place)), Ok(()));
    let mut datagrams: Vec<_> = places.into_iter().map(|place| packet[place].to_vec()).collect();
    let mut buffer = Reassembler::new(32);
    let source = Source { holder: 7, known: true };
    let mut id: u64 = 0;
    c.bench_function("reassemble 2848", |b| {
        b.iter(|| {
            id += 1;
            for datagram in &mut datagrams {
                datagram[..8].copy_from_slice(&id.to_be_bytes());
                let whole = match Datagram::classify(datagram) {
                    Datagram::Head(_) => buffer.accept_head(datagram, (), source, 0).is_some(),
                    Datagram::Fragment(fragment) => {
                        buffer.accept_fragment(fragment, source, 0).is_some()
                    }
                    _ => false,
                };
                black_box(whole);
            }
        });
    });
}

criterion_group!(benches, pieces);
criterion_main!(benches);
