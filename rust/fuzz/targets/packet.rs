//! One datagram of anybody: its layout, opening it, unpacking it, signatures and Ethernet frames in it.
//!
//! The input is the datagram.

#![no_main]

use std::sync::LazyLock;

use earthline_core::compress::{compress, decompress};
use earthline_core::ethernet;
use earthline_core::fragment::split;
use earthline_core::identity::{SIGNATURE_LENGTH, verify};
use earthline_core::keys::SessionKeys;
use earthline_core::packet::{
    self, DEFAULT_MTU, Datagram, FLAGS, HEADER_LENGTH, HOPS_MASK, MAX_HOPS, MAX_PACKET, VERB,
    VERB_COMPRESSED,
};
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<SessionKeys> = LazyLock::new(|| SessionKeys::new(&[9; 48]));

fuzz_target!(|bytes: &[u8]| {
    layout(bytes);
    opens_only_what_was_sealed(bytes);
    unpacks_within_bounds(bytes);
    comes_out_as_it_went_in(bytes);
    if let Some((header, payload)) = ethernet::Header::parse(bytes) {
        assert_eq!([header.bytes().as_slice(), payload].concat(), bytes);
    }
    if let Some((key, rest)) = bytes.split_first_chunk::<64>() {
        let (signature, message) = rest.split_at(rest.len().min(SIGNATURE_LENGTH));
        let _ = verify(key, message, signature);
    }
});

/// What heads and fragments say is in the datagram, and relaying changes their hops only.
fn layout(bytes: &[u8]) {
    let mut relayed = bytes.to_vec();
    packet::increment_hops(&mut relayed);
    let changed = bytes.iter().zip(&relayed).filter(|(before, after)| before != after).count();
    assert!(relayed.len() == bytes.len() && changed <= 1);
    match Datagram::classify(bytes) {
        Datagram::Head(head) => {
            assert_eq!(head.payload(), &bytes[HEADER_LENGTH..]);
            assert!(head.destination() >> 40 == 0 && head.source() >> 40 == 0);
            if head.hops() < MAX_HOPS {
                assert_eq!(relayed[FLAGS] & HOPS_MASK, head.hops() + 1);
            }
        }
        Datagram::Fragment(fragment) => {
            assert!(fragment.data().len() < bytes.len() && fragment.destination() >> 40 == 0);
        }
        _ => {}
    }
}

/// Nothing opens that was not sealed with the key. A fuzzer that finds a tag of 64 bits breaks the cipher.
fn opens_only_what_was_sealed(bytes: &[u8]) {
    assert!(KEYS.open(&mut bytes.to_vec()).is_err());
}

fn unpacks_within_bounds(bytes: &[u8]) {
    let mut packed = bytes.to_vec();
    if let Some(verb) = packed.get_mut(VERB) {
        *verb |= VERB_COMPRESSED;
    }
    if decompress(&mut packed).is_ok() {
        assert!(packed.len() <= MAX_PACKET.max(bytes.len()));
    }
}

/// Packed, sealed, cut and all of it taken back.
fn comes_out_as_it_went_in(bytes: &[u8]) {
    if bytes.len() < HEADER_LENGTH || bytes.len() > MAX_PACKET {
        return;
    }
    let mut plain = bytes.to_vec();
    plain[VERB] &= !VERB_COMPRESSED;
    let mut sent = plain.clone();
    compress(&mut sent);
    for suite in [packet::SUITE_POLY1305, packet::SUITE_SALSA_POLY1305, packet::SUITE_AES_GMAC_SIV]
    {
        let mut sealed = sent.clone();
        assert!(KEYS.seal(&mut sealed, suite).is_ok());
        let mut cut = sealed.clone();
        let mut joined = Vec::new();
        let _ = split(&mut cut, 0, DEFAULT_MTU, |place| joined.push(place));
        assert!(joined.iter().all(|place| place.len() <= DEFAULT_MTU));
        assert!(KEYS.open(&mut sealed).is_ok());
        assert!(decompress(&mut sealed).is_ok());
        assert_eq!(sealed[VERB..], plain[VERB..]);
    }
}
