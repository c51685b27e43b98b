//! How soon a thread looks for datagrams again: at once, but for one case. It moderates itself as network
//! cards moderate their interrupts.
//!
//! A peer that sends a bulk transfer datagram by datagram wakes a thread tens of thousands of times a second,
//! for one frame each time, and each of these wakes a thread of the program that receives. Where that goes
//! on, the thread rests a little after each batch. What it received is delivered before the rest; small packets
//! and request-response traffic are never delayed by one.

use std::time::{Duration, Instant};

/// How long it rests.
const REST: Duration = Duration::from_micros(50);
/// The stretch over which batches are counted.
const WINDOW: Duration = Duration::from_millis(1);
/// Small batches in a window that are no conversation: more than one for each 80 µs.
const CROWD: u32 = 12;
/// More than so many are still none, once there are rests between them.
const STILL: u32 = 5;
/// A batch of as many datagrams is worth its wake-up.
const LARGE: usize = 64;
/// Mean length of the datagrams of a bulk transfer, in bytes.
const BULK: usize = 1000;

/// What one thread took lately.
pub(crate) struct Moderation {
    window_began: Instant,
    small_batches: u32,
    is_crowded: bool,
    is_due: bool,
}

impl Moderation {
    pub(crate) fn new(now: Instant) -> Self {
        Self { window_began: now, small_batches: 0, is_crowded: false, is_due: false }
    }

    /// A batch of datagrams was taken, of so many bytes together.
    pub(crate) fn took(&mut self, datagrams: usize, bytes: usize, now: Instant) {
        self.is_due = self.is_crowded;
        if datagrams >= LARGE || bytes < datagrams * BULK {
            (self.is_crowded, self.is_due) = (false, false);
            return;
        }
        self.small_batches += 1;
        let elapsed = now.saturating_duration_since(self.window_began);
        if elapsed >= WINDOW {
            let few = if self.is_crowded { STILL } else { CROWD };
            self.is_crowded = elapsed < 2 * WINDOW && self.small_batches > few;
            (self.window_began, self.small_batches) = (now, 0);
        }
    }

    /// Rest, if that is due.
    pub(crate) fn rest(&mut self) {
        if std::mem::take(&mut self.is_due) {
            std::thread::sleep(REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many rests become due in 10 ms of batches so far apart.
    fn rests(apart_us: u64, datagrams: usize, bytes: usize) -> usize {
        let began = Instant::now();
        let mut moderation = Moderation::new(began);
        let taken = |at: &u64| {
            moderation.took(datagrams, bytes, began + Duration::from_micros(*at));
            std::mem::take(&mut moderation.is_due)
        };
        (0..10_000).step_by(apart_us as usize).filter(taken).count()
    }

    #[test]
    fn bulk_transfer_in_small_batches_is_moderated() {
        assert!(rests(30, 2, 2860) > 200);
    }

    #[test]
    fn it_goes_on_at_the_pace_that_rests_make_of_it() {
        let mut now = Instant::now();
        let mut moderation = Moderation::new(now);
        while !moderation.is_crowded {
            now += Duration::from_micros(30);
            moderation.took(2, 2860, now);
        }
        for _ in 0..100 {
            now += Duration::from_micros(120);
            moderation.took(8, 11_440, now);
            assert!(moderation.is_due);
        }
    }

    #[test]
    fn nothing_else_meets_a_rest() {
        assert_eq!(rests(100, 2, 2860), 0, "somebody asks and waits for an answer");
        assert_eq!(rests(10, 2, 260), 0, "small packets");
        assert_eq!(rests(30, 90, 128_700), 0, "batches that are worth their wake-up");
    }

    #[test]
    fn small_packets_end_it() {
        let (began, mut now) = (Instant::now(), Instant::now());
        let mut moderation = Moderation::new(began);
        while !moderation.is_due {
            now += Duration::from_micros(30);
            moderation.took(2, 2860, now);
        }
        moderation.took(1, 100, now);
        assert!(!moderation.is_due && !moderation.is_crowded);
    }
}
