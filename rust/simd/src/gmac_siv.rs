//! AES-GMAC-SIV over the body of a packet (01, 3.6).

#[cfg(target_arch = "x86_64")]
mod kernel;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod portable;
#[cfg(target_arch = "x86_64")]
mod schedule;

use subtle::ConstantTimeEq;

use crate::Backend;
use crate::backend::Kind;
#[cfg(target_arch = "x86_64")]
use crate::cpu::{AesNi, Avx512, Vaes};

/// A block of AES and of GHASH, and the tag of a packet.
pub type Block = [u8; 16];

/// The scheduled keys of a pair of nodes.
pub struct GmacSiv(Keys);

#[allow(clippy::large_enum_variant, reason = "all are large, and none is moved on the packet path")]
enum Keys {
    Portable(portable::Keys),
    #[cfg(target_arch = "x86_64")]
    AesNi(AesNi, schedule::Keys),
    #[cfg(target_arch = "x86_64")]
    Vaes(Vaes, schedule::Keys),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512, schedule::Keys),
}

impl GmacSiv {
    /// `mac_key` is K0, `block_key` K1 (01, 2.10).
    pub fn new(backend: Backend, mac_key: &[u8; 32], block_key: &[u8; 32]) -> Self {
        #[cfg(target_arch = "x86_64")]
        let schedule = schedule::Schedule { mac_key, block_key };
        Self(match backend.0 {
            Kind::Portable => Keys::Portable(portable::Keys::new(mac_key, block_key)),
            #[cfg(target_arch = "x86_64")]
            Kind::AesNi(token) | Kind::Avx2(token, _) => Keys::AesNi(token, token.run(schedule)),
            #[cfg(target_arch = "x86_64")]
            Kind::Vaes(token) => Keys::Vaes(token, AesNi::from(token).run(schedule)),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(token) => Keys::Avx512(token, AesNi::from(token).run(schedule)),
        })
    }

    /// Encrypt `body` and return the tag, which hides `iv`.
    pub fn seal(&self, iv: [u8; 8], associated: &Block, body: &mut [u8]) -> Block {
        match &self.0 {
            Keys::Portable(keys) => keys.seal(iv, associated, body),
            #[cfg(target_arch = "x86_64")]
            Keys::AesNi(token, keys) => token.run(kernel::Seal { keys, iv, associated, body }),
            #[cfg(target_arch = "x86_64")]
            Keys::Vaes(token, keys) => token.run(kernel::Seal { keys, iv, associated, body }),
            #[cfg(target_arch = "x86_64")]
            Keys::Avx512(token, keys) => token.run(kernel::Seal { keys, iv, associated, body }),
        }
    }

    /// Decrypt `body` and say whether it and `associated` are authentic. If not, the body is worthless.
    #[must_use]
    pub fn open(&self, tag: &Block, associated: &Block, body: &mut [u8]) -> bool {
        let (claimed, found) = match &self.0 {
            Keys::Portable(keys) => keys.open(tag, associated, body),
            #[cfg(target_arch = "x86_64")]
            Keys::AesNi(token, keys) => token.run(kernel::Open { keys, tag, associated, body }),
            #[cfg(target_arch = "x86_64")]
            Keys::Vaes(token, keys) => token.run(kernel::Open { keys, tag, associated, body }),
            #[cfg(target_arch = "x86_64")]
            Keys::Avx512(token, keys) => token.run(kernel::Open { keys, tag, associated, body }),
        };
        claimed.ct_eq(&found).into()
    }
}

/// The input of GMAC's one block of AES: a 96-bit nonce, `iv` and zeros, and the counter 1.
fn pad_block(iv: [u8; 8]) -> Block {
    joined(iv, [0, 0, 0, 0, 0, 0, 0, 1])
}

/// The last block of GHASH: how many bits were hashed, the associated block with them.
fn length_block(body: usize) -> Block {
    joined(((16 + body as u64) * 8).to_be_bytes(), [0; 8])
}

/// GMAC's 16 bytes, folded to the 8 that are sent.
fn folded(mac: Block) -> [u8; 8] {
    let (high, low) = halves(mac);
    (u64::from_ne_bytes(high) ^ u64::from_ne_bytes(low)).to_ne_bytes()
}

/// Where counter mode starts: the tag without the bit that keeps a carry inside 32 bits.
fn first_counter(tag: &Block) -> Block {
    let mut start = *tag;
    start[12] &= 0x7f;
    start
}

fn joined([a, b, c, d, e, f, g, h]: [u8; 8], [i, j, k, l, m, n, o, p]: [u8; 8]) -> Block {
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

fn halves([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]: Block) -> ([u8; 8], [u8; 8]) {
    ([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p])
}
