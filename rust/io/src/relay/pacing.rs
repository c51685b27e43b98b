//! How much a client may say to those who have not answered it.
//!
//! A relay lends strangers its address. Whoever answers a client wants to hear it, so it hears all of it; to
//! anybody else goes what a greeting takes, and then hardly anything: nobody can be flooded from behind it.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Destinations of a client that are remembered, about 100 bytes each. One more makes it forget the oldest.
const DESTINATIONS: usize = 512;
/// Tries to find one to forget among those that answer: they stay while they can.
const SECOND_CHANCES: usize = 8;
/// An answer counts for so long: peers of a flow that only goes one way still say something every minute.
const ANSWER_COUNTS: Duration = Duration::from_secs(180);
/// Bytes that count as one datagram: a link's usual MTU.
const UNIT: usize = 1500;
/// To one that does not answer: enough for a HELLO, its repetitions, and what is said behind it.
const TO_ONE: Allowance = Allowance { burst: 16, pace: Duration::from_millis(625) };
/// To all of those together: the addresses of some dozens of peers are tried at a time, but not for ever.
const TO_ALL: Allowance = Allowance { burst: 256, pace: Duration::from_millis(100) };

/// So many units at once, and one more each time.
struct Allowance {
    burst: u32,
    pace: Duration,
}

/// What is left of an allowance.
#[derive(Default)]
struct Bucket {
    /// When nothing of it will be used any more; `None`: nothing ever was.
    full_at: Option<Instant>,
}

impl Bucket {
    /// When it will be full again once these units are taken as well; `None` if it does not hold them.
    fn after(&self, units: u32, allowance: &Allowance, now: Instant) -> Option<Instant> {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + allowance.pace * units;
        (full_at - now <= allowance.pace * allowance.burst).then_some(full_at)
    }
}

#[derive(Default)]
struct Destination {
    bucket: Bucket,
    answered_at: Option<Instant>,
}

impl Destination {
    fn answers(&self, now: Instant) -> bool {
        self.answered_at.is_some_and(|at| now - at <= ANSWER_COUNTS)
    }
}

/// What one client has said to whom, and who answered.
#[derive(Default)]
pub(super) struct Pacing {
    destinations: HashMap<SocketAddr, Destination>,
    /// All of them, the oldest first.
    order: VecDeque<SocketAddr>,
    all: Bucket,
}

impl Pacing {
    /// Whether a datagram of so many bytes may go there now; if so, it is counted as sent.
    pub(super) fn may_send(&mut self, to: SocketAddr, length: usize, now: Instant) -> bool {
        if !self.destinations.contains_key(&to) {
            self.remember(to, now);
        }
        let Some(destination) = self.destinations.get_mut(&to) else { return false };
        if destination.answers(now) {
            return true;
        }
        let units = 1 + (length / UNIT) as u32;
        let one = destination.bucket.after(units, &TO_ONE, now);
        let (Some(one), Some(all)) = (one, self.all.after(units, &TO_ALL, now)) else {
            return false;
        };
        destination.bucket.full_at = Some(one);
        self.all.full_at = Some(all);
        true
    }

    /// Somebody says something: whether that is an answer, since the client spoke first.
    pub(super) fn heard(&mut self, from: SocketAddr, now: Instant) -> bool {
        let Some(destination) = self.destinations.get_mut(&from) else { return false };
        destination.answered_at = Some(now);
        true
    }

    fn remember(&mut self, to: SocketAddr, now: Instant) {
        if self.order.len() >= DESTINATIONS {
            self.forget_one(now);
        }
        self.order.push_back(to);
        self.destinations.insert(to, Destination::default());
    }

    fn forget_one(&mut self, now: Instant) {
        for chance in 0..=SECOND_CHANCES {
            let Some(oldest) = self.order.pop_front() else { return };
            let answers = self.destinations.get(&oldest).is_some_and(|found| found.answers(now));
            if !answers || chance == SECOND_CHANCES {
                self.destinations.remove(&oldest);
                return;
            }
            self.order.push_back(oldest);
        }
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

    /// How many of so many datagrams go through at once.
    fn passed(pacing: &mut Pacing, to: SocketAddr, length: usize, now: Instant) -> usize {
        (0..1000).filter(|_| pacing.may_send(to, length, now)).count()
    }

    #[test]
    fn nobody_is_flooded_from_behind_a_relay_who_never_answered() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        assert_eq!(passed(&mut pacing, at(1), 1400, now), 16);
        assert_eq!(passed(&mut pacing, at(1), 1400, now + 10 * SECOND), 16);
        assert_eq!(passed(&mut pacing, at(2), 30_000, now + 20 * SECOND), 0);
        assert_eq!(passed(&mut pacing, at(2), 6_000, now + 20 * SECOND), 3);
    }

    #[test]
    fn who_answers_hears_everything_until_it_falls_silent() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        assert_eq!(passed(&mut pacing, at(1), 100, now), 16);
        assert!(pacing.heard(at(1), now));
        assert_eq!(passed(&mut pacing, at(1), 100, now + 180 * SECOND), 1000);
        assert_eq!(passed(&mut pacing, at(1), 100, now + 181 * SECOND), 16);
    }

    #[test]
    fn datagram_nobody_asked_for_is_no_answer() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        assert!(!pacing.heard(at(1), now));
        assert_eq!(passed(&mut pacing, at(1), 100, now), 16);
    }

    #[test]
    fn many_silent_destinations_share_one_allowance() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        let sent = |pacing: &mut Pacing, now| {
            (0..5000).filter(|number| pacing.may_send(at(*number), 100, now)).count()
        };
        assert_eq!(sent(&mut pacing, now), 256);
        assert_eq!(sent(&mut pacing, now + SECOND), 10);
    }

    #[test]
    fn table_stays_small_and_keeps_who_answers() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        pacing.may_send(at(0), 100, now);
        assert!(pacing.heard(at(0), now));
        for number in 1..5000 {
            pacing.may_send(at(number), 100, now);
        }
        assert_eq!(pacing.order.len(), DESTINATIONS);
        assert_eq!(pacing.destinations.len(), DESTINATIONS);
        assert_eq!(passed(&mut pacing, at(0), 100, now), 1000);
    }
}
