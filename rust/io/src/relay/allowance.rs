//! So many units at once, and one more from time to time: for whom, in tables that stay small.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Tries to find one to forget among those that answer: they stay while they can.
const SECOND_CHANCES: usize = 8;
/// An answer counts for so long: peers of a flow that only goes one way still say something every minute.
const ANSWER_COUNTS: Duration = Duration::from_secs(180);

/// So many units at once, and one more each time.
pub(super) struct Allowance {
    pub(super) burst: u32,
    pub(super) pace: Duration,
}

/// What is left of an allowance.
#[derive(Default)]
pub(super) struct Bucket {
    /// When nothing of it will be used any more; `None`: nothing ever was.
    full_at: Option<Instant>,
}

impl Bucket {
    /// When it will be full again once these units are taken as well; `None` if it does not hold them.
    pub(super) fn after(&self, units: u32, allowance: &Allowance, now: Instant) -> Option<Instant> {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + allowance.pace * units;
        (full_at - now <= allowance.pace * allowance.burst).then_some(full_at)
    }

    /// Take what [`Self::after`] was asked for.
    pub(super) fn take(&mut self, full_at: Instant) {
        self.full_at = Some(full_at);
    }
}

/// One that something is sent to, or by.
#[derive(Default)]
pub(super) struct Party {
    pub(super) bucket: Bucket,
    answered_at: Option<Instant>,
}

impl Party {
    pub(super) fn answers(&self, now: Instant) -> bool {
        self.answered_at.is_some_and(|at| now - at <= ANSWER_COUNTS)
    }

    pub(super) fn answered(&mut self, now: Instant) {
        self.answered_at = Some(now);
    }
}

/// Those of late, about 100 bytes each. One more than the limit has the oldest forgotten.
pub(super) struct Parties<K> {
    known: HashMap<K, Party>,
    /// All of them, the oldest first.
    order: VecDeque<K>,
    limit: usize,
}

impl<K: Copy + Eq + Hash> Parties<K> {
    pub(super) fn new(limit: usize) -> Self {
        Self { known: HashMap::new(), order: VecDeque::new(), limit }
    }

    /// One that is known.
    pub(super) fn get(&mut self, key: K) -> Option<&mut Party> {
        self.known.get_mut(&key)
    }

    /// The same, known from now on.
    pub(super) fn remember(&mut self, key: K, now: Instant) -> &mut Party {
        if !self.known.contains_key(&key) {
            if self.order.len() >= self.limit {
                self.forget_one(now);
            }
            self.order.push_back(key);
        }
        self.known.entry(key).or_default()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.order.len(), self.known.len());
        self.order.len()
    }

    fn forget_one(&mut self, now: Instant) {
        for chance in 0..=SECOND_CHANCES {
            let Some(oldest) = self.order.pop_front() else { return };
            let answers = self.known.get(&oldest).is_some_and(|found| found.answers(now));
            if !answers || chance == SECOND_CHANCES {
                self.known.remove(&oldest);
                return;
            }
            self.order.push_back(oldest);
        }
    }
}
