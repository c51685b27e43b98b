//! Four or eight numbers modulo 2^130 - 5 side by side, each in five limbs of 26 bits.

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi64, _mm256_and_si256, _mm256_loadu_si256, _mm256_mul_epu32,
    _mm256_or_si256, _mm256_permute4x64_epi64, _mm256_set1_epi64x, _mm256_sllv_epi64,
    _mm256_srlv_epi64, _mm256_storeu_si256, _mm256_unpackhi_epi64, _mm256_unpacklo_epi64,
    _mm512_add_epi64, _mm512_and_si512, _mm512_loadu_si512, _mm512_mul_epu32, _mm512_or_si512,
    _mm512_permutex2var_epi64, _mm512_reduce_add_epi64, _mm512_set1_epi64, _mm512_slli_epi64,
    _mm512_srli_epi64,
};

use super::scalar::{BITS, MASK, Number};
use crate::cpu::{Avx2, Avx512, Kernel};

/// Bits of a limb: products of two, five times summed, fit 64 bits.
const NARROW_BITS: u32 = 26;
const NARROW_MASK: u64 = (1 << NARROW_BITS) - 1;

/// The most lanes.
const MOST: usize = 8;

/// Vectors of 64-bit words.
trait Limbs: Copy {
    type Vector: Copy;
    const LANES: usize;

    fn splat(self, word: u64) -> Self::Vector;
    /// The first `LANES` of these words.
    fn load_words(self, words: &[u64; MOST]) -> Self::Vector;
    /// The low and the high halves of `LANES` blocks.
    fn load_halves(self, blocks: &[[u8; 16]]) -> [Self::Vector; 2];
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Products of the low halves of words.
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn or(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn left<const BITS: u32>(self, a: Self::Vector) -> Self::Vector;
    fn right<const BITS: u32>(self, a: Self::Vector) -> Self::Vector;
    fn total(self, a: Self::Vector) -> u64;
}

/// The polynomial of whole blocks at r.
pub(super) struct Sum<'a> {
    pub(super) r: &'a Number,
    pub(super) blocks: &'a [[u8; 16]],
}

impl<S: Limbs> Kernel<S> for Sum<'_> {
    type Output = Number;

    /// Lane *i* sums every `LANES`th block, and so is multiplied by r^`LANES` between them. Last, each
    /// lane is multiplied by the power of r that its place asks for. Where the blocks are no multiple
    /// of the lanes, zeros stand before them, which count for nothing.
    #[inline(always)]
    fn run(self, s: S) -> Number {
        let zero = [s.splat(0); 5];
        let powers = powers::<S>(self.r);
        let once = Factor::new(s, &[powers[0]; MOST]);
        let twice = Factor::new(s, &[powers[0].times(&powers[0]); MOST]);
        let lanes = Factor::new(s, &powers);
        let high = s.splat(1 << 24);
        let (first, blocks) = self.blocks.split_at(self.blocks.len() % S::LANES);
        let (single, pairs) = blocks.split_at(blocks.len() % (2 * S::LANES));
        let mut sums = leading(s, first);
        if !single.is_empty() {
            sums = plus(s, carried(s, once.times(s, sums, zero)), message(s, single, high));
        }
        for pair in pairs.chunks_exact(2 * S::LANES) {
            let (near, far) = pair.split_at(S::LANES);
            let products = once.times(s, message(s, near, high), zero);
            let products = twice.times(s, sums, products);
            sums = plus(s, carried(s, products), message(s, far, high));
        }
        let sums = carried(s, lanes.times(s, sums, zero));
        let mut total = [0; 5];
        for (total, sum) in total.iter_mut().zip(sums) {
            *total = s.total(sum);
        }
        widened(total)
    }
}

/// Powers of r from the `LANES`th down to the first.
#[inline(always)]
fn powers<S: Limbs>(r: &Number) -> [Number; MOST] {
    let r2 = r.times(r);
    let (r3, r4) = (r2.times(r), r2.times(&r2));
    if S::LANES == 4 {
        return [r4, r3, r2, *r, r4, r3, r2, *r];
    }
    [r4.times(&r4), r4.times(&r3), r4.times(&r2), r4.times(r), r4, r3, r2, *r]
}

/// The limbs of the first blocks, fewer than the lanes, in the last lanes.
#[inline(always)]
fn leading<S: Limbs>(s: S, first: &[[u8; 16]]) -> [S::Vector; 5] {
    let zeros = S::LANES - first.len();
    let mut blocks = [[0; 16]; MOST];
    blocks[zeros..S::LANES].copy_from_slice(first);
    let high = std::array::from_fn(|lane| if lane < zeros { 0 } else { 1 << 24 });
    message(s, &blocks, s.load_words(&high))
}

