//! Which datagrams may leave together: runs of one size.

use std::net::SocketAddr;

use earthline_core::packet::{FLAG_FRAGMENTED, FLAGS, FRAGMENT_INDICATOR, SOURCE};

/// Packets whose heads go before all of their tails: a quarter of what a stock peer keeps under assembly, for
/// it may hear several nodes at a time.
const MAX_PAIRS: usize = 8;

/// Put packets of two pieces with different lengths in such an order that pieces of one length follow one
/// another: the heads of a few packets, then their tails. Nothing else moves.
pub(crate) fn pair_up(datagrams: &mut [&[u8]], to: &[SocketAddr]) {
    let mut at = 0;
    while at + 1 < datagrams.len() {
        let pairs = like_pairs(&datagrams[at..], to.get(at..).unwrap_or_default());
        if pairs > 1 {
            let (heads_first, mut ordered) =
                (&mut datagrams[at..at + 2 * pairs], [&[][..]; 2 * MAX_PAIRS]);
            for (index, pair) in heads_first.chunks_exact(2).enumerate() {
                (ordered[index], ordered[pairs + index]) = (pair[0], pair[1]);
            }
            heads_first.copy_from_slice(&ordered[..2 * pairs]);
        }
        at += 2 * pairs.max(1) - usize::from(pairs == 0);
    }
}

/// How many packets at the front consist of a head and a tail of the same two lengths, which differ.
fn like_pairs(datagrams: &[&[u8]], to: &[SocketAddr]) -> usize {
    let ([head, tail, ..], [first, ..]) = (datagrams, to) else { return 0 };
    if head.len() == tail.len() {
        return 0;
    }
    let is_like = |(pair, to): &(&[&[u8]], &[SocketAddr])| {
        pair[0].len() == head.len()
            && pair[1].len() == tail.len()
            && to == &[*first; 2]
            && is_head(pair[0])
            && is_fragment(pair[1])
    };
    datagrams.chunks_exact(2).zip(to.chunks_exact(2)).take(MAX_PAIRS).take_while(is_like).count()
}

fn is_fragment(datagram: &[u8]) -> bool {
    datagram.get(SOURCE) == Some(&FRAGMENT_INDICATOR)
}

fn is_head(datagram: &[u8]) -> bool {
    !is_fragment(datagram) && datagram.get(FLAGS).is_some_and(|flags| flags & FLAG_FRAGMENTED != 0)
}
