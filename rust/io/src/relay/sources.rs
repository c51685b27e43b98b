//! How many connections each source holds, and which source loses one when the relay is full.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// What one source holds.
#[derive(Default)]
struct Held {
    ids: Vec<u64>,
    /// Whether somebody ever answered one of its clients.
    is_answered: bool,
}

/// The larger, the sooner it has to give: by connections, then who was never answered, then who came last
/// longest ago.
type Rank = (usize, bool, Reverse<u64>, IpAddr);

/// The connections of each source. Every change takes a time that hardly grows with their number.
#[derive(Default)]
pub(super) struct Sources {
    held: HashMap<IpAddr, Held>,
    ranks: BTreeSet<Rank>,
}

impl Sources {
    /// How many connections a source has.
    pub(super) fn count(&self, source: IpAddr) -> usize {
        self.ids(source).len()
    }

    /// The connections of a source.
    pub(super) fn ids(&self, source: IpAddr) -> &[u64] {
        self.held.get(&source).map_or(&[], |held| &held.ids)
    }

    /// Who has to give a connection up, so that somebody else gets one.
    pub(super) fn largest(&self) -> Option<IpAddr> {
        self.ranks.last().map(|rank| rank.3)
    }

    /// A source has one more. Later connections have higher numbers.
    pub(super) fn add(&mut self, source: IpAddr, id: u64) {
        self.change(source, |held| held.ids.push(id));
    }

    /// A source has one less.
    pub(super) fn remove(&mut self, source: IpAddr, id: u64) {
        self.change(source, |held| held.ids.retain(|other| *other != id));
    }

    /// Somebody wants to hear a client of this source.
    pub(super) fn answered(&mut self, source: IpAddr) {
        self.change(source, |held| held.is_answered = true);
    }

    fn change(&mut self, source: IpAddr, change: impl FnOnce(&mut Held)) {
        let held = self.held.entry(source).or_default();
        if let Some(rank) = rank(source, held) {
            self.ranks.remove(&rank);
        }
        change(held);
        match rank(source, held) {
            Some(rank) => _ = self.ranks.insert(rank),
            None => _ = self.held.remove(&source),
        }
    }
}

fn rank(source: IpAddr, held: &Held) -> Option<Rank> {
    let newest = held.ids.last()?;
    Some((held.ids.len(), !held.is_answered, Reverse(*newest), source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        [80, 0, 0, last].into()
    }

    #[test]
    fn largest_holder_gives_first_and_among_equals_who_was_never_answered() {
        let mut sources = Sources::default();
        assert_eq!(sources.largest(), None);
        for (id, last) in [(1, 1), (2, 2), (3, 2), (4, 3)] {
            sources.add(ip(last), id);
        }
        assert_eq!(sources.largest(), Some(ip(2)));
        sources.remove(ip(2), 2);
        assert_eq!(sources.largest(), Some(ip(1)), "who came longest ago");
        sources.answered(ip(1));
        assert_eq!(sources.largest(), Some(ip(2)));
        for (last, id) in [(1, 1), (2, 3), (3, 4)] {
            sources.remove(ip(last), id);
        }
        assert!(sources.held.is_empty() && sources.ranks.is_empty());
    }
}
