//! What all clients together may say to those that answer nobody: connections are cheap, and each has an
//! allowance of its own, so that many of them, or one after the other, would be none at all.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::allowance::{Allowance, Parties};

/// Sources and destinations that are remembered, over all clients, and longer than those are there.
const KNOWN: usize = 65_536;
/// Of all clients of one source: the greetings of as many nodes as there may be behind one NAT.
const OF_A_SOURCE: Allowance = Allowance { burst: 1024, pace: Duration::from_millis(25) };
/// Of everybody to one host that answers nobody, at whatever port: some 20 kB a second at most.
const TO_A_HOST: Allowance = Allowance { burst: 128, pace: Duration::from_millis(80) };

/// What is left of these.
pub(super) struct Shares {
    sources: Parties<IpAddr>,
    hosts: Parties<IpAddr>,
}

impl Default for Shares {
    fn default() -> Self {
        Self { sources: Parties::new(KNOWN), hosts: Parties::new(KNOWN) }
    }
}

impl Shares {
    /// Whether a client of the source may send these units to a host that never answered it; if so, they are
    /// taken. Who answers others is one that nodes talk to: a root is greeted by all clients at once.
    pub(super) fn take(&mut self, source: IpAddr, to: IpAddr, units: u32, now: Instant) -> bool {
        let source = &mut self.sources.remember(source, now).bucket;
        let Some(of_source) = source.after(units, &OF_A_SOURCE, now) else { return false };
        let host = self.hosts.remember(to, now);
        if !host.answers(now) {
            let Some(to_host) = host.bucket.after(units, &TO_A_HOST, now) else { return false };
            host.bucket.take(to_host);
        }
        source.take(of_source);
        true
    }

    /// A host has answered a client.
    pub(super) fn answered(&mut self, host: IpAddr, now: Instant) {
        self.hosts.remember(host, now).answered(now);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn ip(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x5000_0000 + number).into()
    }

    #[test]
    fn host_that_answers_nobody_is_not_flooded_by_all_sources_together() {
        let (mut shares, now) = (Shares::default(), Instant::now());
        let sent = |shares: &mut Shares, now| {
            (0..5000).filter(|source| shares.take(ip(*source), ip(0xFF_FFFF), 1, now)).count()
        };
        assert_eq!(sent(&mut shares, now), 128);
        assert_eq!(sent(&mut shares, now + Duration::from_secs(4)), 50);
    }

    #[test]
    fn source_floods_nobody_by_going_from_host_to_host() {
        let (mut shares, now) = (Shares::default(), Instant::now());
        let sent = |shares: &mut Shares, now| {
            (0..5000).filter(|host| shares.take(ip(0xFF_FFFF), ip(*host), 1, now)).count()
        };
        assert_eq!(sent(&mut shares, now), 1024);
        assert_eq!(sent(&mut shares, now + Duration::from_secs(1)), 40);
        assert!(shares.take(ip(0xFF_FFFE), ip(4999), 1, now), "others are not held up by it");
    }

    #[test]
    fn host_that_answers_is_greeted_by_everybody() {
        let (mut shares, now) = (Shares::default(), Instant::now());
        shares.answered(ip(0xFF_FFFF), now);
        assert!((0..5000).all(|source| shares.take(ip(source), ip(0xFF_FFFF), 1, now)));
    }

    #[test]
    fn what_is_not_sent_is_not_taken_from_the_source() {
        let (mut shares, now) = (Shares::default(), Instant::now());
        let refused = (0..5000).filter(|_| !shares.take(ip(1), ip(2), 1, now)).count();
        assert_eq!(refused, 5000 - 128);
        assert_eq!(
            (3..5000).filter(|host| shares.take(ip(1), ip(*host), 1, now)).count(),
            1024 - 128
        );
    }

    #[test]
    fn tables_stay_small() {
        let (mut shares, now) = (Shares::default(), Instant::now());
        for number in 0..2 * KNOWN as u32 {
            shares.take(ip(number), ip(number), 1, now);
        }
        assert_eq!((shares.sources.len(), shares.hosts.len()), (KNOWN, KNOWN));
    }
}
