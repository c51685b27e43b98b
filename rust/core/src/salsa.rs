//! Salsa20 with 12 or 20 rounds, four blocks at a time in 128-bit vectors.
//!
//! The state is kept "sliced": word *i* of four consecutive blocks stands in one vector, so that all a
//! round does happens to whole vectors without moving words between them.

use wide::u32x4;

/// Bytes of one keystream block.
pub(crate) const BLOCK: usize = 64;
/// Blocks computed together.
pub(crate) const WIDTH: usize = 4;

/// The constant words: "expand 32-byte k".
const SIGMA: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// A keystream with a 256-bit key, a 64-bit nonce and a 64-bit block counter.
pub(crate) struct Salsa<const ROUNDS: usize> {
    key: [u32; 8],
    nonce: [u32; 2],
}

impl<const ROUNDS: usize> Salsa<ROUNDS> {
    pub(crate) fn new(key: &[u8; 32], nonce: [u8; 8]) -> Self {
        Self { key: words(key), nonce: words(&nonce) }
    }

    /// The keystream of the four blocks from `counter` on.
    #[inline]
    pub(crate) fn blocks(&self, counter: u64) -> [[u8; BLOCK]; WIDTH] {
        let start = self.start(counter);
        let mut state = start;
        for _ in 0..ROUNDS / 2 {
            double_round(&mut state);
        }
        for (word, first) in state.iter_mut().zip(&start) {
            *word += *first;
        }
        unslice(&state)
    }

    /// XOR the keystream from the start of block `counter` on over `data`.
    pub(crate) fn apply(&self, counter: u64, data: &mut [u8]) {
        let mut counter = counter;
        for chunk in data.chunks_mut(BLOCK * WIDTH) {
            let keystream = self.blocks(counter);
            xor(chunk, keystream.as_flattened());
            counter = counter.wrapping_add(WIDTH as u64);
        }
    }

    #[inline]
    fn start(&self, counter: u64) -> [u32x4; 16] {
        let [k0, k1, k2, k3, k4, k5, k6, k7] = self.key.map(u32x4::splat);
        let [n0, n1] = self.nonce.map(u32x4::splat);
        let [s0, s1, s2, s3] = SIGMA.map(u32x4::splat);
        let counters: [u64; WIDTH] = std::array::from_fn(|lane| counter.wrapping_add(lane as u64));
        let low = u32x4::new(counters.map(|counter| counter as u32));
        let high = u32x4::new(counters.map(|counter| (counter >> 32) as u32));
        [s0, k0, k1, k2, k3, s1, n0, n1, low, high, s2, k4, k5, k6, k7, s3]
    }
}

/// `data ^= keystream`, as far as `data` reaches.
#[inline]
pub(crate) fn xor(data: &mut [u8], keystream: &[u8]) {
    for (byte, key) in data.iter_mut().zip(keystream) {
        *byte ^= key;
    }
}

fn words<const BYTES: usize, const WORDS: usize>(bytes: &[u8; BYTES]) -> [u32; WORDS] {
    let mut words = [0; WORDS];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u32::from_le_bytes(*chunk);
    }
    words
}

/// `(a + b) <<< BITS`, which a round XORs over a third word.
#[inline]
fn rotated_sum<const BITS: u32>(a: u32x4, b: u32x4) -> u32x4 {
    let sum = a + b;
    (sum << BITS) | (sum >> (32 - BITS))
}

#[inline]
fn quarter_round(x: &mut [u32x4; 16], a: usize, b: usize, c: usize, d: usize) {
    x[b] ^= rotated_sum::<7>(x[a], x[d]);
    x[c] ^= rotated_sum::<9>(x[b], x[a]);
    x[d] ^= rotated_sum::<13>(x[c], x[b]);
    x[a] ^= rotated_sum::<18>(x[d], x[c]);
}

#[inline]
fn double_round(x: &mut [u32x4; 16]) {
    quarter_round(x, 0, 4, 8, 12);
    quarter_round(x, 5, 9, 13, 1);
    quarter_round(x, 10, 14, 2, 6);
    quarter_round(x, 15, 3, 7, 11);
    quarter_round(x, 0, 1, 2, 3);
    quarter_round(x, 5, 6, 7, 4);
    quarter_round(x, 10, 11, 8, 9);
    quarter_round(x, 15, 12, 13, 14);
}

/// From words of four blocks to the bytes of each block.
#[inline]
fn unslice(state: &[u32x4; 16]) -> [[u8; BLOCK]; WIDTH] {
    let mut blocks = [[0; BLOCK]; WIDTH];
    for (group, words) in state.as_chunks::<4>().0.iter().enumerate() {
        for (block, words) in blocks.iter_mut().zip(u32x4::transpose(*words)) {
            let bytes = &mut block.as_chunks_mut::<16>().0[group];
            for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words.to_array()) {
                *bytes = word.to_le_bytes();
            }
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::Salsa;

    /// eSTREAM, Salsa20 256-bit, set 1, vector 0: key 80 00 ..., zero nonce.
    #[test]
    fn twenty_rounds_agree_with_the_estream_vector() {
        let mut key = [0; 32];
        key[0] = 0x80;
        let blocks = Salsa::<20>::new(&key, [0; 8]).blocks(0);
        assert_eq!(blocks[0][..8], [0xe3, 0xbe, 0x8f, 0xdd, 0x8b, 0xec, 0xa2, 0xe3]);
    }

    #[test]
    fn any_split_of_the_stream_is_the_same_stream() {
        let salsa = Salsa::<12>::new(&[7; 32], [9; 8]);
        let mut whole = vec![0; 1000];
        salsa.apply(u64::from(u32::MAX) - 1, &mut whole);
        for (index, expected) in whole.chunks(64).enumerate() {
            let mut block = vec![0; expected.len()];
            salsa.apply(u64::from(u32::MAX) - 1 + index as u64, &mut block);
            assert_eq!(block, expected);
        }
    }
}
