//! Cutting an armoured packet into datagrams, and the bounded buffer that joins them (01, 4; 02, 4.2).

mod reassembly;
mod slot;

use std::ops::Range;

use crate::packet::{
    FRAGMENT_HEADER_LENGTH, FRAGMENT_HOPS, FRAGMENT_INDICATOR, HEADER_LENGTH, SOURCE,
};

pub use reassembly::{Assembled, DEFAULT_SLOTS, Reassembler, Source, stranger_slots};
pub use slot::LIFETIME_MS;

/// The total and the number of a piece are four bits each.
const MAX_TOTAL: usize = 15;

/// How a packet does not fit into datagrams of this size: our misuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPieces;

/// How many datagrams a packet of `length` bytes takes at this MTU, its head included; an error if the
/// format cannot number them. Receivers accept no more than [`crate::packet::MAX_PIECES`].
pub fn pieces(length: usize, mtu: usize) -> Result<usize, TooManyPieces> {
    if length <= mtu {
        return Ok(1);
    }
    let room = mtu.checked_sub(FRAGMENT_HEADER_LENGTH).filter(|room| *room > 0 && mtu > SOURCE);
    let total = 1 + (length - mtu).div_ceil(room.ok_or(TooManyPieces)?);
    if total <= MAX_TOTAL { Ok(total) } else { Err(TooManyPieces) }
}

/// The size of datagrams that cuts a packet of `length` bytes into as many pieces as the MTU does, all of one
/// length but for the last, which may be a few bytes shorter. Not below the length of a packet's header.
pub fn even_size(length: usize, mtu: usize) -> Result<usize, TooManyPieces> {
    let total = pieces(length, mtu)?;
    let size = (length + (total - 1) * FRAGMENT_HEADER_LENGTH).div_ceil(total);
    Ok(size.max(HEADER_LENGTH).min(mtu))
}

/// By how many bytes a packet of `length` bytes is too long for pieces of one length.
pub fn surplus(length: usize, mtu: usize) -> Result<usize, TooManyPieces> {
    let total = pieces(length, mtu)?;
    Ok((length + (total - 1) * FRAGMENT_HEADER_LENGTH) % total)
}

/// Cut an armoured packet, whose fragmented flag was set as needed, where it stands: from `start` to the end
/// of the buffer, which grows by the headers of the fragments. Hands the place of each datagram to `emit`, in
/// order. On failure the buffer stays as it is.
pub fn split(
    buffer: &mut Vec<u8>,
    start: usize,
    size: usize,
    mut emit: impl FnMut(Range<usize>),
) -> Result<(), TooManyPieces> {
    let total = pieces(buffer.len().saturating_sub(start), size)?;
    if total == 1 {
        emit(start..buffer.len());
        return Ok(());
    }
    let mut header = [0; FRAGMENT_HEADER_LENGTH];
    let id = buffer.get(start..start + SOURCE).ok_or(TooManyPieces)?;
    header[..SOURCE].copy_from_slice(id);
    header[SOURCE] = FRAGMENT_INDICATOR;
    header[FRAGMENT_HOPS] = 0;
    let (room, end) = (size - FRAGMENT_HEADER_LENGTH, buffer.len());
    buffer.resize(end + (total - 1) * FRAGMENT_HEADER_LENGTH, 0);
    // From the last on, so that no piece is overwritten before it has moved.
    for number in (1..total).rev() {
        let from = start + size + (number - 1) * room;
        let to = start + number * size;
        buffer.copy_within(from..(from + room).min(end), to + FRAGMENT_HEADER_LENGTH);
        header[SOURCE + 1] = (total << 4 | number) as u8;
        buffer[to..to + FRAGMENT_HEADER_LENGTH].copy_from_slice(&header);
    }
    for number in 0..total {
        let from = start + number * size;
        emit(from..(from + size).min(buffer.len()));
    }
    Ok(())
}
