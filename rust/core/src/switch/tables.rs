//! The tables of the switch: fast, and keyed by the host's seed so that nobody can aim at them.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The stream of the seed that keys the tables. Packet IDs, which everybody sees, are of stream 0.
const STREAM: u64 = 1;

/// A hash table with the switch's key. Never iterated where the order could be seen from outside.
pub(crate) type Map<K, V> = HashMap<K, V, FixedState>;

/// Makes the tables of one switch.
#[derive(Clone)]
pub(crate) struct Keyed(FixedState);

impl Keyed {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let mut random = ChaCha12Rng::from_seed(*seed);
        random.set_stream(STREAM);
        Self(FixedState::with_seed(random.next_u64()))
    }

    /// The keyed hash of anything.
    pub(crate) fn hash(&self, what: impl Hash) -> u64 {
        self.0.hash_one(what)
    }

    pub(crate) fn map<K, V>(&self) -> Map<K, V> {
        HashMap::with_hasher(self.0.clone())
    }

    pub(super) fn table<K, V>(&self) -> Table<K, V> {
        Table { places: self.map(), entries: Vec::new(), free: Vec::new(), last: Cell::new(0) }
    }
}

/// A table that finds the entry of the last look-up at once: a packet asks for its peer, its path and its
/// member several times, and so does the next one, which most often has the same.
pub(super) struct Table<K, V> {
    places: Map<K, usize>,
    entries: Vec<Option<(K, V)>>,
    /// Places of removed entries.
    free: Vec<usize>,
    last: Cell<usize>,
}

impl<K: Copy + Eq + Hash, V> Table<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(self.find(key)?)?.as_ref().map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.find(key)?;
        self.entries.get_mut(place)?.as_mut().map(|(_, value)| value)
    }

    /// The entry, made if need be.
    pub(super) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let place = self.find(&key).unwrap_or_else(|| self.make_room(key));
        &mut self.entries[place].get_or_insert_with(|| (key, make())).1
    }

    pub(super) fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.get_or_insert_with(key, V::default)
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.places.remove(key)?;
        self.free.push(place);
        self.entries.get_mut(place)?.take().map(|(_, value)| value)
    }

    /// Whether this was the last look-up.
    pub(super) fn is_last(&self, key: &K) -> bool {
        matches!(self.entries.get(self.last.get()), Some(Some((found, _))) if found == key)
    }

    fn find(&self, key: &K) -> Option<usize> {
        if self.is_last(key) {
            return Some(self.last.get());
        }
        let place = *self.places.get(key)?;
        self.last.set(place);
        Some(place)
    }

    fn make_room(&mut self, key: K) -> usize {
        let place = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.entries.len() - 1
        });
        self.places.insert(key, place);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_entry_is_not_found_by_the_last_place() {
        let mut table: Table<u64, &str> = Keyed::new(&[7; 32]).table();
        table.get_or_insert_with(1, || "one");
        table.get_or_insert_with(2, || "two");
        assert_eq!(table.get(&1), Some(&"one"));
        assert_eq!(table.remove(&1), Some("one"));
        assert_eq!(table.get(&1), None);
        assert_eq!(table.get_or_insert_with(3, || "three"), &"three");
        assert_eq!((table.get(&1), table.get(&2), table.entries.len()), (None, Some(&"two"), 2));
    }
}
