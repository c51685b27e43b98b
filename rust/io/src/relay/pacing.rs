//! How much a client may say to those who have not answered it.
//!
//! A relay lends strangers its address. A host that answers a client wants its datagrams, so all are passed on.
//! A host that does not answer gets as many as a greeting takes, and then very few: a relay cannot be used to
//! flood it.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::allowance::{Allowance, Bucket, Parties};
use super::shares::Shares;

/// Destinations of a client that are remembered.
const DESTINATIONS: usize = 512;
/// Bytes that count as one datagram: a link's usual MTU.
const UNIT: usize = 1500;
/// To one that does not answer: enough for a HELLO, its repetitions, and what is said behind it.
const TO_ONE: Allowance = Allowance { burst: 16, pace: Duration::from_millis(625) };
/// To all of those together: the addresses of some dozens of peers are tried at a time, but not for ever.
const TO_ALL: Allowance = Allowance { burst: 256, pace: Duration::from_millis(100) };

/// What one client has said to whom, and who answered.
pub(super) struct Pacing {
    source: IpAddr,
    destinations: Parties<SocketAddr>,
    all: Bucket,
}

impl Pacing {
    /// For a client of this source.
    pub(super) fn new(source: IpAddr) -> Self {
        Self { source, destinations: Parties::new(DESTINATIONS), all: Bucket::default() }
    }

    /// Whether a datagram of so many bytes may go there now; if so, it is counted as sent.
    pub(super) fn may_send(
        &mut self,
        shares: &mut Shares,
        to: SocketAddr,
        length: usize,
        now: Instant,
    ) -> bool {
        let destination = self.destinations.remember(to, now);
        if destination.answers(now) {
            return true;
        }
        let units = 1 + (length / UNIT) as u32;
        let one = destination.bucket.after(units, &TO_ONE, now);
        let (Some(one), Some(all)) = (one, self.all.after(units, &TO_ALL, now)) else {
            return false;
        };
        if !shares.take(self.source, to.ip(), units, now) {
            return false;
        }
        destination.bucket.take(one);
        self.all.take(all);
        true
    }

    /// Somebody says something: whether that is an answer, since the client spoke first.
    pub(super) fn heard(&mut self, shares: &mut Shares, from: SocketAddr, now: Instant) -> bool {
        let Some(destination) = self.destinations.get(from) else { return false };
        destination.answered(now);
        shares.answered(from.ip(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(number: u32) -> SocketAddr {
        (Ipv4Addr::from_bits(0x5001_0000 + number), 9993).into()
    }

    /// A client, and the shares of all of them.
    struct Bench {
        pacing: Pacing,
        shares: Shares,
    }

    impl Bench {
        fn new() -> Self {
            let pacing = Pacing::new([81, 0, 0, 1].into());
            Self { pacing, shares: Shares::default() }
        }

        fn may_send(&mut self, to: SocketAddr, length: usize, now: Instant) -> bool {
            self.pacing.may_send(&mut self.shares, to, length, now)
        }

        fn heard(&mut self, from: SocketAddr, now: Instant) -> bool {
            self.pacing.heard(&mut self.shares, from, now)
        }

        /// How many of so many datagrams go through at once.
        fn passed(&mut self, to: SocketAddr, length: usize, now: Instant) -> usize {
            (0..1000).filter(|_| self.may_send(to, length, now)).count()
        }
    }

    #[test]
    fn nobody_is_flooded_from_behind_a_relay_who_never_answered() {
        let (mut bench, now) = (Bench::new(), Instant::now());
        assert_eq!(bench.passed(at(1), 1400, now), 16);
        assert_eq!(bench.passed(at(1), 1400, now + 10 * SECOND), 16);
        assert_eq!(bench.passed(at(2), 30_000, now + 20 * SECOND), 0);
        assert_eq!(bench.passed(at(2), 6_000, now + 20 * SECOND), 3);
    }

    #[test]
    fn who_connects_again_and_again_has_no_more_to_say_to_one() {
        let (mut bench, now, mut sent) = (Bench::new(), Instant::now(), 0);
        for _ in 0..1000 {
            bench.pacing = Pacing::new([81, 0, 0, 1].into());
            sent += bench.passed(at(1), 1400, now);
        }
        assert_eq!(sent, 128);
    }

    #[test]
    fn who_connects_again_and_again_has_no_more_to_say_to_all() {
        let (mut bench, now, mut sent) = (Bench::new(), Instant::now(), 0);
        for number in 0..1000 {
            bench.pacing = Pacing::new([81, 0, 0, 1].into());
            sent += bench.passed(at(number), 1400, now);
        }
        assert_eq!(sent, 1024);
    }

    #[test]
    fn who_answers_hears_everything_until_it_falls_silent() {
        let (mut bench, now) = (Bench::new(), Instant::now());
        assert_eq!(bench.passed(at(1), 100, now), 16);
        assert!(bench.heard(at(1), now));
        assert_eq!(bench.passed(at(1), 100, now + 180 * SECOND), 1000);
        assert_eq!(bench.passed(at(1), 100, now + 181 * SECOND), 16);
    }

    #[test]
    fn datagram_nobody_asked_for_is_no_answer() {
        let (mut bench, now) = (Bench::new(), Instant::now());
        assert!(!bench.heard(at(1), now));
        assert_eq!(bench.passed(at(1), 100, now), 16);
    }

    #[test]
    fn many_silent_destinations_share_one_allowance() {
        let (mut bench, now) = (Bench::new(), Instant::now());
        let sent = |bench: &mut Bench, now| {
            (0..5000).filter(|number| bench.may_send(at(*number), 100, now)).count()
        };
        assert_eq!(sent(&mut bench, now), 256);
        assert_eq!(sent(&mut bench, now + SECOND), 10);
    }

    #[test]
    fn table_stays_small_and_keeps_who_answers() {
        let (mut bench, now) = (Bench::new(), Instant::now());
        bench.may_send(at(0), 100, now);
        assert!(bench.heard(at(0), now));
        for number in 1..5000 {
            bench.may_send(at(number), 100, now);
        }
        assert_eq!(bench.pacing.destinations.len(), DESTINATIONS);
        assert_eq!(bench.passed(at(0), 100, now), 1000);
    }
}
