//! Things and their holders: who holds most makes room.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;

use super::lists::Lists;
use crate::switch::ground::tables::{Guarded, Keyed};

/// Where a thing is, as long as it is there.
pub(super) type Place = usize;
/// The number of a holder, as long as it holds anything.
pub(super) type Number = usize;

pub(super) struct Thing<T> {
    holder: Number,
    it: T,
}

pub(super) struct Holder<H> {
    name: H,
    weight: usize,
}

/// Things and their holders. All steps take constant time, and memory is kept for as many things as there were
/// at a time, whosever they are.
pub(super) struct Shares<H, T, S = FixedState> {
    length: usize,
    pub(super) things: Vec<Option<Thing<T>>>,
    free_places: Vec<Place>,
    pub(super) numbers: HashMap<H, Number, S>,
    pub(super) holders: Vec<Option<Holder<H>>>,
    free_numbers: Vec<Number>,
    /// The things of each holder, oldest first.
    held: Lists,
    /// The holders of each weight, first those whose last change is the longest ago.
    by_weight: Lists,
    /// Nobody holds more.
    most: usize,
}

impl<H: Copy + Eq + Hash, T> Shares<H, T> {
    pub(super) fn new(keyed: &Keyed) -> Self {
        Self::with(keyed.map())
    }
}

impl<H: Copy + Eq + Hash, T> Shares<H, T, Guarded> {
    /// Of holders that anybody can choose.
    pub(super) fn guarded(keyed: &Keyed) -> Self {
        Self::with(keyed.guarded_map())
    }
}

impl<H: Copy + Eq + Hash, T, S: BuildHasher> Shares<H, T, S> {
    pub(super) fn with(numbers: HashMap<H, Number, S>) -> Self {
        Self {
            length: 0,
            things: Vec::new(),
            free_places: Vec::new(),
            numbers,
            holders: Vec::new(),
            free_numbers: Vec::new(),
            held: Lists::default(),
            by_weight: Lists::default(),
            most: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// How many things a holder has.
    pub(super) fn weight(&self, number: Number) -> usize {
        self.holders.get(number).and_then(Option::as_ref).map_or(0, |holder| holder.weight)
    }

    /// One more thing of a holder, its newest.
    pub(super) fn append(&mut self, name: H, it: T) -> (Place, Number) {
        let number = self.numbers.get(&name).copied().unwrap_or_else(|| {
            let holder = Holder { name, weight: 0 };
            let number = place_in(&mut self.holders, &mut self.free_numbers, holder);
            self.numbers.insert(name, number);
            number
        });
        let thing = Thing { holder: number, it };
        let place = place_in(&mut self.things, &mut self.free_places, thing);
        self.held.push(number, place);
        self.length += 1;
        self.set_weight(number, self.weight(number) + 1);
        (place, number)
    }

    /// Make a thing its holder's newest, as if it had just been appended; whether this is whose it is.
    pub(super) fn renew(&mut self, place: Place, name: H) -> bool {
        let Some(Some(Thing { holder, .. })) = self.things.get(place) else { return false };
        let number = *holder;
        let is_same =
            self.holders.get(number).and_then(Option::as_ref).map(|it| it.name) == Some(name);
        if is_same {
            self.held.remove(number, place);
            self.held.push(number, place);
            self.set_weight(number, self.weight(number));
        }
        is_same
    }

    /// Take a thing out; whose it was.
    pub(super) fn remove(&mut self, place: Place) -> Option<(T, Number)> {
        let Thing { holder: number, it } = self.things.get_mut(place)?.take()?;
        self.held.remove(number, place);
        self.free_places.push(place);
        self.length -= 1;
        self.set_weight(number, self.weight(number) - 1);
        Some((it, number))
    }

    pub(super) fn oldest_of(&self, number: Number) -> Option<Place> {
        self.held.first(number)
    }

    /// The oldest thing of who holds most.
    pub(super) fn next_to_go(&self) -> Option<Place> {
        self.oldest_of(self.by_weight.first(self.most)?)
    }

    /// What a holder has changed, by one at most; who has nothing is forgotten.
    pub(super) fn set_weight(&mut self, number: Number, weight: usize) {
        let Some(Some(holder)) = self.holders.get_mut(number) else { return };
        let before = std::mem::replace(&mut holder.weight, weight);
        let name = holder.name;
        if before > 0 {
            self.by_weight.remove(before, number);
        }
        if weight > 0 {
            self.by_weight.push(weight, number);
        } else {
            self.numbers.remove(&name);
            self.holders[number] = None;
            self.free_numbers.push(number);
        }
        self.most = self.most.max(weight);
        if self.by_weight.first(self.most).is_none() {
            self.most -= 1;
        }
    }
}

/// Put a value in a free place, or in a new one.
pub(super) fn place_in<V>(values: &mut Vec<Option<V>>, free: &mut Vec<usize>, value: V) -> usize {
    let place = free.pop().unwrap_or_else(|| {
        values.push(None);
        values.len() - 1
    });
    values[place] = Some(value);
    place
}
