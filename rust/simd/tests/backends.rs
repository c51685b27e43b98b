//! Every backend of this machine does what the portable one does, at any length and alignment.

use earthline_simd::Backend;
use earthline_simd::gmac_siv::GmacSiv;
use earthline_simd::internet;
use earthline_simd::poly1305::poly1305;
use earthline_simd::salsa::Salsa;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const LONGEST: usize = 9000;
const CASES: usize = 600;

fn portable() -> Backend {
    Backend::all().last().unwrap_or(Backend::best())
}

fn array<const N: usize>(random: &mut ChaCha20Rng) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill_bytes(&mut bytes);
    bytes
}

/// Random bytes of every short length, then of random ones, each at a random place in its buffer.
fn inputs(seed: u64) -> impl Iterator<Item = (ChaCha20Rng, Vec<u8>, usize)> {
    let mut random = ChaCha20Rng::seed_from_u64(seed);
    (0..2 * CASES).map(move |case| {
        let length = match case {
            ..CASES => case,
            _ => random.next_u32() as usize % (LONGEST + 1),
        };
        let start = random.next_u32() as usize % 64;
        let mut bytes = vec![0; start + length];
        random.fill_bytes(&mut bytes);
        (random.clone(), bytes, start)
    })
}

#[test]
fn every_backend_seals_alike() {
    for (mut random, plain, start) in inputs(1) {
        let (mac, block) = (array(&mut random), array(&mut random));
        let (iv, associated) = (array(&mut random), array(&mut random));
        let mut expected = plain.clone();
        let tag =
            GmacSiv::new(portable(), &mac, &block).seal(iv, &associated, &mut expected[start..]);
        for backend in Backend::all() {
            let keys = GmacSiv::new(backend, &mac, &block);
            let mut sealed = plain.clone();
            let length = plain.len() - start;
            assert_eq!(keys.seal(iv, &associated, &mut sealed[start..]), tag, "{backend} {length}");
            assert_eq!(sealed, expected, "{backend} {length}");
            assert!(keys.open(&tag, &associated, &mut sealed[start..]), "{backend} {length}");
            assert_eq!(sealed, plain, "{backend} {length}");
        }
    }
}

#[test]
fn no_backend_opens_what_was_changed() {
    for (mut random, plain, start) in inputs(2).skip(1).step_by(7) {
        let (mac, block, iv) = (array(&mut random), array(&mut random), array(&mut random));
        let associated = array(&mut random);
        for backend in Backend::all() {
            let keys = GmacSiv::new(backend, &mac, &block);
            let mut sealed = plain.clone();
            let tag = keys.seal(iv, &associated, &mut sealed[start..]);
            let place = start + random.next_u32() as usize % (plain.len() - start);
            let flip = 1 << (random.next_u32() % 8);
            let mut changed = sealed.clone();
            changed[place] ^= flip;
            assert!(!keys.open(&tag, &associated, &mut changed[start..]), "{backend}");
            for at in 0..16 {
                let (mut other_tag, mut other_associated) = (tag, associated);
                other_tag[at] ^= flip;
                other_associated[at] ^= flip;
                assert!(!keys.open(&other_tag, &associated, &mut sealed.clone()[start..]));
                assert!(!keys.open(&tag, &other_associated, &mut sealed.clone()[start..]));
            }
        }
    }
}

#[test]
fn a_counter_near_its_end_carries_nowhere() {
    // Of 64 tags some start high enough for a carry out of the low bytes of the counter.
    for number in 0..=u8::MAX {
        let plain = vec![number; LONGEST];
        let mut tag = [0xff; 16];
        tag[14] = number;
        let mut expected = plain.clone();
        let _ = GmacSiv::new(portable(), &[1; 32], &[2; 32]).open(&tag, &[0; 16], &mut expected);
        for backend in Backend::all() {
            let mut opened = plain.clone();
            let _ = GmacSiv::new(backend, &[1; 32], &[2; 32]).open(&tag, &[0; 16], &mut opened);
            assert_eq!(opened, expected, "{backend} {number}");
        }
    }
}

#[test]
fn every_backend_streams_alike() {
    for (mut random, plain, start) in inputs(3) {
        let salsa = Salsa::<12>::new(&array(&mut random), array(&mut random));
        let counter = u64::from(u32::MAX) - u64::from(random.next_u32() % 100);
        let mut expected = plain.clone();
        salsa.apply(portable(), counter, &mut expected[start..]);
        for backend in Backend::all() {
            let mut mixed = plain.clone();
            salsa.apply(backend, counter, &mut mixed[start..]);
            assert_eq!(mixed, expected, "{backend} {}", plain.len() - start);
        }
    }
}

#[test]
fn every_backend_authenticates_alike() {
    for (mut random, bytes, start) in inputs(4) {
        let key: [u8; 32] = array(&mut random);
        let message = &bytes[start..];
        let expected: [u8; 16] = Poly1305::new(&key.into()).compute_unpadded(message).into();
        for backend in Backend::all() {
            let tag = poly1305(backend, &key, message);
            assert_eq!(tag, expected, "{backend} {}", message.len());
        }
    }
}

#[test]
fn sums_at_the_modulus_are_reduced() {
    // r = 1 or 2 and blocks of ones push the sum to and around multiples of 2^130 - 5.
    for r in [1, 2, 4] {
        for ends in [0xff, 0xfb, 0xfa, 0x00] {
            for blocks in 0..40 {
                let mut key = [0xff; 32];
                key[..16].copy_from_slice(&[0; 16]);
                key[0] = r;
                let mut message = vec![0xff; 16 * blocks + 16];
                message[0] = ends;
                let expected: [u8; 16] =
                    Poly1305::new(&key.into()).compute_unpadded(&message).into();
                for backend in Backend::all() {
                    assert_eq!(poly1305(backend, &key, &message), expected, "{backend} {blocks}");
                }
            }
        }
    }
}

#[test]
fn every_backend_sums_alike() {
    for (_, bytes, start) in inputs(5) {
        let expected = internet::sum_with(&bytes[start..], portable());
        assert_eq!(internet::sum(&bytes[start..]), expected);
        for backend in Backend::all() {
            assert_eq!(internet::sum_with(&bytes[start..], backend), expected, "{backend}");
        }
    }
}
