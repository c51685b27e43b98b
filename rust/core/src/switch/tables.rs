//! The hash tables of the switch: fast, and keyed by the host's seed so that nobody can aim at them.

use std::collections::HashMap;

use foldhash::quality::FixedState;

/// A hash table with the switch's key. Never iterated where the order could be seen from outside.
pub(super) type Map<K, V> = HashMap<K, V, FixedState>;

/// Makes the tables of one switch.
#[derive(Clone)]
pub(super) struct Keyed(FixedState);

impl Keyed {
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *seed;
        Self(FixedState::with_seed(u64::from_be_bytes([a, b, c, d, e, f, g, h])))
    }

    pub(super) fn map<K, V>(&self) -> Map<K, V> {
        HashMap::with_hasher(self.0.clone())
    }
}
