//! AES in counter mode and GHASH, eight vectors at a time.

use std::arch::x86_64::__m128i;

use super::lanes::Lanes;
use super::schedule::{Keys, RoundKeys};
use super::{Block, first_counter, folded, halves, joined, length_block, pad_block};
use crate::cpu::Kernel;

/// Vectors in flight.
const GROUP: usize = 8;

/// Seals a body: its tag.
pub(super) struct Seal<'a> {
    pub(super) keys: &'a Keys,
    pub(super) iv: [u8; 8],
    pub(super) associated: &'a Block,
    pub(super) body: &'a mut [u8],
}

impl<S: Lanes> Kernel<S> for Seal<'_> {
    type Output = Block;

    #[inline(always)]
    fn run(self, s: S) -> Block {
        let mut hash = Hash::new(s, self.keys, self.associated);
        let mut groups = self.body.chunks_exact(GROUP * S::WIDTH);
        for group in &mut groups {
            hash.update(group);
        }
        let hashed = hash.finish(groups.remainder(), self.body.len());
        let tag = joined(self.iv, message_tag(s, self.keys, self.iv, hashed));
        let [tag] = encrypt(s.narrow(), &self.keys.encrypt, [s.narrow().block(&tag)]);
        let tag = s.narrow().bytes(tag);
        let mut stream = Stream::new(s, self.keys, &tag);
        let mut groups = self.body.chunks_exact_mut(GROUP * S::WIDTH);
        for group in &mut groups {
            stream.apply::<GROUP>(group);
        }
        stream.finish(groups.into_remainder());
        tag
    }
}

/// Opens a body: the message tag that was sealed, and that of what came.
pub(super) struct Open<'a> {
    pub(super) keys: &'a Keys,
    pub(super) tag: &'a Block,
    pub(super) associated: &'a Block,
    pub(super) body: &'a mut [u8],
}

impl<S: Lanes> Kernel<S> for Open<'_> {
    type Output = ([u8; 8], [u8; 8]);

    #[inline(always)]
    fn run(self, s: S) -> ([u8; 8], [u8; 8]) {
        let length = self.body.len();
        let mut stream = Stream::new(s, self.keys, self.tag);
        let mut hash = Hash::new(s, self.keys, self.associated);
        let mut groups = self.body.chunks_exact_mut(GROUP * S::WIDTH);
        let mut before: Option<&[u8]> = None;
        for group in &mut groups {
            match before {
                Some(before) => stream.apply_and_hash(group, &mut hash, before),
                None => stream.apply::<GROUP>(group),
            }
            before = Some(group);
        }
        if let Some(before) = before {
            hash.update(before);
        }
        let rest = groups.into_remainder();
        stream.finish(rest);
        let (iv, claimed) = halves(decrypt(s, self.keys, self.tag));
        (claimed, message_tag(s, self.keys, iv, hash.finish(rest, length)))
    }
}

/// Encrypt blocks, each vector's rounds beside those of the others.
#[inline(always)]
pub(super) fn encrypt<S: Lanes, const N: usize>(
    s: S,
    keys: &RoundKeys,
    mut blocks: [S::Vector; N],
) -> [S::Vector; N] {
    let [first, middle @ .., last] = keys;
    let key = s.splat(s.narrow().block(first));
    for block in &mut blocks {
        *block = s.xor(*block, key);
    }
    for key in middle {
        round(s, key, &mut blocks);
    }
    last_round(s, last, &mut blocks);
    blocks
}

#[inline(always)]
fn round<S: Lanes, const N: usize>(s: S, key: &Block, blocks: &mut [S::Vector; N]) {
    let key = s.splat(s.narrow().block(key));
    for block in blocks {
        *block = s.aes_round(*block, key);
    }
}

#[inline(always)]
fn last_round<S: Lanes, const N: usize>(s: S, key: &Block, blocks: &mut [S::Vector; N]) {
    let key = s.splat(s.narrow().block(key));
    for block in blocks {
        *block = s.aes_last_round(*block, key);
    }
}

#[inline(always)]
fn decrypt<S: Lanes>(s: S, keys: &Keys, block: &Block) -> Block {
    let s = s.narrow();
    let [first, middle @ .., last] = &keys.decrypt;
    let mut state = s.xor(s.block(block), s.block(first));
    for key in middle {
        state = s.inverse_round(state, s.block(key));
    }
    s.bytes(s.inverse_last_round(state, s.block(last)))
}

#[inline(always)]
fn message_tag<S: Lanes>(s: S, keys: &Keys, iv: [u8; 8], hashed: __m128i) -> [u8; 8] {
    let s = s.narrow();
    let [pad] = encrypt(s, &keys.mac, [s.block(&pad_block(iv))]);
    folded(s.bytes(s.xor(pad, hashed)))
}

/// The keystream of counter mode.
struct Stream<'a, S: Lanes> {
    s: S,
    keys: &'a RoundKeys,
    /// Counters of the next vector, each block backwards, so that the counter is its first word.
    next: S::Vector,
}

impl<'a, S: Lanes> Stream<'a, S> {
    #[inline(always)]
    fn new(s: S, keys: &'a Keys, tag: &Block) -> Self {
        let start = s.narrow().block(&first_counter(tag));
        let start = s.splat(s.narrow().reverse(start));
        let next = s.add(start, s.load(words([0, 1, 2, 3]).as_flattened()));
        Self { s, keys: &keys.encrypt, next }
    }

    #[inline(always)]
    fn counters<const N: usize>(&mut self) -> [S::Vector; N] {
        let mut blocks = [self.next; N];
        let step = self.s.load(words([S::BLOCKS as u8; 4]).as_flattened());
        for block in &mut blocks {
            *block = self.s.reverse(self.next);
            self.next = self.s.add(self.next, step);
        }
        blocks
    }

