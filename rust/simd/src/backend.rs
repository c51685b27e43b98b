//! Which kernels run on this machine.

use std::fmt;

#[cfg(target_arch = "x86_64")]
use crate::cpu::{AesNi, Avx2, Avx512, Vaes};

/// A set of kernels that this machine can run.
#[derive(Clone, Copy, Debug)]
pub struct Backend(pub(crate) Kind);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// No kernels of our own. AES and GHASH still use what a processor has for one block, such as
    /// the instructions of `ARMv8`.
    Portable,
    #[cfg(target_arch = "x86_64")]
    AesNi(AesNi),
    #[cfg(target_arch = "x86_64")]
    Avx2(AesNi, Avx2),
    #[cfg(target_arch = "x86_64")]
    Vaes(Vaes),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Backend {
    /// The fastest one.
    pub fn best() -> Self {
        Self::all().next().unwrap_or(Self(Kind::Portable))
    }

    /// Every one, fastest first.
    #[cfg(target_arch = "x86_64")]
    pub fn all() -> impl Iterator<Item = Self> {
        let narrow = AesNi::detect();
        [
            Avx512::detect().map(Kind::Avx512),
            Vaes::detect().map(Kind::Vaes),
            narrow.zip(Avx2::detect()).map(|(aes, avx2)| Kind::Avx2(aes, avx2)),
            narrow.map(Kind::AesNi),
            Some(Kind::Portable),
        ]
        .into_iter()
        .flatten()
        .map(Self)
    }

    /// Every one, fastest first.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self(Kind::Portable))
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::AesNi(_) => "AES-NI",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(..) => "AES-NI, AVX2",
            #[cfg(target_arch = "x86_64")]
            Kind::Vaes(_) => "VAES, AVX2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "VAES, AVX-512",
        })
    }
}
