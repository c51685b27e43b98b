//! A bounded queue with a line for each sender, served in turn: who sends much waits behind itself.

use std::hash::Hash;

use super::lists::Lists;
use super::shares::{Place, Shares};
use crate::switch::ground::tables::{Guarded, Keyed};

/// How much may wait.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Of everybody.
    pub(crate) all: usize,
    /// Of each sender.
    pub(crate) each: usize,
}

/// The one list of holders in turn.
const TURN: usize = 0;

/// Lines by the key of their sender. All steps take constant time, and memory is kept for as many items as
/// may wait, whoever sends them.
pub(crate) struct FairQueue<K, T> {
    bounds: Bounds,
    waiting: Shares<K, T, Guarded>,
    /// Who has something waiting, in the order in which they are served.
    turns: Lists,
}

impl<K: Copy + Eq + Hash, T> FairQueue<K, T> {
    pub(crate) fn new(bounds: Bounds, keyed: &Keyed) -> Self {
        Self { bounds, waiting: Shares::guarded(keyed), turns: Lists::default() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Append to the line of a sender. Where there is no room, the oldest item of that line is put out if the
    /// line is longer than it may be, else the oldest item of the longest line.
    pub(crate) fn push(&mut self, key: K, item: T) -> Option<T> {
        let (_, line) = self.waiting.append(key, item);
        let length = self.waiting.weight(line);
        if length == 1 {
            self.turns.push(TURN, line);
        }
        let victim = if length > self.bounds.each {
            self.waiting.oldest_of(line)
        } else if self.waiting.len() > self.bounds.all {
            self.waiting.next_to_go()
        } else {
            None
        };
        self.take(victim?).map(|(item, _)| item)
    }

    /// The oldest item of the line whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let line = self.turns.first(TURN)?;
        let (item, is_empty) = self.take(self.waiting.oldest_of(line)?)?;
        if !is_empty {
            self.turns.remove(TURN, line);
            self.turns.push(TURN, line);
        }
        Some(item)
    }

    /// Take an item out; whether its line has had its last turn thereby.
    fn take(&mut self, place: Place) -> Option<(T, bool)> {
        let (item, line) = self.waiting.remove(place)?;
        let is_empty = self.waiting.weight(line) == 0;
        if is_empty {
            self.turns.remove(TURN, line);
        }
        Some((item, is_empty))
    }
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
        // One place more: what comes is let in before another goes.
        let Shares { numbers, holders, things, .. } = &queue.waiting;
        assert_eq!((queue.len(), numbers.len()), (64, 64));
        assert_eq!((holders.len(), things.len()), (65, 65));
        assert_eq!(queue.pop(), Some(10_000 - 64));
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
            self.steps += 1;
            if !self.lines.contains_key(&key) {
                self.turns.push_back(key);
            }
            let (line, since) = self.lines.entry(key).or_default();
            line.push_back(item);
            *since = self.steps;
            let lines = self.lines.iter().map(|(key, (line, since))| (line.len(), *since, *key));
            if self.lines.get(&key).is_some_and(|(line, _)| line.len() > bounds.each) {
                self.take(key)
            } else if lines.clone().map(|(length, ..)| length).sum::<usize>() > bounds.all {
                let longest = lines.max_by_key(|(length, since, _)| (*length, u64::MAX - since));
                let longest = longest.map(|(.., key)| key);
                longest.and_then(|key| self.take(key))
            } else {
                None
            }
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