/// The limbs of `LANES` blocks, with bit 128 where `high` has it.
#[inline(always)]
fn message<S: Limbs>(s: S, blocks: &[[u8; 16]], high: S::Vector) -> [S::Vector; 5] {
    let mask = s.splat(NARROW_MASK);
    let [low, top] = s.load_halves(blocks);
    let middle = s.or(s.right::<52>(low), s.left::<12>(top));
    [
        s.and(low, mask),
        s.and(s.right::<26>(low), mask),
        s.and(middle, mask),
        s.and(s.right::<14>(top), mask),
        s.or(s.right::<40>(top), high),
    ]
}

#[inline(always)]
fn plus<S: Limbs>(s: S, mut a: [S::Vector; 5], b: [S::Vector; 5]) -> [S::Vector; 5] {
    for (a, b) in a.iter_mut().zip(b) {
        *a = s.add(*a, b);
    }
    a
}

/// A number in each lane to multiply by.
struct Factor<S: Limbs> {
    limbs: [S::Vector; 5],
    /// Times 5, for products beyond 2^130.
    beyond: [S::Vector; 5],
}

impl<S: Limbs> Factor<S> {
    #[inline(always)]
    fn new(s: S, lanes: &[Number; MOST]) -> Self {
        let limbs = narrow(s, lanes.map(|number| number.0));
        let mut beyond = limbs;
        for limb in &mut beyond {
            *limb = s.add(*limb, s.left::<2>(*limb));
        }
        Self { limbs, beyond }
    }

    /// The products with `a`, added to others.
    #[inline(always)]
    fn times(&self, s: S, a: [S::Vector; 5], mut products: [S::Vector; 5]) -> [S::Vector; 5] {
        for (i, a) in a.into_iter().enumerate() {
            for j in 0..5 {
                let factor = if i + j < 5 { self.limbs[j] } else { self.beyond[j] };
                let product = &mut products[(i + j) % 5];
                *product = s.add(*product, s.mul(a, factor));
            }
        }
        products
    }
}

/// From limbs of 26 bits with up to 32 more.
fn widened(mut limbs: [u64; 5]) -> Number {
    // The second time round adds what the highest limb carried.
    for index in (0..5).chain(0..2) {
        let carry = limbs[index] >> NARROW_BITS;
        limbs[index] &= NARROW_MASK;
        limbs[(index + 1) % 5] += if index == 4 { carry * 5 } else { carry };
    }
    let [a0, a1, a2, a3, a4] = limbs;
    let low = a0 | a1 << 26;
    // Sums, since the third limb may have its 27th bit.
    Number([low & MASK, (low >> BITS) + (a2 << 8) + (a3 << 34 & MASK), (a3 >> 10) + (a4 << 16)])
}

/// From limbs of 44 bits to limbs of 26, the fourth perhaps a little more.
#[inline(always)]
fn narrow<S: Limbs>(s: S, lanes: [[u64; 3]; MOST]) -> [S::Vector; 5] {
    let mut columns = [[0; MOST]; 3];
    for (lane, limbs) in lanes.into_iter().enumerate() {
        for (column, limb) in columns.iter_mut().zip(limbs) {
            column[lane] = limb;
        }
    }
    let [h0, h1, h2] = columns;
    let (h0, h1, h2) = (s.load_words(&h0), s.load_words(&h1), s.load_words(&h2));
    let mask = s.splat(NARROW_MASK);
    let middle = s.and(s.left::<10>(h2), mask);
    [
        s.and(h0, mask),
        s.or(s.right::<26>(h0), s.and(s.left::<18>(h1), mask)),
        s.and(s.right::<8>(h1), mask),
        s.add(s.right::<34>(h1), middle),
        s.right::<16>(h2),
    ]
}

/// Limbs of 26 bits but for one or two. Two chains of carries run beside each other.
#[inline(always)]
fn carried<S: Limbs>(s: S, mut limbs: [S::Vector; 5]) -> [S::Vector; 5] {
    let mask = s.splat(NARROW_MASK);
    for from in [0, 3, 1, 4, 2, 0, 3] {
        let mut carry = s.right::<NARROW_BITS>(limbs[from]);
        if from == 4 {
            carry = s.add(carry, s.left::<2>(carry));
        }
        let to = (from + 1) % 5;
        limbs[from] = s.and(limbs[from], mask);
        limbs[to] = s.add(limbs[to], carry);
    }
    limbs
}

