//! Identities: the memory-hard hash that gives an address, keys, signatures, agreement (01, 2).
//!
//! A public key is 64 bytes: X25519, then Ed25519. A private key is 64 bytes: the X25519 scalar as it
//! was generated, then the Ed25519 seed.

use std::sync::atomic::{AtomicU64, Ordering};

use earthline_simd::salsa::{BLOCK, Salsa, WIDTH, xor};
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha384, Sha512};
use subtle::ConstantTimeEq;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroize;

use crate::packet::{address_from, is_reserved};

/// Memory of the address hash.
const MEMORY: usize = 2_097_152;
/// The first byte of a valid digest is below this.
const PROOF_OF_WORK: u8 = 17;
/// Most threads a search for an identity may use.
pub const MAX_THREADS: usize = 64;
/// Bytes of a signature: Ed25519's 64, then the 32 bytes that were signed.
pub const SIGNATURE_LENGTH: usize = 96;

/// A generated identity.
pub struct Generated {
    /// The 40-bit address its public key hashes to.
    pub address: u64,
    /// X25519 then Ed25519.
    pub public_key: [u8; 64],
    /// X25519 scalar then Ed25519 seed.
    pub private_key: [u8; 64],
}

impl Drop for Generated {
    fn drop(&mut self) {
        self.private_key.zeroize();
    }
}

/// The 64-byte digest of a public key, which takes 2 MiB and some milliseconds (01, 2.2).
pub fn memory_hard_digest(public_key: &[u8; 64]) -> [u8; 64] {
    MemoryHard::default().digest(public_key)
}

/// Whether this address belongs to this key by the memory-hard hash, and is not reserved (01, 2.4).
pub fn validate(address: u64, public_key: &[u8; 64]) -> bool {
    !is_reserved(address) && accepted_address(&memory_hard_digest(public_key)) == Some(address)
}

/// Search for an identity on some threads (01, 2.3). The same seed and number of threads give the same
/// identity: thread *t* tries the keys of its own stream, and of all finds the one with the least
/// (attempt, thread) wins.
pub fn generate(seed: &[u8; 32], threads: usize) -> Generated {
    let threads = threads.clamp(1, MAX_THREADS);
    let mut signing = [0; 32];
    stream(seed, 0).fill_bytes(&mut signing);
    // The least number of attempts after which any thread has found a key.
    let found_at = AtomicU64::new(u64::MAX);
    let mut finds: Vec<(u64, Generated)> = std::thread::scope(|scope| {
        let searches: Vec<_> = (1..=threads as u64)
            .map(|thread| {
                let keys = stream(seed, thread);
                scope.spawn(|| search(keys, &signing, &found_at))
            })
            .collect();
        searches.into_iter().filter_map(|search| search.join().ok().flatten()).collect()
    });
    signing.zeroize();
    finds.sort_by_key(|(attempt, _)| *attempt);
    match finds.into_iter().next() {
        Some((_, identity)) => identity,
        // Unreachable: a search ends without a find only where another has one.
        None => generate(seed, threads),
    }
}

/// The 64-byte public key of a private key (01, 2.1).
pub fn public_key_of(private_key: &[u8; 64]) -> [u8; 64] {
    let (scalar, seed) = halves(private_key);
    let agreement = PublicKey::from(&StaticSecret::from(scalar));
    let signing = SigningKey::from_bytes(&seed).verifying_key();
    joined(agreement.as_bytes(), signing.as_bytes())
}

/// Sign a message: Ed25519 over the first half of its SHA-512, then that half (01, 2.8).
pub fn sign(private_key: &[u8; 64], message: &[u8]) -> [u8; SIGNATURE_LENGTH] {
    let (_, seed) = halves(private_key);
    let (hash, _) = halves(&Sha512::digest(message).into());
    let mut signature = [0; SIGNATURE_LENGTH];
    let (ed25519, signed) = signature.split_at_mut(64);
    ed25519.copy_from_slice(&SigningKey::from_bytes(&seed).sign(&hash).to_bytes());
    signed.copy_from_slice(&hash);
    signature
}

/// Whether a signature of any length holds for a message (01, 2.8).
pub fn verify(public_key: &[u8; 64], message: &[u8], signature: &[u8]) -> bool {
    let Some((ed25519, signed)) = signature.split_first_chunk::<64>() else { return false };
    let (hash, _) = halves(&Sha512::digest(message).into());
    if !bool::from(hash.as_slice().ct_eq(signed)) {
        return false;
    }
    let (_, key) = halves(public_key);
    // Cofactorless, as the reference checks; S must be canonical.
    VerifyingKey::from_bytes(&key)
        .is_ok_and(|key| key.verify(&hash, &Signature::from_bytes(ed25519)).is_ok())
}

/// Fill `output` with the agreement of a private key and another's public key: SHA-512 of the X25519
/// secret, then SHA-512 of that, and so on. Its first 48 bytes are K (01, 2.9).
pub fn agree_into(private_key: &[u8; 64], public_key: &[u8; 64], output: &mut [u8]) {
    let (scalar, _) = halves(private_key);
    let (theirs, _) = halves(public_key);
    let raw = StaticSecret::from(scalar).diffie_hellman(&PublicKey::from(theirs));
    let mut digest: [u8; 64] = Sha512::digest(raw.as_bytes()).into();
    for chunk in output.chunks_mut(64) {
        chunk.copy_from_slice(digest.get(..chunk.len()).unwrap_or_default());
        digest = Sha512::digest(digest).into();
    }
    digest.zeroize();
}

