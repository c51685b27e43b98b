//! Cutting and joining packets (01, 4; 02, 4.2).

use earthline_core::fragment::{LIFETIME_MS, Reassembler, Source, TooManyPieces, pieces, split};
use earthline_core::packet::{Datagram, MAX_PACKET, header, increment_hops, mark_fragmented};

/// A packet of this length whose bytes differ, cut at the MTU.
fn cut(packet_id: u64, length: usize, mtu: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut packet = header(packet_id, 1, 2, 6).to_vec();
    packet.extend((packet.len()..length).map(|index| (index * 31 % 251) as u8));
    if length > mtu {
        mark_fragmented(&mut packet);
    }
    let (mut buffer, mut ranges) = (b"before".to_vec(), Vec::new());
    buffer.extend_from_slice(&packet);
    assert_eq!(split(&mut buffer, 6, mtu, |range| ranges.push(range)), Ok(()));
    assert!(buffer.starts_with(b"before"));
    (packet, ranges.into_iter().map(|range| buffer[range].to_vec()).collect())
}

/// Where the pieces of an honest peer come from.
const PEER: Source = Source { holder: 1, known: true };

fn feed(buffer: &mut Reassembler<u8>, datagram: &[u8], tag: u8, now: u64) -> Option<(Vec<u8>, u8)> {
    feed_from(PEER, buffer, datagram, tag, now)
}

fn feed_from(
    source: Source,
    buffer: &mut Reassembler<u8>,
    datagram: &[u8],
    tag: u8,
    now: u64,
) -> Option<(Vec<u8>, u8)> {
    let assembled = match Datagram::classify(datagram) {
        Datagram::Head(_) => buffer.accept_head(datagram, tag, source, now),
        Datagram::Fragment(fragment) => buffer.accept_fragment(fragment, source, now),
        Datagram::Beacon(_) | Datagram::Noise => None,
    };
    assembled.map(|assembled| (assembled.packet.clone(), assembled.tag))
}

/// A fragment of 17 bytes of a packet that nobody sent, or its head of 28.
fn forged(packet_id: u64, is_head: bool) -> Vec<u8> {
    let (_, mut datagrams) = cut(packet_id | 1 << 63, 2000, 1432);
    let mut datagram = datagrams.remove(usize::from(!is_head));
    datagram.truncate(if is_head { 28 } else { 17 });
    datagram
}

/// Whether a packet of two pieces from here is whole in the end, if all of these come between them.
fn survives(victim: Source, flood: impl Iterator<Item = (Source, bool)>) -> bool {
    let mut buffer = Reassembler::new(32);
    let (packet, datagrams) = cut(7, 2000, 1432);
    assert!(feed_from(victim, &mut buffer, &datagrams[0], 5, 0).is_none());
    for (number, (source, is_head)) in flood.enumerate() {
        assert!(
            feed_from(source, &mut buffer, &forged(number as u64, is_head), 0, 0).is_none(),
            "number {number}"
        );
    }
    feed_from(victim, &mut buffer, &datagrams[1], 0, 0) == Some((packet, 5))
}

#[test]
fn forged_pieces_of_strangers_cost_no_peer_a_packet() {
    for is_head in [false, true] {
        let one = Source { holder: 9, known: false };
        assert!(survives(PEER, (0..10_000).map(|_| (one, is_head))));
        let many = (0..10_000).map(|holder| (Source { holder, known: false }, is_head));
        assert!(survives(PEER, many));
    }
}

#[test]
fn forged_fragments_cost_nobody_a_packet_whose_head_is_here() {
    for known in [false, true] {
        let victim = Source { holder: 1, known };
        assert!(survives(victim, (0..10_000).map(|_| (victim, false))), "from its own address");
        let many = (0..10_000).map(|holder| (Source { holder, known }, false));
        assert!(survives(victim, many), "known {known}");
    }
}

#[test]
fn one_holder_that_begins_packets_costs_no_other_holder_any() {
    for known in [false, true] {
        let victim = Source { holder: 1, known };
        let busy = Source { holder: 2, known };
        assert!(survives(victim, (0..10_000).map(|_| (busy, true))), "known {known}");
    }
}

#[test]
fn fragment_that_came_before_its_head_survives_who_holds_more() {
    let (packet, datagrams) = cut(7, 2000, 1432);
    let mut buffer = Reassembler::new(32);
    assert!(feed(&mut buffer, &datagrams[1], 0, 0).is_none());
    for number in 0..10_000 {
        let busy = Source { holder: 2, known: true };
        feed_from(busy, &mut buffer, &forged(number, number % 2 == 0), 0, 0);
    }
    assert_eq!(feed(&mut buffer, &datagrams[0], 5, 0), Some((packet, 5)));
}

#[test]
fn stranger_neither_completes_nor_spoils_a_packet_of_a_peer() {
    let (packet, datagrams) = cut(7, 2000, 1432);
    let mut buffer = Reassembler::new(32);
    let stranger = Source { holder: 9, known: false };
    let mut lie = datagrams[1].clone();
    lie[20] ^= 1;
    assert!(feed(&mut buffer, &datagrams[0], 5, 0).is_none());
    assert!(feed_from(stranger, &mut buffer, &lie, 0, 0).is_none());
    // The lie is where a peer's path that has just become known is looked for, but after its own packet.
    assert_eq!(feed(&mut buffer, &datagrams[1], 0, 0), Some((packet, 5)));
}

