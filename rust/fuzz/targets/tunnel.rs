//! A stream of anybody who connects to the TCP relay: the same records come out however it is cut.
//!
//! The first byte of the input says into pieces of how many bytes the rest is cut.

#![no_main]

use earthline_io::hear;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((size, stream)) = bytes.split_first() else { return };
    assert_eq!(hear([stream]), hear(stream.chunks(1 + usize::from(*size))));
});
