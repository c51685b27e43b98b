//! How often each stranger has tried lately, and in vain: fixed memory, whatever strangers send.
//!
//! An honest node that is not answered tries again. Who forges a new sender for each packet has one try of each;
//! who repeats a list of forged ones has as many as the list was sent, no more. And an honest node that was let in
//! is known soon after, while a forged sender comes back as unknown as before: its tries are worth less each time.

use std::hash::Hash;

use crate::switch::ground::tables::Keyed;

/// Cells that count tries, a byte each: 16 MiB, of which only the pages count that a flood has touched.
const CELLS: usize = 1 << 24;
/// Cells that count who was let in: at most 3,000 a second are.
const LET_IN_CELLS: usize = 1 << 22;
/// Cells of each stranger. The least of them tells how often it tried, or more.
const CELLS_EACH: usize = 6;
/// Cells in a line of the processor's cache, and the lines that those of a stranger are in: most are read from
/// memory, since a flood comes back to none of them soon, and a memory that is waited for six times costs as much
/// as all else that is done for a stranger's packet.
const LINE: usize = 64;
const LINES_EACH: usize = 2;
/// Makes of a hash bits that choose cells: those of its own choose lines. The highest ones depend on all.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
const CELLS_SHIFT: u32 = u64::BITS - CELLS_EACH as u32 * LINE.ilog2();
/// With fewer cells than this for each new one all counts are halved, which a flood of 50,000 a second brings about
/// each 20 s. Just before that one in 1,000 new ones shares all its cells with others, and seems to have tried before.
const CELLS_FOR_EACH: usize = 16;
/// After this, in ms, they are halved in any case.
const HALF_LIFE_MS: u64 = 60_000;

/// What a try is worth, by how often its sender was let in already: one in so many counts, as a power of two.
///
/// The first step is large: a list that is sent again and again must soon be worth less than its senders cost.
const DISCOUNTS: [u32; 3] = [0, 4, 5];

/// What strangers did of late.
pub(super) struct Tries {
    keyed: Keyed,
    tried: Counts,
    let_in: Counts,
}

/// What the tries of a stranger are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Worth {
    /// Tries that count.
    pub(super) tries: u8,
    /// Whether it is this try that made them so many.
    pub(super) rose: bool,
}

impl Tries {
    pub(super) fn new(keyed: &Keyed) -> Self {
        Self { keyed: keyed.clone(), tried: Counts::new(CELLS), let_in: Counts::new(LET_IN_CELLS) }
    }

    /// One more try of a stranger; what all of them are worth.
    pub(super) fn note(&mut self, who: impl Hash, now: u64) -> Worth {
        let hash = self.keyed.hash(who);
        let tries = self.tried.add(hash, now);
        let let_in = usize::from(self.let_in.of(hash, now));
        let discount = DISCOUNTS[let_in.min(DISCOUNTS.len() - 1)];
        let rose = tries != u8::MAX && tries.trailing_zeros() >= discount;
        // Counting ends at some time, waiting must too.
        let tries = if tries == u8::MAX { tries } else { (tries >> discount).max(1) };
        Worth { tries, rose }
    }

    /// It was let in: its tries were worth that, and count no more.
    pub(super) fn spend(&mut self, who: impl Hash, now: u64) {
        let hash = self.keyed.hash(who);
        self.tried.clear(hash);
        self.let_in.add(hash, now);
    }
}

/// Counts by hashes, which fade.
struct Counts {
    /// One line more than are used.
    cells: Box<[u8]>,
    /// Where the first line begins: memory is handed out from the middle of one.
    first: usize,
    /// Whether any cell may count something.
    any: bool,
    new: usize,
    since: u64,
}

impl Counts {
    fn new(cells: usize) -> Self {
        // Zeroed pages straight from the kernel: none takes memory before it is written to.
        let cells = vec![0; cells + LINE].into_boxed_slice();
        let first = cells.as_ptr().align_offset(LINE) % LINE;
        Self { cells, first, any: false, new: 0, since: 0 }
    }

    fn of(&mut self, hash: u64, now: u64) -> u8 {
        self.age(now);
        self.least(self.places(hash))
    }

    fn add(&mut self, hash: u64, now: u64) -> u8 {
        self.age(now);
        let places = self.places(hash);
        let before = self.least(places);
        let count = before.saturating_add(1);
        for place in places {
            self.cells[place] = self.cells[place].max(count);
        }
        self.any = true;
        self.new += usize::from(before == 0);
        count
    }

    fn clear(&mut self, hash: u64) {
        for place in self.places(hash) {
            self.cells[place] = 0;
        }
    }

    fn least(&self, places: [usize; CELLS_EACH]) -> u8 {
        places.into_iter().map(|place| self.cells[place]).min().unwrap_or_default()
    }

