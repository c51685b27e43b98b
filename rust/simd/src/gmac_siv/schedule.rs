//! What is computed once for a pair of keys: round keys, and powers of H.

use std::arch::x86_64::__m128i;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Block;
use super::kernel::encrypt;
use super::lanes::Lanes;
use crate::cpu::{AesNi, Kernel};

/// The round keys of AES-256.
pub(super) type RoundKeys = [Block; 15];

/// How many powers of H are known: the longest stretch with one reduction has 32 blocks and the length,
/// and three more let the powers of 32 blocks start on a cache line.
const POWERS: usize = 36;

/// Highest power first, and zeros where a vector of the lowest reaches beyond.
#[repr(align(64))]
struct Powers([Block; POWERS + 3]);

pub(super) struct Keys {
    pub(super) mac: RoundKeys,
    pub(super) encrypt: RoundKeys,
    pub(super) decrypt: RoundKeys,
    powers: Powers,
}

impl Keys {
    /// The powers of H from this one down.
    #[inline(always)]
    pub(super) fn powers_from(&self, highest: usize) -> &[u8] {
        self.powers.0[POWERS - highest..].as_flattened()
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.mac.zeroize();
        self.encrypt.zeroize();
        self.decrypt.zeroize();
        self.powers.0.zeroize();
    }
}

impl ZeroizeOnDrop for Keys {}

/// Computes the keys.
pub(super) struct Schedule<'a> {
    pub(super) mac_key: &'a [u8; 32],
    pub(super) block_key: &'a [u8; 32],
}

impl Kernel<AesNi> for Schedule<'_> {
    type Output = Keys;

    #[inline(always)]
    fn run(self, token: AesNi) -> Keys {
        let mac = expanded(token, self.mac_key);
        let encrypt_keys = expanded(token, self.block_key);
        let [h] = encrypt(token, &mac, [token.zero()]);
        Keys {
            decrypt: inverted(token, &encrypt_keys),
            powers: powers(token, token.bytes(h)),
            encrypt: encrypt_keys,
            mac,
        }
    }
}

/// The key schedule of FIPS 197, section 5.2.
#[inline(always)]
fn expanded(token: AesNi, key: &[u8; 32]) -> RoundKeys {
    let mut words = [0_u32; 60];
    for (word, bytes) in words.iter_mut().zip(key.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    for index in 8..60 {
        let before = words[index - 1];
        let change = match index % 8 {
            0 => token.substitute(before.rotate_right(8)) ^ (1 << (index / 8 - 1)),
            4 => token.substitute(before),
            _ => before,
        };
        words[index] = words[index - 8] ^ change;
    }
    let mut keys = [[0; 16]; 15];
    for (bytes, word) in keys.as_flattened_mut().as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    words.zeroize();
    keys
}

/// The round keys of the equivalent inverse cipher (FIPS 197, section 5.3.5), in the order of use.
#[inline(always)]
fn inverted(token: AesNi, keys: &RoundKeys) -> RoundKeys {
    let mut inverse = *keys;
    inverse.reverse();
    for key in &mut inverse[1..14] {
        *key = token.bytes(token.inverse_mix_columns(token.block(key)));
    }
    inverse
}

/// Powers of `h`, backwards and times x, as [`AesNi::reduce`] wants them.
#[inline(always)]
fn powers(token: AesNi, h: Block) -> Powers {
    let h = u128::from_be_bytes(h);
    let carried = if h >> 127 == 1 { 0xc2 << 120 | 1 } else { 0 };
    let first = token.block(&(h << 1 ^ carried).to_le_bytes());
    let mut table = [[0; 16]; POWERS + 3];
    let mut power: __m128i = first;
    for place in table[..POWERS].iter_mut().rev() {
        *place = token.bytes(power);
        power = token.reduce(token.products(power, first));
    }
    Powers(table)
}
