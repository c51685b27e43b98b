//! How soon a thread looks for datagrams again: at once, but for one case. It moderates itself as network
//! cards moderate their interrupts.
//!
//! A peer that sends a bulk transfer datagram by datagram wakes a thread tens of thousands of times a second,
//! for one frame each time, and each of these wakes a thread of the program that receives. Where that goes
//! on, the thread rests a little after each batch. What it took is on its way already; small packets, and
//! whoever asks and waits for an answer, never meet a rest.

use std::time::{Duration, Instant};

/// How long it rests.
const REST: Duration = Duration::from_micros(50);
/// The stretch over which batches are counted.
const WINDOW: Duration = Duration::from_millis(1);
/// Small batches in a window that are no conversation: more than one for each 80 µs.
const CROWD: u32 = 12;
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
    pub(crate) fn new() -> Self {
        let window_began = Instant::now();
        Self { window_began, small_batches: 0, is_crowded: false, is_due: false }
    }

    /// A batch of datagrams was taken, of so many bytes together.
    pub(crate) fn took(&mut self, datagrams: usize, bytes: usize) {
        self.is_due = self.is_crowded;
        if datagrams >= LARGE || bytes < datagrams * BULK {
            self.is_crowded = false;
            return;
        }
        self.small_batches += 1;
        if self.window_began.elapsed() >= WINDOW {
            self.is_crowded =
                self.window_began.elapsed() < 2 * WINDOW && self.small_batches > CROWD;
            (self.window_began, self.small_batches) = (Instant::now(), 0);
        }
    }

    /// Rest, if that is due.
    pub(crate) fn rest(&mut self) {
        if std::mem::take(&mut self.is_due) {
            std::thread::sleep(REST);
        }
    }
}
