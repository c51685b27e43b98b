//! The published vectors of the protocol (01, appendix A), to the byte.

use earthline_core::identity::{
    agree, agree_into, generate, kbkdf, memory_hard_digest, public_key_of, sign, validate, verify,
};
use earthline_core::keys::{LABEL_K0, LABEL_K1, OpenError, SealError, SessionKeys};
use earthline_core::packet::{FLAGS, HEADER_LENGTH, VERB, header};
use earthline_simd::Backend;

const A: u64 = 0x62_127e_89a9;
const A_PUBLIC: &str = "65b5bd1533d5e88b8a6ab022e65c0f05153c0f29de8f69a1564eb4a9faa3ef24\
                        7a243b7dfcb80e3e33e6e99cb94a5388d15a82f0baccf0dfb6456912ee704cae";
const A_PRIVATE: &str = "b6782e13adc25e1b4053346867ae2d2dc16e7cc9e53c3de17e1d275f2a52231b\
                         d64b1084002d5f5f223e62caaed9ab02d319e368e78a54ac310e585ed13f0864";
const A_DIGEST: &str = "0c980ccc9d341366669bd5884acf7e0f176a63060fb633ddd56251cf0c9ea183\
                        6999ab427f60abf3243c2f307dad47f0f3949be975943ff7b5c5d062127e89a9";
const B: u64 = 0x91_9f74_2684;
const B_PUBLIC: &str = "76cf4d6e33ea87ba96395c55d01735fabfa29cb56cea19f882176df1f83d2b5c\
                        7ff5e234652706a866fb556f00e1c02d8745e7f6cfcf2ee05313dc98b548c458";
const B_PRIVATE: &str = "fb75b560bd855c15802e8eafa57fd0692e43896d3dc2cc57b30343761cfb9761\
                         b8c1cb1e0d021b68e70e02bcea804b2ec71f5a00f94be1a4fa6dfdb6aca8bb19";
const B_DIGEST: &str = "05fca7f09fdc8d35ff8c78bcba60482c310b506e118e46f823491f0931fedbed\
                        faa6d94c21a7c61d68e3b82c581d64e193b019b2e3b67caaeafd0f919f742684";
const K: &str = "99d1ce7e458c90f25e212944cd2fd79e6b9c3305d219b22f86df0ec1d97a7bbb\
                 d87989021772c729ad0166fae3166513";
const K0: &str = "1bab32d88255b0396c692b9bac0ea1b781341492d4d0e7ef131e96172031eb56\
                  cfcc9cc2318009e89c8d625c03dcc0fc";
const K1: &str = "8da5c27ecfe96a6bc1413d736a703c019cc13f7ab9485b8d1b324e3ef78cc3bc\
                  164e939e11a2e8ac510ec9725631c248";
const SIGNATURE: &str = "b3de3e1c581956f1264cd3527593d63bf504a4867d46088a8dddafe080dc4a05\
                         3304e04d29b30e919c468f57b0a9776e72b2f97da4e45a0c1246b2e36af5050a\
                         ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a";

/// Packet A to B, verb ECHO, payload `ping`, in suites 0, 1 and 3.
const PACKETS: [(u8, &str); 3] = [
    (0, "0102030405060708919f74268462127e89a900848ec4b9c18b6d450870696e67"),
    (1, "0102030405060708919f74268462127e89a988405be5a723506873c10fbcd6bd"),
    (3, "7adf52d235978732919f74268462127e89a91813ed72e25ef9a77a7a7b15dd0a"),
];

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn digit(hex: u8) -> u8 {
    (hex as char).to_digit(16).map_or(0, |digit| digit as u8)
}

fn array<const N: usize>(hex: &str) -> [u8; N] {
    bytes(hex).try_into().unwrap_or([0; N])
}

fn ping() -> Vec<u8> {
    let mut packet = header(0x0102_0304_0506_0708, B, A, 0x08).to_vec();
    packet.extend_from_slice(b"ping");
    packet
}

/// The keys of K by every backend of this machine.
fn all_keys() -> impl Iterator<Item = (SessionKeys, Backend)> {
    Backend::all().map(|backend| (SessionKeys::with_backend(&array(K), backend), backend))
}

/// A plain packet of this size with a body that differs from byte to byte.
fn long(size: usize) -> Vec<u8> {
    let mut packet = header(0x0102_0304_0506_0708, B, A, 0x06).to_vec();
    packet.extend((packet.len()..size).map(|place| (place * 7) as u8));
    packet
}

#[test]
fn identities_hash_to_their_addresses() {
    for (address, public, digest) in [(A, A_PUBLIC, A_DIGEST), (B, B_PUBLIC, B_DIGEST)] {
        assert_eq!(memory_hard_digest(&array(public)).as_slice(), bytes(digest));
        assert!(validate(address, &array(public)));
        assert!(!validate(address ^ 1, &array(public)));
    }
}

