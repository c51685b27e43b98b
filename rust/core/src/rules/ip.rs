//! Where things stand in an IP packet, as far as rules ask (03, 6.2, 6.4). Nothing here trusts a length.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Frame;
use super::table::{End, at};

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 0x3a;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;

/// Neighbour solicitation and advertisement.
const SOLICITATION: u8 = 0x87;
const ADVERTISEMENT: u8 = 0x88;

/// The payload of a frame that is long enough for the fixed IP header of its ethertype.
#[derive(Clone, Copy)]
pub(super) enum Ip<'a> {
    V4(&'a [u8; 20]),
    V6(&'a [u8; 40]),
}

impl<'a> Ip<'a> {
    fn of(frame: &Frame<'a>) -> Option<Self> {
        match frame.ethertype {
            IPV4 => frame.payload.first_chunk().map(Self::V4),
            IPV6 => frame.payload.first_chunk().map(Self::V6),
            _ => None,
        }
    }

    /// Type of service, or traffic class.
    pub(super) const fn tos(self) -> u8 {
        match self {
            Self::V4(header) => header[1],
            Self::V6(header) => header[0] << 4 | header[1] >> 4,
        }
    }

    /// The address at one end of an IPv4 packet.
    pub(super) fn v4(self, end: End) -> Option<u32> {
        let Self::V4(header) = self else { return None };
        at(header, if end == End::Source { 12 } else { 16 }).map(u32::from_be_bytes)
    }

    /// The address at one end of an IPv6 packet.
    pub(super) fn v6(self, end: End) -> Option<u128> {
        let Self::V6(header) = self else { return None };
        at(header, if end == End::Source { 8 } else { 24 }).map(u128::from_be_bytes)
    }
}

/// What rules ask most of an IP packet, read once for each frame, however many rules ask.
pub(super) struct Layers<'a> {
    pub(super) ip: Option<Ip<'a>>,
    pub(super) transport: Option<Transport>,
    /// At the source and at the destination.
    ports: [Option<u16>; 2],
}

impl<'a> Layers<'a> {
    pub(super) fn of(frame: &Frame<'a>) -> Self {
        let ip = Ip::of(frame);
        let transport = ip.and_then(|ip| Transport::of(ip, frame.payload));
        let port = |end| transport.and_then(|transport| transport.port(frame.payload, end));
        Self { ip, transport, ports: [port(End::Source), port(End::Destination)] }
    }

    pub(super) const fn port(&self, end: End) -> Option<u16> {
        self.ports[end as usize]
    }
}

/// What an IP packet carries: the protocol and the offset of its header, which may be past the end.
#[derive(Clone, Copy)]
pub(super) struct Transport {
    pub(super) protocol: u8,
    offset: usize,
    is_v6: bool,
}

impl Transport {
    /// After the IPv4 header, or after the IPv6 extension headers; `None` if there is no such packet.
    fn of(ip: Ip<'_>, payload: &[u8]) -> Option<Self> {
        match ip {
            Ip::V4(header) => {
                let offset = usize::from(header[0] & 0x0f) * 4;
                Some(Self { protocol: header[9], offset, is_v6: false })
            }
            Ip::V6(header) => Self::walk(payload, header[6]),
        }
    }

    /// Follow hop-by-hop, routing, destination and mobility headers; others end the walk.
    fn walk(payload: &[u8], first: u8) -> Option<Self> {
        let (mut protocol, mut offset) = (first, 40);
        while let 0 | 43 | 60 | 135 = protocol {
            let [next, length, ..] = at::<8>(payload, offset)?;
            protocol = next;
            offset += 8 * usize::from(length) + 8;
        }
        (offset <= payload.len()).then_some(Self { protocol, offset, is_v6: true })
    }

    /// Whether it comes in flows of packets that are alike to rules.
    pub(super) const fn has_flows(self) -> bool {
        matches!(self.protocol, TCP | UDP)
    }

    /// The port at this end, where the protocol has ports and they are there.
    fn port(self, payload: &[u8], end: End) -> Option<u16> {
        let has_ports = matches!(self.protocol, TCP | UDP | SCTP | UDP_LITE);
        if !has_ports || payload.len() <= self.offset + 4 {
            return None;
        }
        let offset = self.offset + if end == End::Source { 0 } else { 2 };
        let port = u16::from_be_bytes(at(payload, offset)?);
        // A port of 0 counts as none in IPv6 alone.
        (port != 0 || !self.is_v6).then_some(port)
    }

    /// Type and code of an ICMP message of the packet's own version.
    pub(super) fn icmp(self, payload: &[u8]) -> Option<[u8; 2]> {
        let wanted = if self.is_v6 { ICMPV6 } else { ICMP };
        if self.protocol == wanted { at(payload, self.offset) } else { None }
    }

    /// The twelve bits of TCP flags and reserved bits.
    pub(super) fn tcp_flags(self, payload: &[u8]) -> Option<u64> {
        let [reserved, flags] = at::<2>(payload, self.offset + 12)?;
        let is_there = self.protocol == TCP && (!self.is_v6 || payload.len() > self.offset + 14);
        is_there.then_some(u64::from(reserved & 0x0f) << 8 | u64::from(flags))
    }
}

/// Whom a frame says it is from, by IP.
pub(super) enum Sender {
    /// A neighbour solicitation, which counts as authentic.
    Solicitation,
    Ip(IpAddr),
}

impl Sender {
    pub(super) fn of(frame: &Frame<'_>, ip: Option<Ip<'_>>) -> Option<Self> {
        let payload = frame.payload;
        match ip {
            Some(ip @ Ip::V4(_)) => {
                ip.v4(End::Source).map(|ip| Self::Ip(Ipv4Addr::from(ip).into()))
            }
            Some(ip @ Ip::V6(header)) => {
                let kind =
                    payload.get(40).copied().filter(|_| payload.len() >= 64 && header[6] == ICMPV6);
                match kind {
                    Some(SOLICITATION) => Some(Self::Solicitation),
                    Some(ADVERTISEMENT) => at::<16>(payload, 48).map(|ip| Self::Ip(ip.into())),
                    _ => ip.v6(End::Source).map(|ip| Self::Ip(Ipv6Addr::from(ip).into())),
                }
            }
            None if frame.ethertype == ARP && payload.len() >= 28 => {
                at::<4>(payload, 14).map(|ip| Self::Ip(ip.into()))
            }
            None => None,
        }
    }
}
