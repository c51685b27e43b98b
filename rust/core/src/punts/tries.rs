//! How often each stranger has tried lately: fixed memory, whatever strangers send.
//!
//! An honest node that is not answered tries again. Who forges a new sender for each packet has one try of each;
//! who repeats a list of forged ones has as many as the list was sent, no more.

use std::hash::Hash;

use crate::switch::tables::Keyed;

/// Cells that count, a byte each: 16 MiB, of which only the pages count that a flood has touched.
const CELLS: usize = 1 << 24;
/// Cells of each stranger. The least of them tells how often it tried, or more.
const CELLS_EACH: u32 = 6;
/// After so many new ones all counts are halved, which a flood of 50,000 a second brings about each 20 s. Just
/// before that one in 1,000 new ones shares all its cells with others, and seems to have tried before.
const MAX_NEW: usize = 1 << 20;
/// After this, in ms, they are halved in any case.
const HALF_LIFE_MS: u64 = 60_000;

/// Keyed counts that fade.
pub(super) struct Tries {
    keyed: Keyed,
    cells: Box<[u8]>,
    /// Whether any cell may count something.
    counts: bool,
    new: usize,
    since: u64,
}

impl Tries {
    pub(super) fn new(keyed: &Keyed) -> Self {
        // Zeroed pages straight from the kernel: none takes memory before it is written to.
        let cells = vec![0; CELLS].into_boxed_slice();
        Self { keyed: keyed.clone(), cells, counts: false, new: 0, since: 0 }
    }

    /// One more try of a stranger; how many that makes.
    pub(super) fn note(&mut self, who: impl Hash, now: u64) -> u8 {
        self.age(now);
        let hash = self.keyed.hash(who);
        let before = cells(hash).map(|cell| self.cells[cell]).min().unwrap_or_default();
        let tries = before.saturating_add(1);
        for cell in cells(hash) {
            self.cells[cell] = self.cells[cell].max(tries);
        }
        self.counts = true;
        self.new += usize::from(before == 0);
        tries
    }

    /// Its tries were worth something, and count no more.
    pub(super) fn spend(&mut self, who: impl Hash) {
        for cell in cells(self.keyed.hash(who)) {
            self.cells[cell] = 0;
        }
    }

    fn age(&mut self, now: u64) {
        // After the clock was set back the age is unknown, and taken for one half-life.
        let age = now.checked_sub(self.since).unwrap_or(HALF_LIFE_MS);
        if age < HALF_LIFE_MS && self.new < MAX_NEW {
            return;
        }
        if std::mem::take(&mut self.counts) {
            // Cells that are zero are not written, so that unused pages stay unallocated.
            for count in self.cells.iter_mut().filter(|count| **count != 0) {
                *count /= 2;
                self.counts |= *count != 0;
            }
        }
        (self.since, self.new) = (now, 0);
    }
}

fn cells(hash: u64) -> impl Iterator<Item = usize> {
    let (first, step) = (hash as u32, (hash >> 32) as u32 | 1);
    (0..CELLS_EACH).map(move |n| first.wrapping_add(n.wrapping_mul(step)) as usize % CELLS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries() -> Tries {
        Tries::new(&Keyed::new(&[7; 32]))
    }

    #[test]
    fn tries_add_up_until_they_are_spent() {
        let mut tries = tries();
        let counts: Vec<_> = (0..3).map(|_| tries.note(1, 50_000)).collect();
        assert_eq!((counts, tries.note(2, 50_000)), (vec![1, 2, 3], 1));
        tries.spend(1);
        assert_eq!((tries.note(1, 50_000), tries.note(2, 50_000)), (1, 2));
    }

    #[test]
    fn tries_fade_and_stop_counting_at_a_bound() {
        let mut tries = tries();
        assert_eq!((0..300).map(|_| tries.note(1, 70_000)).last(), Some(u8::MAX));
        assert_eq!(tries.note(1, 130_000), 128);
        assert_eq!(tries.note(1, 190_000), 65);
        assert_eq!(tries.note(2, 190_000), 1);
    }

    #[test]
    fn hundred_thousand_strangers_a_second_are_told_from_the_one_who_tries_again() {
        let mut tries = tries();
        let mut mistaken = 0;
        for second in 0..5_u64 {
            for number in 0..100_000_u64 {
                let stranger = 1 + second * 100_000 + number;
                mistaken += usize::from(tries.note(stranger, second * 1000 + number / 100) > 1);
            }
            assert_eq!(u64::from(tries.note(0, second * 1000 + 999)), second + 1);
        }
        assert!(mistaken < 25, "{mistaken} of 500,000");
    }

    #[test]
    fn clock_that_was_set_back_halves_once() {
        let mut tries = tries();
        (0..8).for_each(|_| _ = tries.note(1, 9_000_000));
        assert_eq!((tries.note(1, 5000), tries.note(1, 5001)), (5, 6));
    }
}
