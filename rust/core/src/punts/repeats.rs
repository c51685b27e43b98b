//! Whether something was seen before, lately: fixed memory, whatever strangers send.
//!
//! An honest node that is not answered repeats itself. Who forges a new sender for each packet does not, and
//! who repeats forged ones gets through half as many.

use std::hash::Hash;

use crate::switch::tables::Keyed;

/// Bits of one generation: 2 MiB, of which only the pages count that a flood has touched.
const BITS: usize = 1 << 24;
/// Bits set for each entry.
const BITS_EACH: u32 = 6;
/// A generation ends after so many entries, which are there within 5 s if 100,000 come a second. One in 40,000 of
/// those that were never seen is then taken for seen.
const MAX_ENTRIES: usize = 1 << 19;
/// A generation ends after this, in ms: a stranger's next try comes within 5 s.
const GENERATION_MS: u64 = 10_000;

/// Keyed marks of what was seen in this generation and in the one before.
pub(super) struct Repeats {
    keyed: Keyed,
    young: Generation,
    old: Generation,
    since: u64,
}

impl Repeats {
    pub(super) fn new(keyed: &Keyed) -> Self {
        let (young, old) = (Generation::new(), Generation::new());
        Self { keyed: keyed.clone(), young, old, since: 0 }
    }

    /// Whether it was noted within the last 10 to 20 s, or among the last half a million; it is noted now.
    pub(super) fn note(&mut self, what: impl Hash, now: u64) -> bool {
        self.age(now);
        let hash = self.keyed.hash(what);
        let in_old = self.old.has(hash);
        self.young.note(hash) || in_old
    }

    fn age(&mut self, now: u64) {
        // After the clock was set back the age is unknown, and taken for one generation.
        let age = now.checked_sub(self.since).unwrap_or(GENERATION_MS);
        if age < GENERATION_MS && self.young.entries < MAX_ENTRIES {
            return;
        }
        self.since = now;
        std::mem::swap(&mut self.young, &mut self.old);
        self.young.clear();
        if age >= 2 * GENERATION_MS {
            self.old.clear();
        }
    }
}

struct Generation {
    words: Box<[u64]>,
    entries: usize,
}

impl Generation {
    fn new() -> Self {
        // From an allocator that has it from the kernel: nothing is touched that nobody uses.
        Self { words: vec![0; BITS / 64].into_boxed_slice(), entries: 0 }
    }

    fn has(&self, hash: u64) -> bool {
        bits(hash).all(|bit| self.words[bit / 64] >> (bit % 64) & 1 != 0)
    }

    /// Whether it was there before.
    fn note(&mut self, hash: u64) -> bool {
        let had = self.has(hash);
        for bit in bits(hash) {
            self.words[bit / 64] |= 1 << (bit % 64);
        }
        self.entries += usize::from(!had);
        had
    }

    fn clear(&mut self) {
        if self.entries > 0 {
            *self = Self::new();
        }
    }
}

fn bits(hash: u64) -> impl Iterator<Item = usize> {
    let (first, step) = (hash as u32, (hash >> 32) as u32 | 1);
    (0..BITS_EACH).map(move |n| first.wrapping_add(n.wrapping_mul(step)) as usize % BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_itself_is_known_for_ten_seconds_and_not_for_ever() {
        let mut repeats = Repeats::new(&Keyed::new(&[7; 32]));
        assert!(!repeats.note(1, 50_000));
        assert!(repeats.note(1, 59_999));
        assert!(!repeats.note(2, 60_000), "another one, in a generation of its own");
        assert!(repeats.note(1, 69_999));
        assert!(!repeats.note(3, 70_000));
        assert!(!repeats.note(4, 80_000));
        assert!(!repeats.note(2, 89_999));
        assert!(!repeats.note(4, 200_000), "nothing came for long");
    }

    #[test]
    fn hundred_thousand_strangers_a_second_are_told_from_the_one_who_repeats() {
        let mut repeats = Repeats::new(&Keyed::new(&[7; 32]));
        let mut mistaken = 0;
        for second in 0..5_u64 {
            for number in 0..100_000_u64 {
                let stranger = 1 + second * 100_000 + number;
                mistaken += usize::from(repeats.note(stranger, second * 1000 + number / 100));
            }
            assert_eq!(repeats.note(0, second * 1000 + 999), second > 0);
        }
        assert!(mistaken < 25, "{mistaken} of 500,000");
    }

    #[test]
    fn clock_that_was_set_back_ends_a_generation() {
        let mut repeats = Repeats::new(&Keyed::new(&[7; 32]));
        repeats.note(1, 9_000_000);
        assert!(repeats.note(1, 5000));
        assert!(repeats.note(1, 5001));
    }
}
