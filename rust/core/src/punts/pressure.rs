//! How often a stranger has to try before it is let in line.

use super::tries::Worth;
use crate::switch::ground::budget::{Allowance, Bucket};

/// Arrivals are counted for this long, in ms.
const WINDOW_MS: u64 = 1000;
/// The price rises no more often than this, in ms, so that what it was raised for has an effect first.
const RISE_MS: u64 = 50;
/// A node of ours that starts and is not answered tries so often, by one socket alone, before it slows down.
const MAX_PRICE: u8 = 20;

/// A price in tries. It is one as long as no more come than may be let in; it rises while more do that have tried
/// often enough, and falls to the least at which those who come would not be too many.
///
/// Whoever pays is let in, so that each try brings an honest node nearer, and costs a forger as much: who has many
/// senders try often enough has to send each packet so many times.
pub(super) struct Pressure {
    allowance: Allowance,
    mark: usize,
    bucket: Bucket,
    price: u8,
    raised_at: u64,
    since: u64,
    came: Came,
}

/// What came within a window.
struct Came {
    /// How many reached so many tries: at a price, those whose tries are a multiple of it would be let in.
    reached: [usize; 1 + u8::MAX as usize],
    let_in: usize,
    /// Whether more waited than should.
    waited: bool,
}

impl Pressure {
    /// So many a second are let in, and none while more than `mark` wait.
    pub(super) fn new(allowance: Allowance, mark: usize) -> Self {
        let (bucket, came) = (Bucket::default(), Came::new());
        Self { allowance, mark, bucket, price: 1, raised_at: 0, since: 0, came }
    }

    /// One comes whose tries are worth this, while so many wait: whether it is let in.
    pub(super) fn lets_in(&mut self, worth: Worth, waiting: usize, now: u64) -> bool {
        self.count(worth, now);
        if worth.tries < self.price {
            return false;
        }
        let waits = waiting >= self.mark;
        let lets_in = !waits && self.bucket.take(self.allowance, 1, now);
        self.came.let_in += usize::from(lets_in);
        self.came.waited |= waits;
        if !lets_in {
            self.raise(now);
        }
        lets_in
    }

    fn raise(&mut self, now: u64) {
        if now.saturating_sub(self.raised_at) >= RISE_MS {
            self.raised_at = now;
            self.price = (self.price + self.price.div_ceil(2)).min(MAX_PRICE);
        }
    }

    fn count(&mut self, worth: Worth, now: u64) {
        let age = now.saturating_sub(self.since);
        if age >= WINDOW_MS {
            let came = std::mem::replace(&mut self.came, Came::new());
            let lowest = if age < 2 * WINDOW_MS { came.price(self.allowance) } else { 1 };
            self.price = self.price.min(lowest);
            self.since = now;
        }
        self.came.reached[usize::from(worth.tries)] += usize::from(worth.rose);
    }
}

impl Came {
    const fn new() -> Self {
        Self { reached: [0; 1 + u8::MAX as usize], let_in: 0, waited: false }
    }

    /// What would let in no more than three quarters of what may be, or of what the engines took if that is less.
    fn price(&self, allowance: Allowance) -> u8 {
        let allowed = allowance.rate as usize;
        let most = if self.waited { self.let_in.min(allowed) } else { allowed } * 3 / 4;
        (1..MAX_PRICE).find(|price| self.would_pay(*price) <= most).unwrap_or(MAX_PRICE)
    }

    fn would_pay(&self, price: u8) -> usize {
        self.reached.iter().step_by(price.into()).skip(1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressure() -> Pressure {
        Pressure::new(Allowance { rate: 100, burst: 100 }, 64)
    }

    /// One who has just tried so often.
    const fn after(tries: u8) -> Worth {
        Worth { tries, rose: true }
    }

    /// So many a second of strangers who have tried so often; how many were let in during the last one.
    fn flood(pressure: &mut Pressure, tries: u8, rate: u64, seconds: u64, from: u64) -> usize {
        let numbers = 0..rate * seconds;
        let times = numbers.map(|number| from + number * 1000 / rate);
        let let_in = times.filter(|now| {
            pressure.lets_in(after(tries), 0, *now) && now + 1000 >= from + seconds * 1000
        });
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
        assert!(pressure.lets_in(after(2), 0, 8000));
    }

    /// So many senders in turn, each until it is let in and then again; how many were let in during the last second.
    fn list(pressure: &mut Pressure, senders: usize, rate: u64, seconds: u64, from: u64) -> usize {
        let mut tries = vec![0; senders];
        let mut last = 0;
        for number in 0..rate * seconds {
            let now = from + number * 1000 / rate;
            let tried = &mut tries[number as usize % senders];
            *tried += 1;
            if pressure.lets_in(after(*tried), 0, now) {
                *tried = 0;
                last += usize::from(now + 1000 >= from + seconds * 1000);
            }
        }
        last
    }

    #[test]
    fn price_rises_until_no_more_pay_than_are_let_in_and_falls_after_the_flood() {
        let mut pressure = pressure();
        let let_in = list(&mut pressure, 500, 1000, 30, 5000);
        assert!((50..=110).contains(&let_in), "{let_in}");
        assert!(pressure.price > 4, "{}", pressure.price);
        assert!(pressure.lets_in(after(MAX_PRICE), 0, 35_100));
        flood(&mut pressure, 1, 70, 2, 35_100);
        assert!(pressure.lets_in(after(1), 0, 37_200));
        assert_eq!(pressure.price, 1);
    }

    #[test]
    fn price_is_no_higher_than_keeps_those_out_who_come() {
        let mut pressure = pressure();
        flood(&mut pressure, 1, 5000, 3, 5000);
        assert_eq!(pressure.price, 2, "of new ones none tries twice");
    }

    #[test]
    fn where_the_engines_take_less_than_they_might_fewer_are_let_in() {
        let mut pressure = pressure();
        for number in 0..10_000 {
            let waiting = if number % 20 == 0 { 0 } else { 64 };
            pressure.lets_in(after(1 + number as u8 % 4), waiting, 5000 + number);
        }
        assert!(pressure.price > 4, "{}", pressure.price);
    }

    #[test]
    fn flood_that_ends_at_once_is_forgotten() {
        let mut pressure = pressure();
        flood(&mut pressure, 1, 5000, 3, 5000);
        assert!(pressure.lets_in(after(1), 0, 60_000));
    }

    #[test]
    fn nobody_is_let_in_while_too_many_wait() {
        assert!(!pressure().lets_in(after(MAX_PRICE), 64, 5000));
    }
}
