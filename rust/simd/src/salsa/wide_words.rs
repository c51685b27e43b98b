//! Salsa20 of eight or sixteen blocks at a time.

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_set1_epi32, _mm256_slli_epi32, _mm256_srli_epi32,
    _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32,
    _mm256_unpacklo_epi64, _mm256_xor_si256, _mm512_add_epi32, _mm512_loadu_si512,
    _mm512_rol_epi32, _mm512_set1_epi32, _mm512_shuffle_i32x4, _mm512_storeu_si512,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    _mm512_xor_si512,
};

use super::{Arithmetic, BLOCK, Salsa, double_round, xor};
use crate::cpu::{Avx2, Avx512, Kernel};

/// The most blocks in a group.
const MOST: usize = 16;

/// Vectors of 32-bit words, one of each block in a group.
trait Words: Arithmetic {
    /// Blocks in a group.
    const BLOCKS: usize;

    /// The first `BLOCKS` of these words.
    fn load_words(self, words: &[u32; MOST]) -> Self::Vector;
    /// XOR the words of a group over the bytes of its blocks.
    fn xor_over(self, words: [Self::Vector; 16], blocks: &mut [u8]);
}

pub(super) struct Apply<'a, const ROUNDS: usize> {
    pub(super) salsa: &'a Salsa<ROUNDS>,
    pub(super) counter: u64,
    pub(super) data: &'a mut [u8],
}

impl<S: Words, const ROUNDS: usize> Kernel<S> for Apply<'_, ROUNDS> {
    type Output = ();

    #[inline(always)]
    fn run(self, s: S) {
        let mut counter = self.counter;
        let mut groups = self.data.chunks_exact_mut(S::BLOCKS * BLOCK);
        for group in &mut groups {
            s.xor_over(self.salsa.group(s, counter), group);
            counter = counter.wrapping_add(S::BLOCKS as u64);
        }
        let rest = groups.into_remainder();
        if !rest.is_empty() {
            let mut keystream = [0; MOST * BLOCK];
            s.xor_over(self.salsa.group(s, counter), &mut keystream[..S::BLOCKS * BLOCK]);
            xor(rest, &keystream);
        }
    }
}

impl<const ROUNDS: usize> Salsa<ROUNDS> {
    /// The keystream of the blocks from `counter` on, in words.
    #[inline(always)]
    fn group<S: Words>(&self, s: S, counter: u64) -> [S::Vector; 16] {
        let counters: [u64; MOST] = std::array::from_fn(|lane| counter.wrapping_add(lane as u64));
        let low = s.load_words(&counters.map(|counter| counter as u32));
        let high = s.load_words(&counters.map(|counter| (counter >> 32) as u32));
        let start = self.sliced(s, low, high);
        let mut state = start;
        for _ in 0..ROUNDS / 2 {
            double_round(s, &mut state);
        }
        for (word, first) in state.iter_mut().zip(start) {
            *word = s.add(*word, first);
        }
        state
    }
}

impl Arithmetic for Avx2 {
    type Vector = __m256i;

    #[inline(always)]
    fn splat(self, word: u32) -> __m256i {
        instruction!(self, _mm256_set1_epi32(word.cast_signed()))
    }

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        instruction!(self, _mm256_add_epi32(a, b))
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        instruction!(self, _mm256_xor_si256(a, b))
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self, a: __m256i) -> __m256i {
        let left = instruction!(self, _mm256_slli_epi32::<LEFT>(a));
        instruction!(self, _mm256_or_si256(left, _mm256_srli_epi32::<RIGHT>(a)))
    }
}

impl Words for Avx2 {
    const BLOCKS: usize = 8;

    #[inline(always)]
    fn load_words(self, words: &[u32; MOST]) -> __m256i {
        // SAFETY: 32 bytes may be read there, at any alignment.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn xor_over(self, words: [__m256i; 16], blocks: &mut [u8]) {
        let [q0, q1, q2, q3] = self.quarters(&words);
        for index in 0..4 {
            // Lane n of a quarter: four words of block 4n + index.
            for (half, [a, b]) in
                [[q0[index], q1[index]], [q2[index], q3[index]]].iter().enumerate()
            {
                let near = instruction!(self, _mm256_permute2x128_si256::<0x20>(*a, *b));
                let far = instruction!(self, _mm256_permute2x128_si256::<0x31>(*a, *b));
                self.xor_bytes(near, &mut blocks[index * BLOCK + half * 32..]);
                self.xor_bytes(far, &mut blocks[(4 + index) * BLOCK + half * 32..]);
            }
        }
    }
}

