//! The Internet checksum (RFC 1071). A *sum* is a ones' complement sum of big-endian words; the checksum is
//! its complement.

use earthline_simd::internet;

/// The sum of bytes; an odd last one is padded with zero.
pub(super) fn sum(bytes: &[u8]) -> u16 {
    // The sum of words in the other byte order is the sum with its bytes swapped.
    u16::from_be_bytes(internet::sum(bytes).to_ne_bytes())
}

/// The sum of two sums.
pub(super) fn add(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u16::from(carry)
}

/// A sum without a part that was added to it.
pub(super) fn subtract(sum: u16, part: u16) -> u16 {
    add(sum, !part)
}

/// The sum of the pseudo-header: both addresses, the protocol, and the length behind the IP headers.
pub(super) fn pseudo_header(addresses: &[u8], protocol: u8, length: usize) -> u16 {
    let length = add((length >> 16) as u16, length as u16);
    add(sum(addresses), add(u16::from(protocol), length))
}

/// The checksum of bytes.
pub fn checksum(bytes: &[u8]) -> u16 {
    !sum(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word_by_word(bytes: &[u8]) -> u16 {
        bytes.chunks(2).fold(0, |total, word| {
            add(total, u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)]))
        })
    }

    #[test]
    fn sum_is_that_of_the_words_whatever_the_length() {
        let bytes: Vec<u8> = (0..3000_u32).map(|index| (index * index / 7) as u8 | 0x80).collect();
        for length in (0..200).chain([1399, 2800, 2999]) {
            assert_eq!(sum(&bytes[..length]), word_by_word(&bytes[..length]), "{length}");
        }
    }

    #[test]
    fn known_header_has_its_known_checksum() {
        let header =
            *b"\x45\x00\x00\x73\x00\x00\x40\x00\x40\x11\xb8\x61\xc0\xa8\x00\x01\xc0\xa8\x00\xc7";
        assert_eq!(checksum(&header), 0);
        let mut blank = header;
        blank[10..12].fill(0);
        assert_eq!(checksum(&blank), 0xb861);
    }

    #[test]
    fn part_is_taken_out_of_a_sum_again() {
        let whole = add(sum(b"some words"), 0x1234);
        assert_eq!(subtract(whole, 0x1234), sum(b"some words"));
    }
}
