//! The tables of the switch, keyed by the host's seed so that nobody can aim at them.
//!
//! Some tables get entries from forged datagrams, under addresses that the forger chooses: those of waiting
//! senders, prefixes and repeats. They use SipHash-2-4, which resists chosen keys and costs some 15 ns.
//!
//! All other entries are made by the host, or by peers that hold their key: networks, peers, paths, members,
//! groups. Those are looked up several times a frame, by foldhash, in 2 ns. Its seed is as secret, but it is not
//! made for an attacker who measures; an entry costs that one an address, which is a CPU second.

#![expect(deprecated, reason = "the only SipHash of the standard library that takes a key")]

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, SipHasher};

use foldhash::quality::FixedState;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The stream of the seed that keys the tables. Packet IDs, which everybody sees, are of stream 0.
const STREAM: u64 = 1;

/// A hash table with the switch's key. Never iterated where the order could be seen from outside.
pub(crate) type Map<K, V> = HashMap<K, V, FixedState>;

/// The same for keys that anybody can choose.
pub(crate) type GuardedMap<K, V> = HashMap<K, V, Guarded>;

/// The key of those.
#[derive(Clone)]
pub(crate) struct Guarded(u64, u64);

impl BuildHasher for Guarded {
    type Hasher = SipHasher;

    fn build_hasher(&self) -> SipHasher {
        SipHasher::new_with_keys(self.0, self.1)
    }
}

/// Makes the tables of one switch.
#[derive(Clone)]
pub(crate) struct Keyed {
    fast: FixedState,
    guarded: Guarded,
}

impl Keyed {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let mut random = ChaCha12Rng::from_seed(*seed);
        random.set_stream(STREAM);
        let fast = FixedState::with_seed(random.next_u64());
        Self { fast, guarded: Guarded(random.next_u64(), random.next_u64()) }
    }

    /// The hash of anything that anybody can choose.
    pub(crate) fn hash(&self, what: impl Hash) -> u64 {
        self.guarded.hash_one(what)
    }

    pub(crate) fn map<K, V>(&self) -> Map<K, V> {
        HashMap::with_hasher(self.fast.clone())
    }

    pub(crate) fn guarded_map<K, V>(&self) -> GuardedMap<K, V> {
        HashMap::with_hasher(self.guarded.clone())
    }

    pub(in crate::switch) fn table<K, V>(&self) -> Table<K, V> {
        Table { places: self.map(), entries: Vec::new(), free: Vec::new(), last: Cell::new(0) }
    }
}

/// A table that finds the entry of the last look-up at once: a packet asks for its peer, its path and its
/// member several times, and so does the next one, which most often has the same.
pub(in crate::switch) struct Table<K, V> {
    places: Map<K, usize>,
    entries: Vec<Option<(K, V)>>,
    /// Places of removed entries.
    free: Vec<usize>,
    last: Cell<usize>,
}

impl<K: Copy + Eq + Hash, V> Table<K, V> {
    pub(in crate::switch) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(self.find(key)?)?.as_ref().map(|(_, value)| value)
    }

    pub(in crate::switch) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.find(key)?;
        self.entries.get_mut(place)?.as_mut().map(|(_, value)| value)
    }

    /// The entry, made if need be.
    pub(in crate::switch) fn get_or_insert_with(
        &mut self,
        key: K,
        make: impl FnOnce() -> V,
    ) -> &mut V {
        let place = self.find(&key).unwrap_or_else(|| self.make_room(key));
        &mut self.entries[place].get_or_insert_with(|| (key, make())).1
    }

    pub(in crate::switch) fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.get_or_insert_with(key, V::default)
    }

    pub(in crate::switch) fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.places.remove(key)?;
        self.free.push(place);
        self.entries.get_mut(place)?.take().map(|(_, value)| value)
    }

    /// Whether this was the last look-up.
    pub(in crate::switch) fn is_last(&self, key: &K) -> bool {
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
    use std::hash::Hasher;

    use super::*;

    #[test]
    fn guarded_tables_have_siphash_with_a_key_of_their_own_seed() {
        let reference = Guarded(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        let mut hasher = reference.build_hasher();
        hasher.write(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
        assert_eq!(hasher.finish(), 0xa129_ca61_49be_45e5, "the example of the SipHash paper");

        let (one, same, other) = (Keyed::new(&[1; 32]), Keyed::new(&[1; 32]), Keyed::new(&[2; 32]));
        assert_eq!(one.hash(5), same.hash(5));
        assert_ne!(one.hash(5), other.hash(5));
        assert_ne!(one.guarded.0, one.guarded.1);
        assert_ne!(one.fast.hash_one(5), one.hash(5));
    }

    /// What everybody sees of a seed are packet IDs: the keys of tables are none of them.
    #[test]
    fn keys_of_tables_are_of_another_stream_than_packet_ids() {
        let seed = [9; 32];
        let keyed = Keyed::new(&seed);
        let mut ids = ChaCha12Rng::from_seed(seed);
        assert!(
            (0..10_000)
                .map(|_| ids.next_u64())
                .all(|id| id != keyed.guarded.0 && id != keyed.guarded.1)
        );
    }

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