    /// XOR the keystream over `N` vectors.
    #[inline(always)]
    fn apply<const N: usize>(&mut self, data: &mut [u8]) {
        let counters = self.counters::<N>();
        let keystream = encrypt(self.s, self.keys, counters);
        xor_over(self.s, data, keystream);
    }

    /// Apply to a group, and hash the group before it while the rounds wait for each other.
    #[inline(always)]
    fn apply_and_hash(&mut self, data: &mut [u8], hash: &mut Hash<'_, S>, before: &[u8]) {
        let s = self.s;
        let mut blocks = self.counters::<GROUP>();
        let [first, middle @ .., last] = self.keys;
        let key = s.splat(s.narrow().block(first));
        for block in &mut blocks {
            *block = s.xor(*block, key);
        }
        let (hashing, plain) = middle.split_at(GROUP);
        let mut sum = hash.sum();
        let parts = before.chunks_exact(S::WIDTH);
        let powers = hash.keys.powers_from(GROUP * S::BLOCKS).chunks_exact(S::WIDTH);
        for ((key, part), power) in hashing.iter().zip(parts).zip(powers) {
            round(s, key, &mut blocks);
            sum.add(s, s.load(part), s.load(power));
        }
        hash.state = sum.reduced(s);
        for key in plain {
            round(s, key, &mut blocks);
        }
        last_round(s, last, &mut blocks);
        xor_over(s, data, blocks);
    }

    /// Apply to less than a group, the end of the data.
    #[inline(always)]
    fn finish(mut self, data: &mut [u8]) {
        let mut halves = data.chunks_exact_mut(GROUP / 2 * S::WIDTH);
        for half in &mut halves {
            self.apply::<{ GROUP / 2 }>(half);
        }
        let mut vectors = halves.into_remainder().chunks_exact_mut(S::WIDTH);
        for vector in &mut vectors {
            self.apply::<1>(vector);
        }
        let part = vectors.into_remainder();
        if !part.is_empty() {
            let counters = self.counters::<1>();
            let [keystream] = encrypt(self.s, self.keys, counters);
            let mixed = self.s.xor(self.s.load_part(part), keystream);
            self.s.store_part(mixed, part);
        }
    }
}

/// Blocks with a number in their first word.
fn words(numbers: [u8; 4]) -> [Block; 4] {
    numbers.map(|number| [number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

#[inline(always)]
fn xor_over<S: Lanes, const N: usize>(s: S, data: &mut [u8], keystream: [S::Vector; N]) {
    for (bytes, keystream) in data.chunks_exact_mut(S::WIDTH).zip(keystream) {
        s.store(s.xor(s.load(bytes), keystream), bytes);
    }
}

/// GHASH: blocks are multiplied by falling powers of H, and their sum reduced once.
struct Hash<'a, S: Lanes> {
    s: S,
    keys: &'a Keys,
    /// The hash so far, backwards.
    state: __m128i,
}

impl<'a, S: Lanes> Hash<'a, S> {
    #[inline(always)]
    fn new(s: S, keys: &'a Keys, associated: &Block) -> Self {
        let one = s.narrow();
        let block = one.reverse(one.block(associated));
        let state = one.reduce(one.products(block, one.load(keys.powers_from(1))));
        Self { s, keys, state }
    }

    /// Of one group.
    #[inline(always)]
    fn update(&mut self, group: &[u8]) {
        let s = self.s;
        let mut sum = self.sum();
        let powers = self.keys.powers_from(GROUP * S::BLOCKS).chunks_exact(S::WIDTH);
        for (part, power) in group.chunks_exact(S::WIDTH).zip(powers) {
            sum.add(s, s.load(part), s.load(power));
        }
        self.state = sum.reduced(s);
    }

    /// The hash, after less than a group and the block with the length of the whole body.
    #[inline(always)]
    fn finish(self, rest: &[u8], length: usize) -> __m128i {
        let s = self.s;
        let mut sum = self.sum();
        let powers = self.keys.powers_from(rest.len().div_ceil(16) + 1);
        let mut parts = rest.chunks_exact(S::WIDTH);
        let mut place = 0;
        for part in &mut parts {
            sum.add(s, s.load(part), s.load(&powers[place..]));
            place += S::WIDTH;
        }
        let part = parts.remainder();
        if !part.is_empty() {
            sum.add(s, s.load_part(part), s.load(&powers[place..]));
        }
        let last = s.first(s.narrow().block(&length_block(length)));
        sum.add(s, last, s.load(self.keys.powers_from(1)));
        s.narrow().reverse(sum.reduced(s))
    }

    #[inline(always)]
    fn sum(&self) -> Sum<S> {
        let zero = self.s.zero();
        Sum { carried: self.s.first(self.state), products: [zero; 3] }
    }
}

/// Products that are not reduced yet.
struct Sum<S: Lanes> {
    /// What is to be added to the next blocks.
    carried: S::Vector,
    products: [S::Vector; 3],
}

impl<S: Lanes> Sum<S> {
    #[inline(always)]
    fn add(&mut self, s: S, blocks: S::Vector, powers: S::Vector) {
        let blocks = s.xor(s.reverse(blocks), self.carried);
        self.carried = s.zero();
        for (sum, product) in self.products.iter_mut().zip(s.products(blocks, powers)) {
            *sum = s.xor(*sum, product);
        }
    }

    #[inline(always)]
    fn reduced(self, s: S) -> __m128i {
        let [low, cross, high] = self.products;
        s.narrow().reduce([s.fold(low), s.fold(cross), s.fold(high)])
    }
}
