//! The sum behind the Internet checksum (RFC 1071), as wide as the compiler makes it for each processor.

use std::sync::LazyLock;

use crate::Backend;
use crate::backend::Kind;
#[cfg(target_arch = "x86_64")]
use crate::cpu::{Avx2, Avx512, Kernel};

/// Fewer bytes than that are summed before a vector is full.
const SHORT: usize = 64;

static BEST: LazyLock<Backend> = LazyLock::new(Backend::best);

/// The ones' complement sum of 16-bit words in the machine's byte order, by the fastest means this machine has;
/// an odd last byte is padded with zero.
#[inline]
pub fn sum(bytes: &[u8]) -> u16 {
    if bytes.len() < SHORT { folded(bytes) } else { sum_with(bytes, *BEST) }
}

/// The same. All backends give the same sum.
pub fn sum_with(bytes: &[u8], backend: Backend) -> u16 {
    match backend.0 {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(token) => token.run(Sum(bytes)),
        #[cfg(target_arch = "x86_64")]
        Kind::Vaes(token) => Avx2::from(token).run(Sum(bytes)),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(_, token) => token.run(Sum(bytes)),
        _ => folded(bytes),
    }
}

#[cfg(target_arch = "x86_64")]
struct Sum<'a>(&'a [u8]);

#[cfg(target_arch = "x86_64")]
impl Kernel<Avx2> for Sum<'_> {
    type Output = u16;

    #[inline(always)]
    fn run(self, _: Avx2) -> u16 {
        folded(self.0)
    }
}

#[cfg(target_arch = "x86_64")]
impl Kernel<Avx512> for Sum<'_> {
    type Output = u16;

    #[inline(always)]
    fn run(self, _: Avx512) -> u16 {
        folded(self.0)
    }
}

#[cfg_attr(target_arch = "x86_64", inline(always))]
fn folded(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut total = 0;
    for word in words {
        total += u64::from(u32::from_ne_bytes(*word));
    }
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    total += u64::from(u32::from_ne_bytes(last));
    while total >> 16 != 0 {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}
