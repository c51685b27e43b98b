//! Pieces of packets in any order, of peers and strangers: bounded, and whole packets as they were cut.

#![no_main]

use arbitrary::Arbitrary;
use earthline_core::fragment::{Reassembler, Source, split, stranger_slots};
use earthline_core::packet::{Datagram, MAX_PACKET, header, mark_fragmented};
use libfuzzer_sys::fuzz_target;

const SLOTS: usize = 4;
/// An honest packet is cut into datagrams of so many bytes, or a little more.
const SIZE: usize = 64;

#[derive(Debug, Arbitrary)]
enum Step {
    /// A datagram of anybody.
    Any { datagram: Vec<u8>, holder: u8, known: bool },
    /// A piece of an honest packet: which packet, how long, which piece.
    Honest { packet: u8, length: u8, piece: u8, holder: u8, known: bool },
    /// Time goes by, in ms.
    Later(u16),
}

fuzz_target!(|steps: Vec<Step>| {
    let mut buffer = Reassembler::new(SLOTS);
    let (mut now, most) = (1, (SLOTS + stranger_slots(SLOTS)) * MAX_PACKET);
    for step in steps {
        match step {
            Step::Any { datagram, holder, known } => {
                let _ = accept(&mut buffer, &datagram, source(holder, known), now);
            }
            Step::Honest { packet, length, piece, holder, known } => {
                let pieces = cut(packet, length);
                let datagram = &pieces[usize::from(piece) % pieces.len()];
                let _ = accept(&mut buffer, datagram, source(holder, known), now);
            }
            Step::Later(by) => now += u64::from(by),
        }
        assert!(buffer.bytes() <= most);
    }
    // Whatever was there before, an honest packet of a peer comes through whole, head first.
    let pieces = cut(0, 99);
    if pieces.len() > 1 {
        now += 10_000;
        let mut whole = None;
        for piece in &pieces {
            whole = accept(&mut buffer, piece, source(0, true), now);
        }
        assert_eq!(whole, Some(packet(0, 99)));
    }
});

fn source(holder: u8, known: bool) -> Source {
    Source { holder: u64::from(holder), known }
}

fn packet(number: u8, length: u8) -> Vec<u8> {
    let mut packet = header(u64::from(number), 1, 2, 6).to_vec();
    packet.extend((0..usize::from(length) * 2).map(|at| at as u8 ^ number));
    mark_fragmented(&mut packet);
    packet
}

/// An honest packet in pieces.
fn cut(number: u8, length: u8) -> Vec<Vec<u8>> {
    let mut bytes = packet(number, length);
    let mut places = Vec::new();
    let size = SIZE.max(bytes.len() / 4);
    assert!(split(&mut bytes, 0, size, |place| places.push(place)).is_ok());
    places.into_iter().map(|place| bytes[place].to_vec()).collect()
}

/// Feed a datagram; the packet, if it is whole.
fn accept(
    buffer: &mut Reassembler<()>,
    datagram: &[u8],
    source: Source,
    now: u64,
) -> Option<Vec<u8>> {
    let whole = match Datagram::classify(datagram) {
        Datagram::Fragment(fragment) => buffer.accept_fragment(fragment, source, now),
        _ => buffer.accept_head(datagram, (), source, now),
    }?;
    assert!(whole.packet.len() <= MAX_PACKET);
    Some(whole.packet.clone())
}