    fn used(&self) -> usize {
        self.cells.len() - LINE
    }

    /// Half of them in one line, half in another.
    fn places(&self, hash: u64) -> [usize; CELLS_EACH] {
        let (lines, cells) = (self.used() / LINE, hash.wrapping_mul(MIX) >> CELLS_SHIFT);
        let ends = [hash as u32 as usize % lines, (hash >> 32) as usize % lines];
        std::array::from_fn(|n| {
            let cell = (cells >> (n as u32 * LINE.ilog2())) as usize % LINE;
            self.first + ends[n % LINES_EACH] * LINE + cell
        })
    }

    fn age(&mut self, now: u64) {
        let age = now.saturating_sub(self.since);
        if age < HALF_LIFE_MS && self.new < self.used() / CELLS_FOR_EACH {
            return;
        }
        if std::mem::take(&mut self.any) {
            // Cells that are zero are not written, so that unused pages stay unallocated.
            for count in self.cells.iter_mut().filter(|count| **count != 0) {
                *count /= 2;
                self.any |= *count != 0;
            }
        }
        (self.since, self.new) = (now, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries() -> Tries {
        Tries::new(&Keyed::new(&[7; 32]))
    }

    fn tried(tries: &mut Tries, who: u64, now: u64) -> u8 {
        tries.note(who, now).tries
    }

    #[test]
    fn tries_add_up_until_they_are_spent() {
        let mut tries = tries();
        let counts: Vec<_> = (0..3).map(|_| tried(&mut tries, 1, 50_000)).collect();
        assert_eq!((counts, tried(&mut tries, 2, 50_000)), (vec![1, 2, 3], 1));
        tries.spend(1_u64, 50_000);
        assert_eq!((tried(&mut tries, 1, 50_000), tried(&mut tries, 2, 50_000)), (1, 2));
    }

    #[test]
    fn tries_of_who_was_let_in_and_is_still_unknown_are_worth_less_and_less() {
        let mut tries = tries();
        for each in [1, 16, 32, 32] {
            let worth = (0..each * 3).map(|_| tries.note(1_u64, 50_000)).filter(|worth| worth.rose);
            assert_eq!(worth.map(|worth| worth.tries).collect::<Vec<_>>(), [1, 2, 3]);
            tries.spend(1_u64, 50_000);
        }
        assert!(tries.note(2_u64, 50_000).rose, "of others they are worth as much as ever");
    }

    #[test]
    fn who_was_let_in_long_ago_is_as_good_as_new() {
        let mut tries = tries();
        (0..2).for_each(|_| tries.spend(1_u64, 70_000));
        assert!(!tries.note(1_u64, 131_000).rose);
        assert!(tries.note(1_u64, 251_000).rose);
    }

    #[test]
    fn nobody_tries_for_ever() {
        let mut tries = tries();
        (0..2).for_each(|_| tries.spend(1_u64, 70_000));
        assert_eq!((0..255).map(|_| tried(&mut tries, 1, 70_000)).last(), Some(u8::MAX));
    }

    #[test]
    fn tries_fade_and_stop_counting_at_a_bound() {
        let mut tries = tries();
        assert_eq!((0..300).map(|_| tried(&mut tries, 1, 70_000)).last(), Some(u8::MAX));
        assert_eq!(tried(&mut tries, 1, 130_000), 128);
        assert_eq!(tried(&mut tries, 1, 190_000), 65);
        assert_eq!(tried(&mut tries, 2, 190_000), 1);
    }

    #[test]
    fn cells_of_a_stranger_are_in_two_lines_of_the_cache() {
        let (keyed, counts) = (Keyed::new(&[7; 32]), Counts::new(CELLS));
        for stranger in 0..10_000_u64 {
            let places = counts.places(keyed.hash(stranger));
            let lines = places.map(|place| (counts.cells.as_ptr() as usize + place) / LINE);
            assert!(lines.iter().all(|line| lines[..LINES_EACH].contains(line)), "{lines:?}");
            assert!(places.iter().all(|place| *place < counts.cells.len()));
        }
    }

    #[test]
    fn hundred_thousand_strangers_a_second_are_told_from_the_one_who_tries_again() {
        let mut tries = tries();
        let mut mistaken = 0;
        for second in 0..5_u64 {
            for number in 0..100_000_u64 {
                let stranger = 1 + second * 100_000 + number;
                mistaken +=
                    usize::from(tried(&mut tries, stranger, second * 1000 + number / 100) > 1);
            }
            assert_eq!(u64::from(tried(&mut tries, 0, second * 1000 + 999)), second + 1);
        }
        assert!(mistaken < 25, "{mistaken} of 500,000");
    }
}