#[test]
fn pieces_by_several_paths_of_a_peer_join() {
    let (packet, datagrams) = cut(7, 2849, 1432);
    let mut buffer = Reassembler::new(32);
    let out: Vec<_> = [0, 1, 2, 0, 1, 2]
        .iter()
        .enumerate()
        .filter_map(|(number, index)| {
            let path = Source { holder: number as u64, known: true };
            feed_from(path, &mut buffer, &datagrams[*index], 0, 0)
        })
        .collect();
    assert_eq!(out, [(packet, 0)]);
}

#[test]
fn packet_is_whole_though_its_path_became_known_between_its_pieces() {
    let (packet, datagrams) = cut(7, 2000, 1432);
    let mut buffer = Reassembler::new(32);
    let before = Source { known: false, ..PEER };
    assert!(feed_from(before, &mut buffer, &datagrams[0], 5, 0).is_none());
    assert_eq!(feed(&mut buffer, &datagrams[1], 0, 0), Some((packet, 5)));
}

#[test]
fn pieces_join_in_any_order() {
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        let (packet, datagrams) = cut(7, 5036, 1432);
        let mut buffer = Reassembler::new(32);
        let mut out = Vec::new();
        for index in order {
            out.extend(feed(&mut buffer, &datagrams[index], index as u8, 0));
        }
        assert_eq!(out, [(packet, 0)], "the tag is the head's");
    }
}

#[test]
fn duplicates_neither_disturb_nor_deliver_again() {
    let (packet, datagrams) = cut(7, 2849, 1432);
    let mut buffer = Reassembler::new(32);
    let order = [0, 0, 2, 2, 1, 0, 1, 2, 0];
    let out: Vec<_> =
        order.iter().filter_map(|i| feed(&mut buffer, &datagrams[*i], 0, 0)).collect();
    assert_eq!(out, [(packet, 0)]);
}

#[test]
fn pieces_expire() {
    let (_, datagrams) = cut(7, 2849, 1432);
    let mut buffer = Reassembler::new(32);
    assert!(feed(&mut buffer, &datagrams[0], 0, 0).is_none());
    assert!(feed(&mut buffer, &datagrams[1], 0, 0).is_none());
    assert!(feed(&mut buffer, &datagrams[2], 0, LIFETIME_MS + 1).is_none());
}

#[test]
fn the_oldest_packet_makes_room_for_a_new_one() {
    let mut buffer = Reassembler::new(2);
    let cuts: Vec<_> = (0..3).map(|id| cut(id, 2000, 1432)).collect();
    for (_, datagrams) in &cuts {
        assert!(feed(&mut buffer, &datagrams[0], 0, 0).is_none());
    }
    assert!(feed(&mut buffer, &cuts[1].1[1], 0, 0).is_some());
    assert!(feed(&mut buffer, &cuts[2].1[1], 0, 0).is_some());
    assert!(feed(&mut buffer, &cuts[0].1[1], 0, 0).is_none());
}

#[test]
fn more_than_the_largest_packet_never_comes_out() {
    let (packet, mut datagrams) = cut(7, MAX_PACKET, 2000);
    let whole = |datagrams: &[Vec<u8>]| {
        let mut buffer = Reassembler::new(32);
        datagrams.iter().find_map(|datagram| feed(&mut buffer, datagram, 0, 0))
    };
    assert_eq!(whole(&datagrams), Some((packet, 0)));
    if let Some(last) = datagrams.last_mut() {
        last.push(0);
    }
    assert_eq!(whole(&datagrams), None);
}

#[test]
fn impossible_piece_numbers_are_ignored() {
    let (_, datagrams) = cut(7, 2000, 1432);
    for numbers in [0x00, 0x10, 0x11, 0x20, 0x22, 0x27, 0x81, 0xf1] {
        let mut buffer = Reassembler::new(32);
        let mut fragment = datagrams[1].clone();
        fragment[14] = numbers;
        assert!(feed(&mut buffer, &datagrams[0], 0, 0).is_none());
        assert!(feed(&mut buffer, &fragment, 0, 0).is_none(), "{numbers:02x}");
        assert!(feed(&mut buffer, &datagrams[1], 0, 0).is_some(), "{numbers:02x} left no trace");
    }
}

#[test]
fn sizes_are_counted_before_anything_is_cut() {
    assert_eq!(pieces(1432, 1432), Ok(1));
    assert_eq!(pieces(1433, 1432), Ok(2));
    assert_eq!(pieces(9928, 1432), Ok(7));
    assert_eq!(pieces(MAX_PACKET, 1432), Ok(8));
    assert_eq!(pieces(MAX_PACKET, 600), Err(TooManyPieces));
    assert_eq!(pieces(100, 16), Err(TooManyPieces));
    assert_eq!(pieces(100, 0), Err(TooManyPieces));
}

#[test]
fn hops_count_modulo_eight_and_leave_the_rest() {
    let (_, mut datagrams) = cut(7, 2000, 1432);
    datagrams[0][18] = 0xff;
    datagrams[1][15] = 0xc7;
    let before = datagrams.clone();
    for datagram in &mut datagrams {
        increment_hops(datagram);
    }
    assert_eq!((datagrams[0][18], datagrams[1][15]), (0xf8, 0x00));
    datagrams[0][18] = before[0][18];
    datagrams[1][15] = before[1][15];
    assert_eq!(datagrams, before);
}
