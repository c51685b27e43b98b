//! Tokens: proof that this processor has a set of features.

/// Work that is compiled for the features of a token.
///
/// All it calls with vectors has to be inlined too, so it has loops where elsewhere closures would
/// stand: a closure may end up as a function without the features, which is correct but slow.
pub(crate) trait Kernel<Token> {
    type Output;
    /// To be `#[inline(always)]`: only so does it become code for these features.
    fn run(self, token: Token) -> Self::Output;
}

/// Declares a token with its features.
macro_rules! token {
    ($(#[$doc:meta])* $name:ident: $enable:literal, $($feature:tt)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name(());

        impl $name {
            /// The token, if this processor has the features.
            pub(crate) fn detect() -> Option<Self> {
                (true $(&& is_x86_feature_detected!($feature))*).then_some(Self(()))
            }

            /// Run `kernel` as code for these features.
            #[inline]
            pub(crate) fn run<K: Kernel<Self>>(self, kernel: K) -> K::Output {
                #[target_feature(enable = $enable)]
                fn compiled<K: Kernel<$name>>(token: $name, kernel: K) -> K::Output {
                    kernel.run(token)
                }
                // SAFETY: a token exists only where its features were detected.
                unsafe { compiled(self, kernel) }
            }
        }
    };
}

token!(
    /// AES and carry-less products of one block.
    AesNi: "aes,pclmulqdq,ssse3,sse4.1",
    "aes" "pclmulqdq" "ssse3" "sse4.1"
);
token!(
    /// Integers in 256-bit vectors.
    Avx2: "avx2",
    "avx2"
);
token!(
    /// AES and carry-less products of two blocks.
    Vaes: "aes,pclmulqdq,ssse3,sse4.1,avx2,vaes,vpclmulqdq",
    "aes" "pclmulqdq" "ssse3" "sse4.1" "avx2" "vaes" "vpclmulqdq"
);
token!(
    /// AES and carry-less products of four blocks, integers in 512-bit vectors.
    Avx512: "aes,pclmulqdq,ssse3,sse4.1,avx2,vaes,vpclmulqdq,avx512f,avx512bw,avx512dq,avx512vl",
    "aes" "pclmulqdq" "ssse3" "sse4.1" "avx2" "vaes" "vpclmulqdq"
    "avx512f" "avx512bw" "avx512dq" "avx512vl"
);

impl From<Vaes> for AesNi {
    #[inline(always)]
    fn from(_: Vaes) -> Self {
        Self(())
    }
}

impl From<Vaes> for Avx2 {
    #[inline(always)]
    fn from(_: Vaes) -> Self {
        Self(())
    }
}

impl From<Avx512> for AesNi {
    #[inline(always)]
    fn from(_: Avx512) -> Self {
        Self(())
    }
}

/// An instruction on registers, in a method of a token.
macro_rules! instruction {
    ($token:expr, $call:expr) => {{
        let _: Self = $token;
        // SAFETY: a token exists only where its features were detected, and nothing else is asked
        // of instructions that touch registers alone.
        unsafe { $call }
    }};
}
