//! How many frames each of a network's rules refused (03, 6.7): a person has to know which rule it was.

use std::cell::Cell;

use crate::rules::Refusal;

/// The refusals that are no rule's come first, each at its place.
const NO_RULE: usize = 0;
const CAPABILITY: usize = 1;
const WRAPS: usize = 2;
const RULES: usize = 3;

/// What was refused in one way, by a network's present rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What refused it.
    pub by: Refusal,
    /// Frames on their way from our TAP.
    pub sent: u64,
    /// Frames of members.
    pub received: u64,
}

/// Two numbers for each rule there is, made with the rules: counting takes neither memory nor a lock. In cells
/// because judging a frame changes nothing that other frames depend on.
#[derive(Default)]
pub(in crate::switch) struct Tally(Box<[[Cell<u64>; 2]]>);

impl Tally {
    pub(in crate::switch) fn new(rules: usize) -> Self {
        Self((0..RULES + rules).map(|_| Default::default()).collect())
    }

    pub(in crate::switch) fn count(&self, by: Refusal, inbound: bool) {
        if let Some([sent, received]) = self.0.get(place_of(by)) {
            let counter = if inbound { received } else { sent };
            counter.set(counter.get().wrapping_add(1));
        }
    }

    /// Add these numbers to those of another twin.
    pub(in crate::switch) fn add_to(&self, sums: &mut Vec<[u64; 2]>) {
        sums.resize(sums.len().max(self.0.len()), [0; 2]);
        for (sum, [sent, received]) in sums.iter_mut().zip(&self.0) {
            sum[0] += sent.get();
            sum[1] += received.get();
        }
    }
}

/// What refused anything at all, in order.
pub(in crate::switch) fn listed(sums: &[[u64; 2]]) -> Vec<Refused> {
    let counted = sums.iter().enumerate().filter(|(_, numbers)| **numbers != [0; 2]);
    counted
        .map(|(place, [sent, received])| Refused {
            by: refusal_at(place),
            sent: *sent,
            received: *received,
        })
        .collect()
}

const fn place_of(by: Refusal) -> usize {
    match by {
        Refusal::NoRule => NO_RULE,
        Refusal::Capability => CAPABILITY,
        Refusal::Wraps => WRAPS,
        Refusal::Rule(entry) => RULES + entry as usize,
    }
}

const fn refusal_at(place: usize) -> Refusal {
    match place {
        NO_RULE => Refusal::NoRule,
        CAPABILITY => Refusal::Capability,
        WRAPS => Refusal::Wraps,
        _ => Refusal::Rule((place - RULES) as u32),
    }
}