impl Limbs for Avx2 {
    type Vector = __m256i;
    const LANES: usize = 4;

    #[inline(always)]
    fn splat(self, word: u64) -> __m256i {
        instruction!(self, _mm256_set1_epi64x(word.cast_signed()))
    }

    #[inline(always)]
    fn load_words(self, words: &[u64; MOST]) -> __m256i {
        // SAFETY: 32 bytes may be read there, at any alignment.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_halves(self, blocks: &[[u8; 16]]) -> [__m256i; 2] {
        let (near, far) = blocks[..4].split_at(2);
        // SAFETY: 32 bytes may be read at each, at any alignment.
        let (a, b) = unsafe {
            (_mm256_loadu_si256(near.as_ptr().cast()), _mm256_loadu_si256(far.as_ptr().cast()))
        };
        [
            instruction!(self, _mm256_permute4x64_epi64::<0xd8>(_mm256_unpacklo_epi64(a, b))),
            instruction!(self, _mm256_permute4x64_epi64::<0xd8>(_mm256_unpackhi_epi64(a, b))),
        ]
    }

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        instruction!(self, _mm256_add_epi64(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m256i, b: __m256i) -> __m256i {
        instruction!(self, _mm256_mul_epu32(a, b))
    }

    #[inline(always)]
    fn and(self, a: __m256i, b: __m256i) -> __m256i {
        instruction!(self, _mm256_and_si256(a, b))
    }

    #[inline(always)]
    fn or(self, a: __m256i, b: __m256i) -> __m256i {
        instruction!(self, _mm256_or_si256(a, b))
    }

    #[inline(always)]
    fn left<const BITS: u32>(self, a: __m256i) -> __m256i {
        instruction!(self, _mm256_sllv_epi64(a, self.splat(u64::from(BITS))))
    }

    #[inline(always)]
    fn right<const BITS: u32>(self, a: __m256i) -> __m256i {
        instruction!(self, _mm256_srlv_epi64(a, self.splat(u64::from(BITS))))
    }

    #[inline(always)]
    fn total(self, a: __m256i) -> u64 {
        let mut words = [0_u64; 4];
        // SAFETY: 32 bytes may be written there, at any alignment.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), a) }
        words.iter().sum()
    }
}

impl Limbs for Avx512 {
    type Vector = __m512i;
    const LANES: usize = 8;

    #[inline(always)]
    fn splat(self, word: u64) -> __m512i {
        instruction!(self, _mm512_set1_epi64(word.cast_signed()))
    }

    #[inline(always)]
    fn load_words(self, words: &[u64; MOST]) -> __m512i {
        // SAFETY: 64 bytes may be read there, at any alignment.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_halves(self, blocks: &[[u8; 16]]) -> [__m512i; 2] {
        let (near, far) = blocks[..8].split_at(4);
        // SAFETY: 64 bytes may be read at each, at any alignment.
        let (a, b) = unsafe {
            (_mm512_loadu_si512(near.as_ptr().cast()), _mm512_loadu_si512(far.as_ptr().cast()))
        };
        let low = self.load_words(&[0, 2, 4, 6, 8, 10, 12, 14]);
        let high = self.load_words(&[1, 3, 5, 7, 9, 11, 13, 15]);
        [
            instruction!(self, _mm512_permutex2var_epi64(a, low, b)),
            instruction!(self, _mm512_permutex2var_epi64(a, high, b)),
        ]
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        instruction!(self, _mm512_add_epi64(a, b))
    }

    #[inline(always)]
    fn mul(self, a: __m512i, b: __m512i) -> __m512i {
        instruction!(self, _mm512_mul_epu32(a, b))
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        instruction!(self, _mm512_and_si512(a, b))
    }

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        instruction!(self, _mm512_or_si512(a, b))
    }

    #[inline(always)]
    fn left<const BITS: u32>(self, a: __m512i) -> __m512i {
        instruction!(self, _mm512_slli_epi64::<BITS>(a))
    }

    #[inline(always)]
    fn right<const BITS: u32>(self, a: __m512i) -> __m512i {
        instruction!(self, _mm512_srli_epi64::<BITS>(a))
    }

    #[inline(always)]
    fn total(self, a: __m512i) -> u64 {
        instruction!(self, _mm512_reduce_add_epi64(a)).cast_unsigned()
    }
}
