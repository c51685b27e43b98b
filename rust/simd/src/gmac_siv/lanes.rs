//! Vectors of one, two or four blocks, and what AES and GHASH do to them.

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_add_epi32, _mm_aesdec_si128, _mm_aesdeclast_si128,
    _mm_aesenc_si128, _mm_aesenclast_si128, _mm_aesimc_si128, _mm_clmulepi64_si128,
    _mm_loadu_si128, _mm_set_epi64x, _mm_set1_epi32, _mm_setzero_si128, _mm_shuffle_epi8,
    _mm_shuffle_epi32, _mm_slli_si128, _mm_srli_si128, _mm_storeu_si128, _mm_xor_si128,
    _mm256_add_epi32, _mm256_aesenc_epi128, _mm256_aesenclast_epi128, _mm256_broadcastsi128_si256,
    _mm256_castsi256_si128, _mm256_clmulepi64_epi128, _mm256_extracti128_si256, _mm256_loadu_si256,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_storeu_si256, _mm256_xor_si256,
    _mm256_zextsi128_si256, _mm512_add_epi32, _mm512_aesenc_epi128, _mm512_aesenclast_epi128,
    _mm512_broadcast_i32x4, _mm512_castsi512_si256, _mm512_clmulepi64_epi128,
    _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_mask_storeu_epi8,
    _mm512_maskz_loadu_epi8, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_storeu_si512,
    _mm512_xor_si512, _mm512_zextsi128_si512,
};

use super::Block;
use crate::cpu::{AesNi, Avx512, Vaes};

/// A vector of blocks, and the instructions on it.
pub(super) trait Lanes: Copy {
    type Vector: Copy;
    /// Blocks in a vector.
    const BLOCKS: usize;
    /// Bytes in a vector.
    const WIDTH: usize = 16 * Self::BLOCKS;

    fn narrow(self) -> AesNi;
    fn zero(self) -> Self::Vector;
    /// The block in every lane.
    fn splat(self, block: __m128i) -> Self::Vector;
    /// The block in the first lane, zeros in the others.
    fn first(self, block: __m128i) -> Self::Vector;
    /// `WIDTH` bytes.
    fn load(self, bytes: &[u8]) -> Self::Vector;
    /// To `WIDTH` bytes.
    fn store(self, vector: Self::Vector, bytes: &mut [u8]);
    /// Fewer than `WIDTH` bytes, zeros behind them.
    fn load_part(self, bytes: &[u8]) -> Self::Vector;
    /// As many bytes as there is room for, fewer than `WIDTH`.
    fn store_part(self, vector: Self::Vector, bytes: &mut [u8]);
    fn xor(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Sums of 32-bit words.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Each block backwards.
    fn reverse(self, a: Self::Vector) -> Self::Vector;
    fn aes_round(self, state: Self::Vector, key: Self::Vector) -> Self::Vector;
    fn aes_last_round(self, state: Self::Vector, key: Self::Vector) -> Self::Vector;
    /// Carry-less products of the low and of the high halves, and the sum of the crossed ones.
    fn products(self, a: Self::Vector, b: Self::Vector) -> [Self::Vector; 3];
    /// The sum of all blocks.
    fn fold(self, a: Self::Vector) -> __m128i;
}

/// Byte order of a block backwards, for a shuffle.
const BACKWARDS: Block = [15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0];

impl AesNi {
    #[inline(always)]
    pub(super) fn block(self, block: &Block) -> __m128i {
        self.load(block)
    }

    #[inline(always)]
    pub(super) fn bytes(self, block: __m128i) -> Block {
        let mut bytes = [0; 16];
        self.store(block, &mut bytes);
        bytes
    }

    #[inline(always)]
    pub(super) fn inverse_round(self, state: __m128i, key: __m128i) -> __m128i {
        instruction!(self, _mm_aesdec_si128(state, key))
    }