impl Avx2 {
    /// In each 128-bit lane, four words of one block side by side.
    #[inline(always)]
    fn quarters(self, words: &[__m256i; 16]) -> [[__m256i; 4]; 4] {
        let mut quarters = [[words[0]; 4]; 4];
        for (quarter, [a, b, c, d]) in quarters.iter_mut().zip(words.as_chunks::<4>().0) {
            let ab = instruction!(self, _mm256_unpacklo_epi32(*a, *b));
            let cd = instruction!(self, _mm256_unpacklo_epi32(*c, *d));
            let ab_high = instruction!(self, _mm256_unpackhi_epi32(*a, *b));
            let cd_high = instruction!(self, _mm256_unpackhi_epi32(*c, *d));
            *quarter = [
                instruction!(self, _mm256_unpacklo_epi64(ab, cd)),
                instruction!(self, _mm256_unpackhi_epi64(ab, cd)),
                instruction!(self, _mm256_unpacklo_epi64(ab_high, cd_high)),
                instruction!(self, _mm256_unpackhi_epi64(ab_high, cd_high)),
            ];
        }
        quarters
    }

    #[inline(always)]
    fn xor_bytes(self, keystream: __m256i, bytes: &mut [u8]) {
        let bytes = bytes[..32].as_mut_ptr().cast();
        // SAFETY: 32 bytes may be read there, at any alignment.
        let before = unsafe { _mm256_loadu_si256(bytes) };
        let after = instruction!(self, _mm256_xor_si256(before, keystream));
        // SAFETY: 32 bytes may be written there, at any alignment.
        unsafe { _mm256_storeu_si256(bytes, after) }
    }
}

impl Arithmetic for Avx512 {
    type Vector = __m512i;

    #[inline(always)]
    fn splat(self, word: u32) -> __m512i {
        instruction!(self, _mm512_set1_epi32(word.cast_signed()))
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        instruction!(self, _mm512_add_epi32(a, b))
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        instruction!(self, _mm512_xor_si512(a, b))
    }

    #[inline(always)]
    fn rotate<const LEFT: i32, const RIGHT: i32>(self, a: __m512i) -> __m512i {
        instruction!(self, _mm512_rol_epi32::<LEFT>(a))
    }
}

impl Words for Avx512 {
    const BLOCKS: usize = 16;

    #[inline(always)]
    fn load_words(self, words: &[u32; MOST]) -> __m512i {
        // SAFETY: 64 bytes may be read there, at any alignment.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn xor_over(self, words: [__m512i; 16], blocks: &mut [u8]) {
        let [q0, q1, q2, q3] = self.quarters(&words);
        for index in 0..4 {
            // Lane n of a quarter: four words of block 4n + index.
            let near = self.lanes::<0x88>(q0[index], q1[index], q2[index], q3[index]);
            let far = self.lanes::<0xdd>(q0[index], q1[index], q2[index], q3[index]);
            for (n, keystream) in [near[0], far[0], near[1], far[1]].into_iter().enumerate() {
                self.xor_bytes(keystream, &mut blocks[(4 * n + index) * BLOCK..]);
            }
        }
    }
}

impl Avx512 {
    /// In each 128-bit lane, four words of one block side by side.
    #[inline(always)]
    fn quarters(self, words: &[__m512i; 16]) -> [[__m512i; 4]; 4] {
        let mut quarters = [[words[0]; 4]; 4];
        for (quarter, [a, b, c, d]) in quarters.iter_mut().zip(words.as_chunks::<4>().0) {
            let ab = instruction!(self, _mm512_unpacklo_epi32(*a, *b));
            let cd = instruction!(self, _mm512_unpacklo_epi32(*c, *d));
            let ab_high = instruction!(self, _mm512_unpackhi_epi32(*a, *b));
            let cd_high = instruction!(self, _mm512_unpackhi_epi32(*c, *d));
            *quarter = [
                instruction!(self, _mm512_unpacklo_epi64(ab, cd)),
                instruction!(self, _mm512_unpackhi_epi64(ab, cd)),
                instruction!(self, _mm512_unpacklo_epi64(ab_high, cd_high)),
                instruction!(self, _mm512_unpackhi_epi64(ab_high, cd_high)),
            ];
        }
        quarters
    }

    /// The even (0x88) or odd (0xdd) 128-bit lanes of four vectors: two whole blocks.
    #[inline(always)]
    fn lanes<const WHICH: i32>(
        self,
        a: __m512i,
        b: __m512i,
        c: __m512i,
        d: __m512i,
    ) -> [__m512i; 2] {
        let ab = instruction!(self, _mm512_shuffle_i32x4::<WHICH>(a, b));
        let cd = instruction!(self, _mm512_shuffle_i32x4::<WHICH>(c, d));
        [
            instruction!(self, _mm512_shuffle_i32x4::<0x88>(ab, cd)),
            instruction!(self, _mm512_shuffle_i32x4::<0xdd>(ab, cd)),
        ]
    }

    #[inline(always)]
    fn xor_bytes(self, keystream: __m512i, bytes: &mut [u8]) {
        let bytes = bytes[..64].as_mut_ptr().cast();
        // SAFETY: 64 bytes may be read there, at any alignment.
        let before = unsafe { _mm512_loadu_si512(bytes) };
        let after = instruction!(self, _mm512_xor_si512(before, keystream));
        // SAFETY: 64 bytes may be written there, at any alignment.
        unsafe { _mm512_storeu_si512(bytes, after) }
    }
}
