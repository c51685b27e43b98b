//! Salsa20 with 12 or 20 rounds, as many blocks at a time as a vector has words.
//!
//! The state is kept "sliced": word *i* of consecutive blocks stands in one vector, so that all a round
//! does happens to whole vectors without moving words between them.

#[cfg(target_arch = "x86_64")]
mod wide_words;

use wide::u32x4;

use crate::Backend;
use crate::backend::Kind;
#[cfg(target_arch = "x86_64")]
use crate::cpu::Avx2;

/// Bytes of one keystream block.
pub const BLOCK: usize = 64;
/// Blocks that [`Salsa::blocks`] computes together.
pub const WIDTH: usize = 4;

/// The constant words: "expand 32-byte k".
const SIGMA: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// A keystream with a 256-bit key, a 64-bit nonce and a 64-bit block counter.
pub struct Salsa<const ROUNDS: usize> {
    key: [u32; 8],
    nonce: [u32; 2],
}

impl<const ROUNDS: usize> Salsa<ROUNDS> {
    /// From a key and a nonce as they stand in a packet.
    pub fn new(key: &[u8; 32], nonce: [u8; 8]) -> Self {
        Self { key: words(key), nonce: words(&nonce) }
    }

    /// The keystream of the four blocks from `counter` on.
    #[inline]
    pub fn blocks(&self, counter: u64) -> [[u8; BLOCK]; WIDTH] {
        let start = self.start(counter);
        let mut state = start;
        for _ in 0..ROUNDS / 2 {
            double_round(Portable, &mut state);
        }
        for (word, first) in state.iter_mut().zip(&start) {
            *word += *first;
        }
        unslice(&state)
    }

    /// XOR the keystream from the start of block `counter` on over `data`.
    pub fn apply(&self, backend: Backend, counter: u64, data: &mut [u8]) {
        match backend.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(token) => token.run(wide_words::Apply { salsa: self, counter, data }),
            #[cfg(target_arch = "x86_64")]
            Kind::Vaes(token) => {
                Avx2::from(token).run(wide_words::Apply { salsa: self, counter, data });
            }
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_, token) => token.run(wide_words::Apply { salsa: self, counter, data }),
            #[cfg(target_arch = "x86_64")]
            Kind::AesNi(_) => self.apply_portable(counter, data),
            Kind::Portable => self.apply_portable(counter, data),
        }
    }

    fn apply_portable(&self, counter: u64, data: &mut [u8]) {
        let mut counter = counter;
        for chunk in data.chunks_mut(BLOCK * WIDTH) {
            xor(chunk, self.blocks(counter).as_flattened());
            counter = counter.wrapping_add(WIDTH as u64);
        }
    }

    #[inline]
    fn start(&self, counter: u64) -> [u32x4; 16] {
        let counters: [u64; WIDTH] = std::array::from_fn(|lane| counter.wrapping_add(lane as u64));
        let low = u32x4::new(counters.map(|counter| counter as u32));
        let high = u32x4::new(counters.map(|counter| (counter >> 32) as u32));
        self.sliced(Portable, low, high)
    }

    /// The state before the first round.
    #[inline(always)]
    fn sliced<S: Arithmetic>(&self, s: S, low: S::Vector, high: S::Vector) -> [S::Vector; 16] {
        let [s0, s1, s2, s3] = SIGMA;
        let [k0, k1, k2, k3, k4, k5, k6, k7] = self.key;
        let [n0, n1] = self.nonce;
        let same = [s0, k0, k1, k2, k3, s1, n0, n1, 0, 0, s2, k4, k5, k6, k7, s3];
        let mut state = [low; 16];
        for (vector, word) in state.iter_mut().zip(same) {
            *vector = s.splat(word);
        }
        (state[8], state[9]) = (low, high);
        state
    }
}

/// `data ^= keystream`, as far as `data` reaches.
#[inline]
pub fn xor(data: &mut [u8], keystream: &[u8]) {
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

/// What a round does to the words of several blocks.
trait Arithmetic: Copy {
    type Vector: Copy;
    fn splat(self, word: u32) -> Self::Vector;
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn xor(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Rotated to the left; `RIGHT` is 32 - `LEFT`.
    fn rotate<const LEFT: i32, const RIGHT: i32>(self, a: Self::Vector) -> Self::Vector;
}

#[derive(Clone, Copy)]
struct Portable;

impl Arithmetic for Portable {
    type Vector = u32x4;

    #[inline(always)]
    fn splat(self, word: u32) -> u32x4 {
        u32x4::splat(word)
    }

    #[inline(always)]
    fn add(self, a: u32x4, b: u32x4) -> u32x4 {
        a + b
    }

    #[inline(always)]
    fn xor(self, a: u32x4, b: u32x4) -> u32x4 {
        a ^ b
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self, a: u32x4) -> u32x4 {
        (a << LEFT) | (a >> RIGHT)
    }
}

/// `to ^= (a + b) <<< LEFT`
#[inline(always)]
fn step<const LEFT: i32, const RIGHT: i32, S: Arithmetic>(
    s: S,
    x: &mut [S::Vector; 16],
    [to, a, b]: [usize; 3],
) {
    x[to] = s.xor(x[to], s.rotate::<LEFT, RIGHT>(s.add(x[a], x[b])));
}

#[inline(always)]
fn quarter_round<S: Arithmetic>(s: S, x: &mut [S::Vector; 16], [a, b, c, d]: [usize; 4]) {
    step::<7, 25, S>(s, x, [b, a, d]);
    step::<9, 23, S>(s, x, [c, b, a]);
    step::<13, 19, S>(s, x, [d, c, b]);
    step::<18, 14, S>(s, x, [a, d, c]);
}

#[inline(always)]
fn double_round<S: Arithmetic>(s: S, x: &mut [S::Vector; 16]) {
    quarter_round(s, x, [0, 4, 8, 12]);
    quarter_round(s, x, [5, 9, 13, 1]);
    quarter_round(s, x, [10, 14, 2, 6]);
    quarter_round(s, x, [15, 3, 7, 11]);
    quarter_round(s, x, [0, 1, 2, 3]);
    quarter_round(s, x, [5, 6, 7, 4]);
    quarter_round(s, x, [10, 11, 8, 9]);
    quarter_round(s, x, [15, 12, 13, 14]);
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
    use crate::Backend;

    /// eSTREAM, Salsa20 256-bit, set 1, vector 0: key 80 00 ..., zero nonce.
    #[test]
    fn twenty_rounds_agree_with_the_estream_vector() {
        let mut key = [0; 32];
        key[0] = 0x80;
        let expected = [0xe3, 0xbe, 0x8f, 0xdd, 0x8b, 0xec, 0xa2, 0xe3];
        assert_eq!(Salsa::<20>::new(&key, [0; 8]).blocks(0)[0][..8], expected);
        for backend in Backend::all() {
            let mut stream = [0; 8];
            Salsa::<20>::new(&key, [0; 8]).apply(backend, 0, &mut stream);
            assert_eq!(stream, expected, "{backend}");
        }
    }

    #[test]
    fn any_split_of_the_stream_is_the_same_stream() {
        let salsa = Salsa::<12>::new(&[7; 32], [9; 8]);
        for backend in Backend::all() {
            let mut whole = vec![0; 3000];
            salsa.apply(backend, u64::from(u32::MAX) - 1, &mut whole);
            for (index, expected) in whole.chunks(64).enumerate() {
                let block = salsa.blocks(u64::from(u32::MAX) - 1 + index as u64)[0];
                assert_eq!(block[..expected.len()], *expected, "{backend}");
            }
        }
    }
}
