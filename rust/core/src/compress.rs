//! Payload compression: one raw LZ4 block, flagged in the verb byte (01, 3.11).

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
};

use crate::packet::{HEADER_LENGTH, MAX_PACKET, VERB, VERB_COMPRESSED};

/// Payloads up to this long are never compressed.
const THRESHOLD: usize = 64;
/// Longest payload of any packet.
const MAX_PAYLOAD: usize = MAX_PACKET - HEADER_LENGTH;

/// The payload's flag says it is compressed, but it is malformed, empty or too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Compresses packet after packet with the same memory.
pub struct Compressor {
    table: CompressTable,
    buffer: Box<[u8]>,
}

impl Default for Compressor {
    fn default() -> Self {
        let buffer = vec![0; get_maximum_output_size(MAX_PAYLOAD)].into_boxed_slice();
        Self { table: CompressTable::small(), buffer }
    }
}

impl Compressor {
    /// Compress the payload of a plain packet in place, where that makes it shorter. Leaves anything that
    /// is not a packet, and packets already compressed, as they are.
    pub fn compress(&mut self, packet: &mut Vec<u8>) {
        let Some((header, payload)) = packet.split_first_chunk::<HEADER_LENGTH>() else { return };
        if header[VERB] & VERB_COMPRESSED != 0
            || !(THRESHOLD + 1..=MAX_PAYLOAD).contains(&payload.len())
        {
            return;
        }
        let Self { table, buffer } = self;
        let Ok(length) = compress_into_with_table(payload, buffer, table) else { return };
        if length >= payload.len() {
            return;
        }
        packet[VERB] |= VERB_COMPRESSED;
        packet.truncate(HEADER_LENGTH);
        packet.extend_from_slice(&buffer[..length]);
    }
}

/// [`Compressor::compress`] for a single packet.
pub fn compress(packet: &mut Vec<u8>) {
    Compressor::default().compress(packet);
}

/// Undo [`compress`] in place; does nothing where the flag is clear. On failure the packet is worthless.
pub fn decompress(packet: &mut Vec<u8>) -> Result<(), Malformed> {
    let Some((header, payload)) = packet.split_first_chunk_mut::<HEADER_LENGTH>() else {
        return Err(Malformed);
    };
    if header[VERB] & VERB_COMPRESSED == 0 {
        return Ok(());
    }
    header[VERB] &= !VERB_COMPRESSED;
    if payload.is_empty() {
        return Ok(());
    }
    let mut buffer = [0; MAX_PAYLOAD];
    let length = decompress_into(payload, &mut buffer).map_err(|_| Malformed)?;
    let plain = buffer.get(..length).filter(|plain| !plain.is_empty()).ok_or(Malformed)?;
    packet.truncate(HEADER_LENGTH);
    packet.extend_from_slice(plain);
    Ok(())
}