    #[inline(always)]
    pub(super) fn inverse_last_round(self, state: __m128i, key: __m128i) -> __m128i {
        instruction!(self, _mm_aesdeclast_si128(state, key))
    }

    #[inline(always)]
    pub(super) fn inverse_mix_columns(self, key: __m128i) -> __m128i {
        instruction!(self, _mm_aesimc_si128(key))
    }

    /// AES's S-box on the bytes of a word: with all columns equal, shifting rows changes nothing.
    #[inline(always)]
    pub(super) fn substitute(self, word: u32) -> u32 {
        let columns = instruction!(self, _mm_set1_epi32(word.cast_signed()));
        let [a, b, c, d, ..] = self.bytes(self.aes_last_round(columns, self.zero()));
        u32::from_le_bytes([a, b, c, d])
    }

    /// The 256-bit product modulo POLYVAL's polynomial x^128 + x^127 + x^126 + x^121 + 1, divided
    /// by x^128 (RFC 8452, appendix A): GHASH on reversed blocks, with powers of H times x.
    #[inline(always)]
    pub(super) fn reduce(self, [low, cross, high]: [__m128i; 3]) -> __m128i {
        let low = self.xor(low, instruction!(self, _mm_slli_si128::<8>(cross)));
        let high = self.xor(high, instruction!(self, _mm_srli_si128::<8>(cross)));
        self.xor(high, self.cancel_low(self.cancel_low(low)))
    }

    /// Add the multiple of the polynomial that cancels the low half, and rotate it away.
    #[inline(always)]
    fn cancel_low(self, a: __m128i) -> __m128i {
        let polynomial = instruction!(self, _mm_set_epi64x(0, 0xc2_u64.cast_signed() << 56));
        let multiple = instruction!(self, _mm_clmulepi64_si128::<0x00>(a, polynomial));
        self.xor(multiple, instruction!(self, _mm_shuffle_epi32::<0x4e>(a)))
    }
}

impl Lanes for AesNi {
    type Vector = __m128i;
    const BLOCKS: usize = 1;

    #[inline(always)]
    fn narrow(self) -> AesNi {
        self
    }

    #[inline(always)]
    fn zero(self) -> __m128i {
        instruction!(self, _mm_setzero_si128())
    }

    #[inline(always)]
    fn splat(self, block: __m128i) -> __m128i {
        block
    }

    #[inline(always)]
    fn first(self, block: __m128i) -> __m128i {
        block
    }

    #[inline(always)]
    fn load(self, bytes: &[u8]) -> __m128i {
        let bytes = &bytes[..Self::WIDTH];
        // SAFETY: 16 bytes may be read there, at any alignment.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, vector: __m128i, bytes: &mut [u8]) {
        let bytes = &mut bytes[..Self::WIDTH];
        // SAFETY: 16 bytes may be written there, at any alignment.
        unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), vector) }
    }

    #[inline(always)]
    fn load_part(self, bytes: &[u8]) -> __m128i {
        self.load(&padded::<16>(bytes))
    }

    #[inline(always)]
    fn store_part(self, vector: __m128i, bytes: &mut [u8]) {
        let mut whole = [0; 16];
        self.store(vector, &mut whole);
        bytes.copy_from_slice(&whole[..bytes.len()]);
    }

    #[inline(always)]
    fn xor(self, a: __m128i, b: __m128i) -> __m128i {
        instruction!(self, _mm_xor_si128(a, b))
    }

    #[inline(always)]
    fn add(self, a: __m128i, b: __m128i) -> __m128i {
        instruction!(self, _mm_add_epi32(a, b))
    }

    #[inline(always)]
    fn reverse(self, a: __m128i) -> __m128i {
        let order = self.load(&BACKWARDS);
        instruction!(self, _mm_shuffle_epi8(a, order))
    }

    #[inline(always)]
    fn aes_round(self, state: __m128i, key: __m128i) -> __m128i {
        instruction!(self, _mm_aesenc_si128(state, key))
    }

    #[inline(always)]
    fn aes_last_round(self, state: __m128i, key: __m128i) -> __m128i {
        instruction!(self, _mm_aesenclast_si128(state, key))
    }

    #[inline(always)]
    fn products(self, a: __m128i, b: __m128i) -> [__m128i; 3] {
        let crossed = instruction!(self, _mm_clmulepi64_si128::<0x01>(a, b));
        let uncrossed = instruction!(self, _mm_clmulepi64_si128::<0x10>(a, b));
        [
            instruction!(self, _mm_clmulepi64_si128::<0x00>(a, b)),
            self.xor(crossed, uncrossed),
            instruction!(self, _mm_clmulepi64_si128::<0x11>(a, b)),
        ]
    }

    #[inline(always)]
    fn fold(self, a: __m128i) -> __m128i {
        a
    }
}

