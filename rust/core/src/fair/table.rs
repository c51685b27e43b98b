//! A table that peers can make entries in, and therefore holds no more than so many.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;

use super::shares::{Place, Shares};
use crate::switch::ground::tables::{Guarded, Keyed};

/// Entries by key, each of them somebody's. Where there is no room for a new one, the oldest entry of who has
/// most goes; an entry that is put or asked for again is its holder's newest. By default keys and holders are
/// what peers choose.
pub(crate) struct FairTable<K, H, V, S = FixedState> {
    limit: usize,
    entries: HashMap<K, (V, Place), S>,
    keys: Shares<H, K, S>,
}

impl<K: Copy + Eq + Hash, H: Copy + Eq + Hash, V> FairTable<K, H, V> {
    pub(crate) fn new(limit: usize, keyed: &Keyed) -> Self {
        Self { limit, entries: keyed.map(), keys: Shares::new(keyed) }
    }
}

impl<K: Copy + Eq + Hash, H: Copy + Eq + Hash, V> FairTable<K, H, V, Guarded> {
    /// Of what anybody can choose.
    pub(crate) fn guarded(limit: usize, keyed: &Keyed) -> Self {
        Self { limit, entries: keyed.guarded_map(), keys: Shares::guarded(keyed) }
    }
}

impl<K: Copy + Eq + Hash, H: Copy + Eq + Hash, V, S: BuildHasher> FairTable<K, H, V, S> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(value, _)| value)
    }

    /// Set an entry, whosever it was before.
    pub(crate) fn put(&mut self, key: K, holder: H, value: V)
    where
        V: Default,
    {
        *self.renewed(key, holder) = value;
    }

    /// The entry, made if need be. What goes for it is never the entry itself.
    pub(crate) fn renewed(&mut self, key: K, holder: H) -> &mut V
    where
        V: Default,
    {
        let place = self.entries.get(&key).map(|(_, place)| *place);
        let kept = place.filter(|place| self.keys.renew(*place, holder));
        let place = kept.unwrap_or_else(|| {
            if let Some(place) = place {
                self.keys.remove(place);
            }
            let (place, _) = self.keys.append(holder, key);
            self.make_room();
            place
        });
        let entry = self.entries.entry(key).or_insert_with(|| (V::default(), place));
        entry.1 = place;
        &mut entry.0
    }

    fn make_room(&mut self) {
        if self.keys.len() > self.limit
            && let Some(place) = self.keys.next_to_go()
            && let Some((key, _)) = self.keys.remove(place)
        {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    type Table = FairTable<u64, u64, u64>;

    fn table(limit: usize) -> Table {
        FairTable::new(limit, &Keyed::new(&[7; 32]))
    }

    fn keys(table: &Table) -> Vec<u64> {
        let mut keys: Vec<_> = table.entries.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn flood_of_one_holder_pushes_out_nothing_but_its_own() {
        let mut table = table(100);
        for key in 0..10 {
            table.put(key, key, key);
        }
        for key in 1000..3000 {
            table.put(key, 99, 0);
        }
        assert!((0..10).all(|key| table.get(&key) == Some(&key)));
        table.put(10, 10, 10);
        assert_eq!((table.get(&10), table.entries.len()), (Some(&10), 100));
        assert_eq!((table.get(&2910), table.get(&2911)), (None, Some(&0)), "the flood's oldest");
    }

    #[test]
    fn of_holders_of_one_entry_each_the_longest_unused_goes() {
        let mut table = table(3);
        for key in 1..=3 {
            table.put(key, key, 0);
        }
        *table.renewed(1, 1) += 5;
        table.put(4, 4, 0);
        assert_eq!((keys(&table), table.get(&1)), (vec![1, 3, 4], Some(&5)));
    }

    #[test]
    fn entry_that_changes_hands_counts_for_who_put_it_last() {
        let mut table = table(3);
        table.put(1, 1, 10);
        table.put(2, 2, 20);
        table.put(3, 2, 30);
        table.put(1, 2, 11);
        table.put(4, 1, 40);
        assert_eq!(keys(&table), [1, 3, 4]);
        assert_eq!(table.get(&1), Some(&11));
    }

    /// The same by looking at everything: entries in the order in which they were put, and the holders in that
    /// of their last change.
    #[derive(Default)]
    struct Plain {
        entries: Vec<(u64, u64)>,
        changed: Vec<u64>,
    }

    impl Plain {
        fn weight(&self, holder: u64) -> usize {
            self.entries.iter().filter(|(_, other)| *other == holder).count()
        }

        fn remove(&mut self, key: u64) {
            let Some(at) = self.entries.iter().position(|(other, _)| *other == key) else { return };
            let (_, holder) = self.entries.remove(at);
            self.change(holder);
        }

        fn change(&mut self, holder: u64) {
            self.changed.retain(|other| *other != holder);
            self.changed.push(holder);
        }

        fn put(&mut self, key: u64, holder: u64, limit: usize) {
            self.remove(key);
            self.entries.push((key, holder));
            self.change(holder);
            if self.entries.len() > limit {
                let weights =
                    self.changed.iter().rev().map(|holder| (self.weight(*holder), *holder));
                let largest = weights.max_by_key(|(weight, _)| *weight).unwrap_or_default().1;
                let oldest = self.entries.iter().find(|(_, holder)| *holder == largest);
                let oldest = oldest.copied().unwrap_or_default().0;
                self.remove(oldest);
            }
        }
    }

    #[test]
    fn any_course_of_puts_goes_as_by_the_plainest_means() {
        let mut random = ChaCha8Rng::seed_from_u64(20131105);
        for (limit, holders) in [(1, 2), (4, 3), (16, 4), (40, 60)] {
            let (mut table, mut plain) = (table(limit), Plain::default());
            for value in 0..20_000 {
                let key = u64::from(random.next_u32() % 64);
                let holder = u64::from(random.next_u32() % holders);
                table.put(key, holder, value);
                plain.put(key, holder, limit);
                let mut expected: Vec<_> = plain.entries.iter().map(|(key, _)| *key).collect();
                expected.sort_unstable();
                assert_eq!(keys(&table), expected);
                assert_eq!(table.get(&key), Some(&value), "what is put is never what goes");
            }
            assert!(table.keys.things.len() <= limit + 1, "no memory of what left");
        }
    }
}