/// K, the permanent key of two identities (01, 2.9).
pub fn agree(private_key: &[u8; 64], public_key: &[u8; 64]) -> [u8; 48] {
    let mut key = [0; 48];
    agree_into(private_key, public_key, &mut key);
    key
}

/// 48 bytes derived from K for a purpose (01, 2.10).
pub fn kbkdf(key: &[u8; 48], label: u8, context: u8, counter: u32) -> [u8; 48] {
    let [a, b, c, d] = counter.to_be_bytes();
    let message = [a, b, c, d, b'Z', b'T', label, 0, context, 0, 0, 0x01, 0x80];
    let Ok(mac) = Hmac::<Sha384>::new_from_slice(key) else { return [0; 48] };
    mac.chain_update(message).finalize().into_bytes().into()
}

/// The address a digest gives: its last five bytes, if it is proof of work and not reserved.
fn accepted_address(digest: &[u8; 64]) -> Option<u64> {
    let [first, .., a, b, c, d, e] = *digest;
    let address = address_from([a, b, c, d, e]);
    (first < PROOF_OF_WORK && !is_reserved(address)).then_some(address)
}

/// One of the independent key streams of a seed.
fn stream(seed: &[u8; 32], number: u64) -> ChaCha20Rng {
    let mut stream = ChaCha20Rng::from_seed(*seed);
    stream.set_stream(number);
    stream
}

/// Try keys until one is accepted, or until another thread has found one in fewer attempts.
fn search(
    mut keys: ChaCha20Rng,
    signing: &[u8; 32],
    found_at: &AtomicU64,
) -> Option<(u64, Generated)> {
    let mut hash = MemoryHard::default();
    let verifying = SigningKey::from_bytes(signing).verifying_key();
    let mut scalar = [0; 32];
    for attempt in 0.. {
        if attempt > found_at.load(Ordering::Relaxed) {
            return None;
        }
        keys.fill_bytes(&mut scalar);
        let agreement = PublicKey::from(&StaticSecret::from(scalar));
        let public_key = joined(agreement.as_bytes(), verifying.as_bytes());
        if let Some(address) = accepted_address(&hash.digest(&public_key)) {
            found_at.fetch_min(attempt, Ordering::Relaxed);
            return Some((
                attempt,
                Generated { address, public_key, private_key: joined(&scalar, signing) },
            ));
        }
    }
    None
}

fn halves(whole: &[u8; 64]) -> ([u8; 32], [u8; 32]) {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    first.copy_from_slice(&whole[..32]);
    second.copy_from_slice(&whole[32..]);
    (first, second)
}

fn joined(first: &[u8; 32], second: &[u8; 32]) -> [u8; 64] {
    let mut whole = [0; 64];
    whole[..32].copy_from_slice(first);
    whole[32..].copy_from_slice(second);
    whole
}

/// The hash's memory, G, kept between attempts of a search. Words are native so that moving one is a
/// plain load and store; only indices are read big-endian.
struct MemoryHard {
    memory: Vec<[u8; 8]>,
}

impl Default for MemoryHard {
    fn default() -> Self {
        Self { memory: vec![[0; 8]; MEMORY / 8] }
    }
}

/// Words of a keystream block, and of D.
const WORDS: usize = BLOCK / 8;

impl MemoryHard {
    fn digest(&mut self, public_key: &[u8; 64]) -> [u8; 64] {
        let mut digest: [u8; 64] = Sha512::digest(public_key).into();
        let (key, rest) = halves(&digest);
        let [nonce @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            rest;
        let stream = Salsa::<20>::new(&key, nonce);
        self.fill(&stream);
        self.mix(&stream, &mut digest);
        digest
    }

    /// Step 3: each block is the one before XOR the next of the keystream.
    fn fill(&mut self, stream: &Salsa<20>) {
        let mut previous = [0; BLOCK];
        for (group, memory) in self.memory.chunks_mut(WORDS * WIDTH).enumerate() {
            let keystream = stream.blocks((group * WIDTH) as u64);
            for (block, words) in keystream.iter().zip(memory.chunks_mut(WORDS)) {
                xor(&mut previous, block);
                words.copy_from_slice(previous.as_chunks().0);
            }
        }
    }

    /// Step 5: exchange words of G and D, each pair of words of G naming the places.
    fn mix(&mut self, stream: &Salsa<20>, digest: &mut [u8; 64]) {
        let first = (MEMORY / BLOCK) as u64;
        for group in 0..MEMORY / 16 / WIDTH {
            let keystream = stream.blocks(first + (group * WIDTH) as u64);
            for (step, block) in keystream.iter().enumerate() {
                self.exchange(2 * (group * WIDTH + step), digest);
                xor(digest, block);
            }
        }
    }

    #[inline]
    fn exchange(&mut self, word: usize, digest: &mut [u8; 64]) {
        let [Some(i1), Some(i2)] = [self.memory.get(word), self.memory.get(word + 1)] else {
            return;
        };
        let i1 = u64::from_be_bytes(*i1) as usize % WORDS;
        let i2 = u64::from_be_bytes(*i2) as usize % (MEMORY / 8);
        let words = digest.as_chunks_mut::<8>().0;
        if let (Some(a), Some(b)) = (words.get_mut(i1), self.memory.get_mut(i2)) {
            std::mem::swap(a, b);
        }
    }
}