impl Lanes for Vaes {
    type Vector = __m256i;
    const BLOCKS: usize = 2;

    #[inline(always)]
    fn narrow(self) -> AesNi {
        self.into()
    }

    #[inline(always)]
    fn zero(self) -> __m256i {
        instruction!(self, _mm256_setzero_si256())
    }

    #[inline(always)]
    fn splat(self, block: __m128i) -> __m256i {
        instruction!(self, _mm256_broadcastsi128_si256(block))
    }

    #[inline(always)]
    fn first(self, block: __m128i) -> __m256i {
        instruction!(self, _mm256_zextsi128_si256(block))
    }

    #[inline(always)]
    fn load(self, bytes: &[u8]) -> __m256i {
        let bytes = &bytes[..Self::WIDTH];
        // SAFETY: 32 bytes may be read there, at any alignment.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, vector: __m256i, bytes: &mut [u8]) {
        let bytes = &mut bytes[..Self::WIDTH];
        // SAFETY: 32 bytes may be written there, at any alignment.
        unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), vector) }
    }

    #[inline(always)]
    fn load_part(self, bytes: &[u8]) -> __m256i {
        self.load(&padded::<32>(bytes))
    }

    #[inline(always)]
    fn store_part(self, vector: __m256i, bytes: &mut [u8]) {
        let mut whole = [0; 32];
        self.store(vector, &mut whole);
        bytes.copy_from_slice(&whole[..bytes.len()]);
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        instruction!(self, _mm256_xor_si256(a, b))
    }

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        instruction!(self, _mm256_add_epi32(a, b))
    }

    #[inline(always)]
    fn reverse(self, a: __m256i) -> __m256i {
        let order = self.splat(self.narrow().load(&BACKWARDS));
        instruction!(self, _mm256_shuffle_epi8(a, order))
    }

    #[inline(always)]
    fn aes_round(self, state: __m256i, key: __m256i) -> __m256i {
        instruction!(self, _mm256_aesenc_epi128(state, key))
    }

    #[inline(always)]
    fn aes_last_round(self, state: __m256i, key: __m256i) -> __m256i {
        instruction!(self, _mm256_aesenclast_epi128(state, key))
    }

    #[inline(always)]
    fn products(self, a: __m256i, b: __m256i) -> [__m256i; 3] {
        let crossed = instruction!(self, _mm256_clmulepi64_epi128::<0x01>(a, b));
        let uncrossed = instruction!(self, _mm256_clmulepi64_epi128::<0x10>(a, b));
        [
            instruction!(self, _mm256_clmulepi64_epi128::<0x00>(a, b)),
            self.xor(crossed, uncrossed),
            instruction!(self, _mm256_clmulepi64_epi128::<0x11>(a, b)),
        ]
    }

    #[inline(always)]
    fn fold(self, a: __m256i) -> __m128i {
        let high = instruction!(self, _mm256_extracti128_si256::<1>(a));
        self.narrow().xor(instruction!(self, _mm256_castsi256_si128(a)), high)
    }
}

