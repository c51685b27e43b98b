//! A table that peers can make entries in, and therefore holds no more than so many.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;

use super::tables::{Guarded, Keyed};

/// A map that forgets its oldest entry when a new one finds it full; by default of what peers choose.
pub(super) struct Bounded<K, V, S = FixedState> {
    entries: HashMap<K, V, S>,
    order: VecDeque<K>,
    limit: usize,
}

impl<K: Copy + Eq + Hash, V> Bounded<K, V> {
    pub(super) fn new(limit: usize, keyed: &Keyed) -> Self {
        Self { entries: keyed.map(), order: VecDeque::new(), limit }
    }
}

impl<K: Copy + Eq + Hash, V> Bounded<K, V, Guarded> {
    /// Of what anybody can choose.
    pub(super) fn guarded(limit: usize, keyed: &Keyed) -> Self {
        Self { entries: keyed.guarded_map(), order: VecDeque::new(), limit }
    }
}

impl<K: Copy + Eq + Hash, V, S: BuildHasher> Bounded<K, V, S> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// The entry, made if need be.
    pub(super) fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if !self.entries.contains_key(&key) {
            self.insert(key, V::default());
        }
        self.entries.entry(key).or_default()
    }

    /// Set an entry; one that was there keeps its age.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key, value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_entry_leaves_when_full() {
        let mut table = Bounded::new(2, &Keyed::new(&[7; 32]));
        for key in [1, 2, 1, 3] {
            table.insert(key, ());
        }
        assert_eq!(table.len(), 2);
        assert!(table.get(&1).is_none() && table.get(&2).is_some() && table.get(&3).is_some());
    }
}
