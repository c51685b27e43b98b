//! Poly1305 (RFC 8439, section 2.5) with a key for one message, as a packet's is (01, 3.5).

mod scalar;
#[cfg(target_arch = "x86_64")]
mod vectors;

use crate::Backend;
#[cfg(target_arch = "x86_64")]
use crate::backend::Kind;
#[cfg(target_arch = "x86_64")]
use crate::cpu::Avx2;
use scalar::{Number, tag};

/// The tag of `message` under a key that was never used before.
pub fn poly1305(backend: Backend, key: &[u8; 32], message: &[u8]) -> [u8; 16] {
    let (r, pad) = halves(key);
    let r = Number::clamped(r);
    let (blocks, rest) = message.as_chunks();
    let mut sum = sum(backend, &r, blocks);
    if !rest.is_empty() {
        sum = sum.plus_end(rest).times(&r);
    }
    tag(sum, pad)
}

/// Of whole blocks.
fn sum(backend: Backend, r: &Number, blocks: &[[u8; 16]]) -> Number {
    match backend.0 {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(token) if blocks.len() >= 16 => token.run(vectors::Sum { r, blocks }),
        #[cfg(target_arch = "x86_64")]
        Kind::Vaes(token) if blocks.len() >= 8 => Avx2::from(token).run(vectors::Sum { r, blocks }),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(_, token) if blocks.len() >= 8 => token.run(vectors::Sum { r, blocks }),
        _ => blocks.iter().fold(Number::default(), |sum, block| sum.plus_block(*block).times(r)),
    }
}

fn halves(key: &[u8; 32]) -> (u128, u128) {
    let [r, pad] = [0, 1].map(|index| key.as_chunks().0[index]);
    (u128::from_le_bytes(r), u128::from_le_bytes(pad))
}

#[cfg(test)]
mod tests {
    use super::poly1305;
    use crate::Backend;

    /// RFC 8439, section 2.5.2.
    #[test]
    fn the_tag_of_the_standard_comes_out() {
        let key = [
            0x85, 0xd6, 0xbe, 0x78, 0x57, 0x55, 0x6d, 0x33, 0x7f, 0x44, 0x52, 0xfe, 0x42, 0xd5,
            0x06, 0xa8, 0x01, 0x03, 0x80, 0x8a, 0xfb, 0x0d, 0xb2, 0xfd, 0x4a, 0xbf, 0xf6, 0xaf,
            0x41, 0x49, 0xf5, 0x1b,
        ];
        let tag = 0xa8061dc1305136c6c22b8baf0c0127a9_u128.to_be_bytes();
        for backend in Backend::all() {
            let found = poly1305(backend, &key, b"Cryptographic Forum Research Group");
            assert_eq!(found, tag, "{backend}");
        }
    }
}