impl Lanes for Avx512 {
    type Vector = __m512i;
    const BLOCKS: usize = 4;

    #[inline(always)]
    fn narrow(self) -> AesNi {
        self.into()
    }

    #[inline(always)]
    fn zero(self) -> __m512i {
        instruction!(self, _mm512_setzero_si512())
    }

    #[inline(always)]
    fn splat(self, block: __m128i) -> __m512i {
        instruction!(self, _mm512_broadcast_i32x4(block))
    }

    #[inline(always)]
    fn first(self, block: __m128i) -> __m512i {
        instruction!(self, _mm512_zextsi128_si512(block))
    }

    #[inline(always)]
    fn load(self, bytes: &[u8]) -> __m512i {
        let bytes = &bytes[..Self::WIDTH];
        // SAFETY: 64 bytes may be read there, at any alignment.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, vector: __m512i, bytes: &mut [u8]) {
        let bytes = &mut bytes[..Self::WIDTH];
        // SAFETY: 64 bytes may be written there, at any alignment.
        unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), vector) }
    }

    #[inline(always)]
    fn load_part(self, bytes: &[u8]) -> __m512i {
        // SAFETY: the mask selects the bytes of the slice and no other.
        unsafe { _mm512_maskz_loadu_epi8(mask(bytes.len()), bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_part(self, vector: __m512i, bytes: &mut [u8]) {
        let mask = mask(bytes.len());
        // SAFETY: the mask selects the bytes of the slice and no other.
        unsafe { _mm512_mask_storeu_epi8(bytes.as_mut_ptr().cast(), mask, vector) }
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        instruction!(self, _mm512_xor_si512(a, b))
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        instruction!(self, _mm512_add_epi32(a, b))
    }

    #[inline(always)]
    fn reverse(self, a: __m512i) -> __m512i {
        let order = self.splat(self.narrow().load(&BACKWARDS));
        instruction!(self, _mm512_shuffle_epi8(a, order))
    }

    #[inline(always)]
    fn aes_round(self, state: __m512i, key: __m512i) -> __m512i {
        instruction!(self, _mm512_aesenc_epi128(state, key))
    }

    #[inline(always)]
    fn aes_last_round(self, state: __m512i, key: __m512i) -> __m512i {
        instruction!(self, _mm512_aesenclast_epi128(state, key))
    }

    #[inline(always)]
    fn products(self, a: __m512i, b: __m512i) -> [__m512i; 3] {
        let crossed = instruction!(self, _mm512_clmulepi64_epi128::<0x01>(a, b));
        let uncrossed = instruction!(self, _mm512_clmulepi64_epi128::<0x10>(a, b));
        [
            instruction!(self, _mm512_clmulepi64_epi128::<0x00>(a, b)),
            self.xor(crossed, uncrossed),
            instruction!(self, _mm512_clmulepi64_epi128::<0x11>(a, b)),
        ]
    }

    #[inline(always)]
    fn fold(self, a: __m512i) -> __m128i {
        let low = instruction!(self, _mm512_castsi512_si256(a));
        let top = instruction!(self, _mm512_extracti64x4_epi64::<1>(a));
        let both = instruction!(self, _mm256_xor_si256(low, top));
        let high = instruction!(self, _mm256_extracti128_si256::<1>(both));
        self.narrow().xor(instruction!(self, _mm256_castsi256_si128(both)), high)
    }
}

#[inline(always)]
fn padded<const WIDTH: usize>(bytes: &[u8]) -> [u8; WIDTH] {
    let mut whole = [0; WIDTH];
    whole[..bytes.len()].copy_from_slice(bytes);
    whole
}

/// A bit for each byte of fewer than 64.
#[inline(always)]
fn mask(bytes: usize) -> u64 {
    assert!(bytes < 64);
    (1 << bytes) - 1
}
