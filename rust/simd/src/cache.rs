//! Memory that is asked for before it is needed.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Bytes that the processor fetches at once.
const LINE: usize = 64;

/// Have a value in the cache soon, and go on meanwhile. Does nothing on processors that are not asked that way.
#[inline]
pub fn prefetch<T>(value: &T) {
    let start: *const i8 = std::ptr::from_ref(value).cast();
    for offset in (0..size_of::<T>()).step_by(LINE) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: it is only a hint, and inside of a value.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset));
        }
    }
}
