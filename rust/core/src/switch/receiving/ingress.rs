//! Datagrams: triage, reassembly, opening, dispatch (01, 1.5, 3.10; 02, 4.1, 4.2, 4.5).

use std::net::IpAddr;

use crate::compress;
use crate::packet::{
    Datagram, Fragment, HEADER_LENGTH, Head, SUITE_POLY1305, SUITE_TRUSTED, VERB, VERB_COMPRESSED,
    VERB_MASK,
};
use crate::switch::ground::counters::{Counter, DropReason};
use crate::switch::out::output::Output;
use crate::switch::out::punt::{Arrival, Punt};
use crate::switch::parts::{Switch, TrustedNetwork};
use crate::switch::reach::paths::Path;
use crate::switch::reach::ration::Asks;
use crate::switch::receiving::delivery::Opened;

/// Verb of the greeting, which authenticates itself.
const HELLO: u8 = 0x01;
/// Verb of replies. They count as received only once the engines have matched the request (02, 4.7).
const OK: u8 = 0x03;

impl Switch {
    /// Prefetch the keys that opening this datagram will need. With more peers than the processor's cache
    /// holds, calling this for a whole batch before the first is opened pays: the memory reads overlap.
    pub fn foresee_datagram(&self, datagram: &[u8]) {
        if let Datagram::Head(head) = Datagram::classify(datagram)
            && head.destination() == self.vl1.address
        {
            self.vl1.peers.foresee(head.source());
        }
    }

    /// A datagram from the network. Its bytes are used as working memory.
    pub fn ingest_datagram(&mut self, path: Path, datagram: &mut [u8], now: u64, out: &mut Output) {
        self.count(Counter::PacketsRx);
        let own = self.vl1.address;
        match Datagram::classify(datagram) {
            Datagram::Noise | Datagram::Beacon(_) => self.discard(DropReason::Noise),
            Datagram::Fragment(fragment) if fragment.destination() == own => {
                self.join_fragment(path, fragment, now, out);
            }
            Datagram::Head(head) if head.source() == own => self.discard(DropReason::OwnSource),
            Datagram::Head(head) if head.destination() == own => {
                if head.is_fragmented() {
                    self.join_head(path, datagram, now, out);
                } else {
                    self.ingest_packet(path, datagram, now, out);
                }
            }
            Datagram::Head(_) | Datagram::Fragment(_) => self.relay(path, datagram, now, out),
        }
    }

    fn join_head(&mut self, path: Path, datagram: &[u8], now: u64, out: &mut Output) {
        let source = self.vl1.paths.source(&path);
        if let Some(whole) = self.reassembler.accept_head(datagram, path, source, now) {
            let path = whole.tag;
            std::mem::swap(whole.packet, &mut self.assembled);
            self.ingest_assembled(path, now, out);
        }
    }

    fn join_fragment(&mut self, path: Path, fragment: Fragment<'_>, now: u64, out: &mut Output) {
        let source = self.vl1.paths.source(&path);
        if let Some(whole) = self.reassembler.accept_fragment(fragment, source, now) {
            let path = whole.tag;
            std::mem::swap(whole.packet, &mut self.assembled);
            self.ingest_assembled(path, now, out);
        }
    }

    fn ingest_assembled(&mut self, path: Path, now: u64, out: &mut Output) {
        let mut packet = std::mem::take(&mut self.assembled);
        self.ingest_packet(path, &mut packet, now, out);
        self.assembled = packet;
    }

    /// A whole packet for us, its pieces joined: new, or one that was punted for its unknown source.
    pub fn ingest_packet(&mut self, path: Path, packet: &mut [u8], now: u64, out: &mut Output) {
        let Some(head) = Head::parse(packet) else { return self.discard(DropReason::Noise) };
        let (source, packet_id, hops, suite) =
            (head.source(), head.packet_id(), head.hops(), head.suite());
        if suite == SUITE_POLY1305 && head.verb() == HELLO {
            return self.greet(path, packet, now, out);
        }
        let size = packet.len();
        let Some(session) = self.vl1.peers.session(source) else {
            return self.wonder(path, packet, now, out);
        };
        if suite == SUITE_TRUSTED {
            if !self.trusts(path, head.trusted_path_id()) {
                return self.discard(DropReason::TrustedPath);
            }
        } else if session.keys.open(packet).is_err() {
            return self.discard(DropReason::Unauthentic);
        }
        let Some((&mut [.., verb], payload)) = packet.split_first_chunk_mut::<HEADER_LENGTH>()
        else {
            return self.discard(DropReason::Noise);
        };
        if verb & VERB_COMPRESSED == 0 {
            let verb = verb & VERB_MASK;
            self.clamp.fit_opened(&self.vl1, source, verb, payload);
            let arrival = Arrival { path, source, packet_id, hops, suite, verb, size };
            return self.dispatch(&Opened { arrival, payload }, now, out);
        }
        let mut plain = packet.to_vec();
        if compress::decompress(&mut plain).is_err() {
            return self.discard(DropReason::Compression);
        }
        let verb = plain.get(VERB).copied().unwrap_or_default() & VERB_MASK;
        let payload = plain.get_mut(HEADER_LENGTH..).unwrap_or_default();
        self.clamp.fit_opened(&self.vl1, source, verb, payload);
        let arrival = Arrival { path, source, packet_id, hops, suite, verb, size };
        self.dispatch(&Opened { arrival, payload }, now, out);
    }