#[test]
fn public_keys_follow_from_private_keys() {
    assert_eq!(public_key_of(&array(A_PRIVATE)).as_slice(), bytes(A_PUBLIC));
    assert_eq!(public_key_of(&array(B_PRIVATE)).as_slice(), bytes(B_PUBLIC));
}

#[test]
fn both_sides_agree_on_the_same_keys() {
    let key = agree(&array(A_PRIVATE), &array(B_PUBLIC));
    assert_eq!(key.as_slice(), bytes(K));
    assert_eq!(agree(&array(B_PRIVATE), &array(A_PUBLIC)), key);
    assert_eq!(kbkdf(&key, LABEL_K0, 0, 0).as_slice(), bytes(K0));
    assert_eq!(kbkdf(&key, LABEL_K1, 0, 0).as_slice(), bytes(K1));
}

#[test]
fn longer_agreements_continue_shorter_ones() {
    let mut long = [0; 160];
    agree_into(&array(A_PRIVATE), &array(B_PUBLIC), &mut long);
    assert_eq!(long[..48], bytes(K));
}

#[test]
fn signatures_are_those_of_the_reference() {
    let signature = sign(&array(A_PRIVATE), b"abc");
    assert_eq!(signature.as_slice(), bytes(SIGNATURE));
    assert!(verify(&array(A_PUBLIC), b"abc", &signature));
    assert!(!verify(&array(B_PUBLIC), b"abc", &signature));
    assert!(!verify(&array(A_PUBLIC), b"abd", &signature));
    assert!(!verify(&array(A_PUBLIC), b"abc", &signature[..95]));
}

#[test]
fn every_suite_seals_and_opens_as_the_reference() {
    for (keys, backend) in all_keys() {
        for (suite, wire) in PACKETS {
            let mut packet = ping();
            assert_eq!(keys.seal(&mut packet, suite), Ok(()));
            assert_eq!(packet, bytes(wire), "suite {suite} by {backend}");
            assert_eq!(keys.open(&mut packet), Ok(()), "suite {suite} by {backend}");
            assert_eq!(packet[VERB..], *b"\x08ping");
        }
    }
}

#[test]
fn every_backend_seals_packets_of_any_length_alike() {
    for suite in [0, 1, 3] {
        for size in (HEADER_LENGTH..1300).chain([2800, 2801, 8000, 9999]) {
            let mut sealed = all_keys().map(|(keys, backend)| {
                let mut packet = long(size);
                assert_eq!(keys.seal(&mut packet, suite), Ok(()));
                let mut opened = packet.clone();
                assert_eq!(keys.open(&mut opened), Ok(()), "suite {suite}, {size} by {backend}");
                assert_eq!(opened[VERB..], long(size)[VERB..]);
                packet
            });
            let first = sealed.next();
            assert!(sealed.all(|packet| Some(&packet) == first.as_ref()), "suite {suite}, {size}");
        }
    }
}

#[test]
fn only_the_hop_count_may_change_in_transit() {
    for (keys, backend) in all_keys() {
        for (suite, wire) in PACKETS {
            let wire = bytes(wire);
            for bit in 0..wire.len() * 8 {
                let mut packet = wire.clone();
                packet[bit / 8] ^= 1 << (bit % 8);
                let is_hop = bit / 8 == FLAGS && bit % 8 < 3;
                let opened = keys.open(&mut packet).is_ok();
                assert_eq!(opened, is_hop, "bit {bit} of suite {suite} by {backend}");
            }
        }
    }
}

#[test]
fn packets_without_keys_of_their_own_do_not_open() {
    let keys = SessionKeys::new(&array(K));
    let mut trusted = ping();
    trusted[FLAGS] = 0x10;
    assert_eq!(keys.open(&mut trusted), Err(OpenError::Suite));
    assert_eq!(keys.open(&mut [0; HEADER_LENGTH - 1]), Err(OpenError::TooShort));
    assert_eq!(keys.seal(&mut [0; HEADER_LENGTH - 1], 3), Err(SealError::TooShort));
    assert_eq!(keys.seal(&mut ping(), 2), Err(SealError::Suite));
}

#[test]
fn hello_tails_are_masked_under_a_rounded_packet_id() {
    for (keys, backend) in all_keys() {
        let mut tail = *b"ping";
        keys.mask_hello_tail(0x0102_0304_0506_0707, &mut tail);
        assert_eq!(tail.as_slice(), bytes("af5f28a4"), "{backend}");
        keys.mask_hello_tail(0x0102_0304_0506_0700, &mut tail);
        assert_eq!(tail, *b"ping");
    }
}

#[test]
fn generation_is_a_function_of_seed_and_threads() {
    for threads in [1, 3] {
        let first = generate(&[5; 32], threads);
        let again = generate(&[5; 32], threads);
        assert_eq!(first.private_key, again.private_key);
        assert_eq!(public_key_of(&first.private_key), first.public_key);
        assert!(validate(first.address, &first.public_key));
    }
}
