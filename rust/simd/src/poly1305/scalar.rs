//! Numbers modulo p = 2^130 - 5, one at a time.

/// Bits of the two low limbs; the third has 42, so that 2^132 = 20 modulo p follows them.
pub(super) const BITS: u32 = 44;
pub(super) const MASK: u64 = (1 << BITS) - 1;
const TOP_MASK: u64 = MASK >> 2;

/// A number in limbs, lowest first: 44 bits, 44 and perhaps one more, and 42.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Number(pub(super) [u64; 3]);

impl Number {
    /// r: the first half of a key, less the bits that the standard clears.
    pub(super) fn clamped(half: u128) -> Self {
        Self::from_bits(half & 0x0ffffffc_0ffffffc_0ffffffc_0fffffff)
    }

    fn from_bits(bits: u128) -> Self {
        Self([bits as u64 & MASK, (bits >> BITS) as u64 & MASK, (bits >> (2 * BITS)) as u64])
    }

    /// With a whole block added.
    #[inline(always)]
    pub(super) fn plus_block(self, block: [u8; 16]) -> Self {
        let mut block = Self::from_bits(u128::from_le_bytes(block));
        block.0[2] |= 1 << (128 - 2 * BITS);
        self.plus(block)
    }

    /// With the end of a message added, fewer bytes than a block.
    pub(super) fn plus_end(self, bytes: &[u8]) -> Self {
        let mut block = [0; 16];
        block[..bytes.len()].copy_from_slice(bytes);
        block[bytes.len()] = 1;
        self.plus(Self::from_bits(u128::from_le_bytes(block)))
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        let ([a, b, c], [d, e, f]) = (self.0, other.0);
        Self([a + d, b + e, c + f])
    }

    #[inline(always)]
    pub(super) fn times(self, other: &Self) -> Self {
        let [h0, h1, h2] = self.0.map(u128::from);
        let [r0, r1, r2] = other.0.map(u128::from);
        // The products beyond 2^132 come back times 20, which still fits 64 bits.
        let [s1, s2] = [u128::from(20 * other.0[1]), u128::from(20 * other.0[2])];
        let d0 = h0 * r0 + h1 * s2 + h2 * s1;
        let d1 = h0 * r1 + h1 * r0 + h2 * s2 + (d0 >> BITS);
        let d2 = h0 * r2 + h1 * r1 + h2 * r0 + (d1 >> BITS);
        let low = (d0 as u64 & MASK) + (d2 >> (BITS - 2)) as u64 * 5;
        Self([low & MASK, (d1 as u64 & MASK) + (low >> BITS), d2 as u64 & TOP_MASK])
    }

    /// Less than 2^130.
    fn carried(self) -> Self {
        let mut limbs = self.0;
        for _ in 0..2 {
            limbs[1] += limbs[0] >> BITS;
            limbs[2] += limbs[1] >> BITS;
            let over = limbs[2] >> (BITS - 2);
            limbs = [(limbs[0] & MASK) + over * 5, limbs[1] & MASK, limbs[2] & TOP_MASK];
        }
        Self(limbs)
    }

    fn low_bits(self) -> u128 {
        let [h0, h1, h2] = self.0.map(u128::from);
        h0.wrapping_add(h1 << BITS).wrapping_add(h2 << (2 * BITS))
    }
}

/// The number modulo p, plus the second half of a key, modulo 2^128.
pub(super) fn tag(sum: Number, pad: u128) -> [u8; 16] {
    let sum = sum.carried();
    let [h0, h1, h2] = sum.0;
    // Whether it is p or more, without a branch: whether 5 more reaches 2^130.
    let over = (h2 + ((h1 + ((h0 + 5) >> BITS)) >> BITS)) >> (BITS - 2);
    let reduced = sum.low_bits().wrapping_add(u128::from(over * 5));
    reduced.wrapping_add(pad).to_le_bytes()
}
