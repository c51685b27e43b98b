//! A bounded queue with a line for each sender, served in turn: who sends much waits behind itself.

use std::hash::Hash;

use super::lists::Lists;
use crate::switch::tables::{GuardedMap, Keyed};

/// How much may wait.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Of everybody.
    pub(crate) all: usize,
    /// Of each sender.
    pub(crate) each: usize,
}

/// The one list of lines in turn.
const TURN: usize = 0;

struct Line<K> {
    key: K,
    length: usize,
}

/// Lines by the key of their sender. All steps take constant time, and memory is kept for as many items as
/// may wait, whoever sends them.
pub(crate) struct FairQueue<K, T> {
    bounds: Bounds,
    length: usize,
    places: GuardedMap<K, usize>,
    lines: Vec<Option<Line<K>>>,
    free_lines: Vec<usize>,
    items: Vec<Option<T>>,
    free_items: Vec<usize>,
    /// The items of each line, oldest first.
    waiting: Lists,
    /// The lines that are not empty, in the order in which they are served.
    turns: Lists,
    /// The lines of each length, first those that have had it longest.
    by_length: Lists,
    /// No line is longer.
    longest: usize,
}

impl<K: Copy + Eq + Hash, T> FairQueue<K, T> {
    pub(crate) fn new(bounds: Bounds, keyed: &Keyed) -> Self {
        Self {
            bounds,
            length: 0,
            places: keyed.guarded_map(),
            lines: Vec::new(),
            free_lines: Vec::new(),
            items: Vec::new(),
            free_items: Vec::new(),
            waiting: Lists::default(),
            turns: Lists::default(),
            by_length: Lists::default(),
            longest: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Append to the line of a sender. Where there is no room, the oldest item of that line is put out if the
    /// line is as long as it may be, else the oldest item of the longest line.
    pub(crate) fn push(&mut self, key: K, item: T) -> Option<T> {
        let own = self.places.get(&key).copied();
        let full = own.filter(|own| self.length_of(*own) >= self.bounds.each);
        let victim = full.or_else(|| {
            let is_full = self.length >= self.bounds.all;
            if is_full { self.by_length.first(self.longest) } else { None }
        });
        let evicted = victim.and_then(|line| self.take_from(line));
        self.append(key, item);
        evicted
    }

    /// The oldest item of the line whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let line = self.turns.first(TURN)?;
        let item = self.take_from(line);
        if self.length_of(line) > 0 {
            self.turns.remove(TURN, line);
            self.turns.push(TURN, line);
        }
        item
    }

    fn length_of(&self, line: usize) -> usize {
        self.lines.get(line).and_then(Option::as_ref).map_or(0, |line| line.length)
    }

    fn append(&mut self, key: K, item: T) {
        let line = self.places.get(&key).copied().unwrap_or_else(|| self.open(key));
        let place = place_in(&mut self.items, &mut self.free_items, item);
        self.waiting.push(line, place);
        self.length += 1;
        self.set_length(line, self.length_of(line) + 1);
    }

    fn open(&mut self, key: K) -> usize {
        let line = place_in(&mut self.lines, &mut self.free_lines, Line { key, length: 0 });
        self.places.insert(key, line);
        self.turns.push(TURN, line);
        line
    }

    fn take_from(&mut self, line: usize) -> Option<T> {
        let place = self.waiting.pop(line)?;
        self.free_items.push(place);
        self.length -= 1;
        self.set_length(line, self.length_of(line) - 1);
        self.items.get_mut(place)?.take()
    }

    /// A line has become longer or shorter by one; an empty one is closed.
    fn set_length(&mut self, line: usize, length: usize) {
        let Some(Some(entry)) = self.lines.get_mut(line) else { return };
        let before = std::mem::replace(&mut entry.length, length);
        let key = entry.key;
        if before > 0 {
            self.by_length.remove(before, line);
        }
        if length > 0 {
            self.by_length.push(length, line);
        } else {
            self.turns.remove(TURN, line);
            self.places.remove(&key);
            self.lines[line] = None;
            self.free_lines.push(line);
        }
        self.longest = self.longest.max(length);
        if self.by_length.first(self.longest).is_none() {
            self.longest -= 1;
        }
    }
}

/// Put a value in a free place, or in a new one.
fn place_in<V>(values: &mut Vec<Option<V>>, free: &mut Vec<usize>, value: V) -> usize {
    let place = free.pop().unwrap_or_else(|| {
        values.push(None);
        values.len() - 1
    });
    values[place] = Some(value);
    place
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    fn queue(all: usize, each: usize) -> FairQueue<u64, u64> {
        FairQueue::new(Bounds { all, each }, &Keyed::new(&[7; 32]))
    }

    #[test]
    fn senders_are_served_in_turn() {
        let mut queue = queue(100, 100);
        assert!((0..50).all(|item| queue.push(1, item).is_none()));
        queue.push(2, 100);
        queue.push(3, 200);
        queue.push(2, 101);
        let served: Vec<_> = (0..6).filter_map(|_| queue.pop()).collect();
        assert_eq!(served, [0, 100, 200, 1, 101, 2]);
    }

    #[test]
    fn full_queue_puts_out_the_oldest_of_the_longest_line() {
        let mut queue = queue(6, 5);
        for (key, item) in [(1, 10), (2, 20), (2, 21), (2, 22), (3, 30), (3, 31)] {
            assert_eq!(queue.push(key, item), None);
        }
        assert_eq!(queue.push(1, 11), Some(20));
        assert_eq!(queue.push(4, 40), Some(30), "the line that was longest for the longest time");
        assert_eq!(queue.len(), 6);
    }

    #[test]
    fn sender_beyond_its_share_loses_its_own_oldest() {
        let mut queue = queue(100, 3);
        queue.push(1, 10);
        let evicted: Vec<_> = (20..25).filter_map(|item| queue.push(2, item)).collect();
        assert_eq!((evicted, queue.len()), (vec![20, 21], 4));
    }

    #[test]
    fn flood_of_senders_keeps_no_memory_of_those_that_left() {
        let mut queue = queue(64, 8);
        for key in 0..10_000 {
            queue.push(key, key);
        }
        assert_eq!((queue.len(), queue.places.len(), queue.lines.len()), (64, 64, 64));
        assert_eq!((queue.items.len(), queue.pop()), (64, Some(10_000 - 64)));
    }

    /// The same by the plainest means: lines in the order of their turns, and when each got its length.
    #[derive(Default)]
    struct Plain {
        lines: BTreeMap<u64, (VecDeque<u64>, u64)>,
        turns: VecDeque<u64>,
        steps: u64,
    }

    impl Plain {
        fn take(&mut self, key: u64) -> Option<u64> {
            self.steps += 1;
            let (line, since) = self.lines.get_mut(&key)?;
            *since = self.steps;
            let item = line.pop_front();
            if line.is_empty() {
                self.lines.remove(&key);
                self.turns.retain(|other| *other != key);
            }
            item
        }

        fn push(&mut self, key: u64, item: u64, bounds: Bounds) -> Option<u64> {
            let length = |lines: &BTreeMap<u64, (VecDeque<u64>, u64)>| {
                lines.values().map(|(line, _)| line.len()).sum::<usize>()
            };
            let own = self.lines.get(&key).map_or(0, |(line, _)| line.len());
            let evicted = if own >= bounds.each {
                self.take(key)
            } else if length(&self.lines) >= bounds.all {
                let longest = self
                    .lines
                    .iter()
                    .max_by_key(|(_, (line, since))| (line.len(), u64::MAX - since));
                let longest = longest.map(|(key, _)| *key);
                longest.and_then(|key| self.take(key))
            } else {
                None
            };
            self.steps += 1;
            if !self.lines.contains_key(&key) {
                self.turns.push_back(key);
            }
            let (line, since) = self.lines.entry(key).or_default();
            line.push_back(item);
            *since = self.steps;
            evicted
        }

        fn pop(&mut self) -> Option<u64> {
            let key = *self.turns.front()?;
            let item = self.take(key);
            if self.lines.contains_key(&key) {
                self.turns.rotate_left(1);
            }
            item
        }
    }

    #[test]
    fn any_course_of_events_goes_as_by_the_plainest_means() {
        let mut random = ChaCha8Rng::seed_from_u64(20131105);
        for (all, each, keys) in [(1, 1, 3), (8, 3, 4), (16, 16, 3), (30, 4, 40)] {
            let (mut queue, mut plain) = (queue(all, each), Plain::default());
            for item in 0..20_000 {
                if random.next_u32() % 5 < 3 {
                    let key = u64::from(random.next_u32() % keys);
                    let expected = plain.push(key, item, Bounds { all, each });
                    assert_eq!(queue.push(key, item), expected);
                } else {
                    assert_eq!(queue.pop(), plain.pop());
                }
            }
        }
    }
}
