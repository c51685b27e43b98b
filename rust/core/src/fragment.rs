//! Cutting an armoured packet into datagrams, and the bounded buffer that joins them (01, 4; 02, 4.2).

use crate::packet::{
    DESTINATION, FRAGMENT_HEADER_LENGTH, FRAGMENT_INDICATOR, FRAGMENT_HOPS, Fragment, Head,
    MAX_PACKET, MAX_PIECES, SOURCE,
};

/// Slots of the reassembly buffer of a node.
pub const DEFAULT_SLOTS: usize = 32;
/// How long an incomplete packet waits for its pieces, in milliseconds.
pub const LIFETIME_MS: i64 = 5000;
/// The total and the number of a piece are four bits each.
const MAX_TOTAL: usize = 15;

/// How a packet does not fit into datagrams of this size: our misuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPieces;

/// How many datagrams a packet of `length` bytes takes at this MTU, its head included; an error if the
/// format cannot number them. Receivers accept no more than [`MAX_PIECES`].
pub fn pieces(length: usize, mtu: usize) -> Result<usize, TooManyPieces> {
    if length <= mtu {
        return Ok(1);
    }
    let room = mtu.checked_sub(FRAGMENT_HEADER_LENGTH).filter(|room| *room > 0 && mtu > SOURCE);
    let total = 1 + (length - mtu).div_ceil(room.ok_or(TooManyPieces)?);
    if total <= MAX_TOTAL { Ok(total) } else { Err(TooManyPieces) }
}

/// Cut an armoured packet, whose fragmented flag was set as needed, and hand each datagram to `emit` as
/// (head, data): the packet's own first bytes with nothing, then fragment headers with their data.
pub fn split(packet: &[u8], mtu: usize, mut emit: impl FnMut(&[u8], &[u8])) -> Result<(), TooManyPieces> {
    let total = pieces(packet.len(), mtu)?;
    let (head, rest) = packet.split_at(mtu.min(packet.len()));
    emit(head, &[]);
    if total == 1 {
        return Ok(());
    }
    let mut header = [0; FRAGMENT_HEADER_LENGTH];
    header[..SOURCE].copy_from_slice(head.get(..SOURCE).ok_or(TooManyPieces)?);
    header[SOURCE] = FRAGMENT_INDICATOR;
    header[FRAGMENT_HOPS] = 0;
    for (index, data) in rest.chunks(mtu - FRAGMENT_HEADER_LENGTH).enumerate() {
        header[SOURCE + 1] = (total << 4 | (index + 1)) as u8;
        emit(&header, data);
    }
    Ok(())
}