    /// An authentic packet: frames are for the switch, everything else is for the engines.
    fn dispatch(&mut self, packet: &Opened<'_>, now: u64, out: &mut Output) {
        let Opened { arrival, payload } = *packet;
        let Arrival { path, source, hops, verb, .. } = arrival;
        self.vl1.counters.add_if(Counter::came_in(verb));
        if verb == OK {
            self.vl1.peers.heard(source, &path, hops, now);
        } else {
            self.vl1.paths.came_in(&path, now);
            let bytes = if packet.carries_frame() { HEADER_LENGTH + payload.len() } else { 0 };
            self.vl1.peers.received(source, &path, hops, bytes, now);
        }
        if !packet.carries_frame() {
            let length = payload.len();
            let asks = if verb == OK { Asks::Answer(length) } else { Asks::Packet(length) };
            if self.vl1.affords(source, asks, now) {
                self.punt(Punt::Packet { arrival, payload: payload.to_vec() }, out);
            }
            return;
        }
        if hops == 0 && self.vl1.peers.is_new_path(source, &path, now) {
            self.punt(Punt::NewPath(arrival), out);
            let arrival = Arrival { size: 0, ..arrival };
            return self.receive_frame(&Opened { arrival, payload }, now, out);
        }
        self.receive_frame(packet, now, out);
    }

    /// Whether suite 2 with this ID may come by this path (01, 3.7).
    pub(in crate::switch) fn trusts(&self, path: Path, id: u64) -> bool {
        is_trusted(&self.trusted_networks, path.ip, id)
    }
}

/// Whether suite 2 with this ID may come from this IP (01, 3.7).
fn is_trusted(networks: &[TrustedNetwork], ip: IpAddr, id: u64) -> bool {
    id != 0 && networks.iter().any(|network| network.id == id && contains(network, ip))
}

fn contains(network: &TrustedNetwork, ip: IpAddr) -> bool {
    let (net, host, width) = match (network.ip, ip) {
        (IpAddr::V4(net), IpAddr::V4(host)) => {
            (u128::from(net.to_bits()), u128::from(host.to_bits()), 32)
        }
        (IpAddr::V6(net), IpAddr::V6(host)) => (net.to_bits(), host.to_bits(), 128),
        _ => return false,
    };
    let ignored = width - network.prefix.min(width);
    (net ^ host).checked_shr(ignored).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusts(network: &str, prefix: u32, ip: &str) -> bool {
        let network = TrustedNetwork { ip: network.parse().unwrap(), prefix, id: 7 };
        is_trusted(&[network], ip.parse().unwrap(), 7)
    }

    #[test]
    fn trusted_networks_contain_by_prefix() {
        assert!(trusts("10.1.0.0", 16, "10.1.2.3") && !trusts("10.1.0.0", 16, "10.2.2.3"));
        assert!(trusts("0.0.0.0", 0, "10.2.2.3") && !trusts("0.0.0.0", 0, "fd00::1"));
        assert!(trusts("fd00::", 8, "fd12::1") && trusts("::", 0, "fe80::1"));
        assert!(trusts("10.1.2.3", 32, "10.1.2.3") && !trusts("10.1.2.3", 32, "10.1.2.2"));
    }

    #[test]
    fn trusted_path_id_zero_never_matches() {
        let network = TrustedNetwork { ip: "0.0.0.0".parse().unwrap(), prefix: 0, id: 0 };
        assert!(!is_trusted(&[network], "10.1.2.3".parse().unwrap(), 0));
    }
}
