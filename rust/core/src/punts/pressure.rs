//! How often a stranger has to try before it is let in line.

use crate::switch::budget::{Allowance, Bucket};

/// Arrivals are counted for this long, in ms.
const WINDOW_MS: u64 = 1000;
/// The price rises no more often than this, in ms, so that what it was raised for has an effect first.
const RISE_MS: u64 = 50;
/// A node of ours that starts and is not answered tries so often, by one socket alone, before it slows down.
const MAX_PRICE: u8 = 20;

/// A price in tries. It is one as long as no more come than may be let in; it rises while more do that have tried
/// often enough, and falls when so few come that all of them could pay less.
///
/// Whoever pays is let in, so that each try brings an honest node nearer, and costs a forger as much: who has many
/// senders try often enough has to send each packet so many times.
pub(super) struct Pressure {
    allowance: Allowance,
    mark: usize,
    let_in: Bucket,
    price: u8,
    raised_at: u64,
    since: u64,
    came: usize,
}

impl Pressure {
    /// So many a second are let in, and none while more than `mark` wait.
    pub(super) fn new(allowance: Allowance, mark: usize) -> Self {
        let let_in = Bucket::default();
        Self { allowance, mark, let_in, price: 1, raised_at: 0, since: 0, came: 0 }
    }

    /// One comes who has tried so often, while so many wait: whether it is let in.
    pub(super) fn lets_in(&mut self, tries: u8, waiting: usize, now: u64) -> bool {
        self.count(now);
        if tries < self.price {
            return false;
        }
        let lets_in = waiting < self.mark && self.let_in.take(self.allowance, 1, now);
        if !lets_in {
            self.raise(now);
        }
        lets_in
    }

    fn raise(&mut self, now: u64) {
        if now.abs_diff(self.raised_at) >= RISE_MS {
            self.raised_at = now;
            self.price = (self.price + self.price.div_ceil(2)).min(MAX_PRICE);
        }
    }

    fn count(&mut self, now: u64) {
        // The clock may have been set back.
        let age = now.abs_diff(self.since);
        if age >= WINDOW_MS {
            let came = if age < 2 * WINDOW_MS { self.came } else { 0 };
            self.price = self.price.min(self.price_for(came));
            (self.since, self.came) = (now, 0);
        }
        self.came += 1;
    }

    /// What would let in no more than three quarters of what may be, if everybody came again and again.
    fn price_for(&self, came: usize) -> u8 {
        let price = came.div_ceil(self.allowance.rate as usize * 3 / 4);
        u8::try_from(price).unwrap_or(u8::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressure() -> Pressure {
        Pressure::new(Allowance { rate: 100, burst: 100 }, 64)
    }

    /// So many a second of strangers who have tried so often; how many were let in during the last one.
    fn flood(pressure: &mut Pressure, tries: u8, rate: u64, seconds: u64, from: u64) -> usize {
        let numbers = 0..rate * seconds;
        let times = numbers.map(|number| from + number * 1000 / rate);
        let let_in = times
            .filter(|now| pressure.lets_in(tries, 0, *now) && now + 1000 >= from + seconds * 1000);
        let_in.count()
    }

    #[test]
    fn whoever_comes_is_let_in_while_few_do() {
        assert_eq!(flood(&mut pressure(), 1, 70, 5, 5000), 70);
    }

    #[test]
    fn flood_of_new_ones_keeps_out_nobody_who_tries_again() {
        let mut pressure = pressure();
        assert_eq!(flood(&mut pressure, 1, 5000, 3, 5000), 0);
        assert!(pressure.lets_in(2, 0, 8000));
    }

    #[test]
    fn price_rises_until_no_more_pay_than_are_let_in_and_falls_after_the_flood() {
        let mut pressure = pressure();
        flood(&mut pressure, MAX_PRICE - 1, 5000, 3, 5000);
        assert!(!pressure.lets_in(MAX_PRICE - 1, 0, 8000));
        assert!(pressure.lets_in(MAX_PRICE, 0, 8000));
        flood(&mut pressure, 1, 70, 2, 8000);
        assert!(pressure.lets_in(1, 0, 10_000));
        assert_eq!(pressure.price, 1);
    }

    #[test]
    fn flood_that_ends_at_once_is_forgotten() {
        let mut pressure = pressure();
        flood(&mut pressure, 1, 5000, 3, 5000);
        assert!(pressure.lets_in(1, 0, 60_000));
    }

    #[test]
    fn nobody_is_let_in_while_too_many_wait() {
        assert!(!pressure().lets_in(MAX_PRICE, 64, 5000));
    }

    #[test]
    fn clock_that_was_set_back_stops_nothing() {
        let mut pressure = pressure();
        flood(&mut pressure, 1, 5000, 1, 9_000_000);
        assert!(!pressure.lets_in(1, 0, 5000), "nothing was regained yet");
        assert!(pressure.lets_in(2, 0, 5020));
    }
}
