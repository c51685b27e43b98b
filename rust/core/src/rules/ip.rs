//! Where things stand in an IP packet, as far as rules ask (03, 6.2, 6.4). Nothing here trusts a length.

use super::frame::Content;
use super::table::{End, at};

pub(super) use crate::ethernet::{ARP, IPV6};

pub(super) const IPV4: u16 = 0x0800;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
pub(super) const ICMPV6: u8 = 0x3a;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;

/// The payload of a frame that is long enough for the fixed IP header of its ethertype.
#[derive(Clone, Copy)]
pub(super) enum Ip<'a> {
    V4(&'a [u8; 20]),
    V6(&'a [u8; 40]),
}

impl<'a> Ip<'a> {
    pub(super) fn of(content: Content<'a>) -> Option<Self> {
        match content.ethertype {
            IPV4 => content.payload.first_chunk().map(Self::V4),
            IPV6 => content.payload.first_chunk().map(Self::V6),
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
    payload: &'a [u8],
    /// What is missing may come in another fragment; only [`super::fragments`] looks for that.
    is_partial: bool,
}

impl<'a> Layers<'a> {
    /// As stock nodes see them.
    pub(super) fn of(content: Content<'a>) -> Self {
        let ip = Ip::of(content);
        let transport = ip.and_then(|ip| Transport::of(ip, content.payload));
        Self::new(content.payload, ip, transport, false)
    }

    pub(super) fn new(
        payload: &'a [u8],
        ip: Option<Ip<'a>>,
        transport: Option<Transport>,
        is_partial: bool,
    ) -> Self {
        let port = |end| transport.and_then(|transport| transport.port(payload, end));
        Self {
            ip,
            transport,
            ports: [port(End::Source), port(End::Destination)],
            payload,
            is_partial,
        }
    }

    pub(super) const fn port(&self, end: End) -> Option<u16> {
        self.ports[end as usize]
    }

    /// Type and code of an ICMP message of the packet's own version.
    pub(super) fn icmp(&self) -> Option<[u8; 2]> {
        let transport = self.transport.filter(Transport::is_icmp)?;
        at(self.payload, transport.offset)
    }

    /// A message of ICMP for IPv6, or as much of it as is here.
    pub(super) fn icmpv6(&self) -> Option<&'a [u8]> {
        let transport = self.transport.filter(|it| it.is_v6 && it.is_icmp())?;
        self.payload.get(transport.offset..)
    }

    pub(super) fn tcp_flags(&self) -> Option<u64> {
        self.transport?.tcp_flags(self.payload)
    }

    /// Whether the protocol is in another fragment.
    pub(super) const fn hides_protocol(&self) -> bool {
        self.is_partial && self.transport.is_none()
    }

    /// Whether what such a protocol has, and is not here, may be in another fragment.
    #[inline]
    pub(super) fn hides(&self, has_it: impl FnOnce(&Transport) -> bool) -> bool {
        self.is_partial && self.transport.as_ref().is_none_or(has_it)
    }
}

/// What an IP packet carries: the protocol and the offset of its header, which may be past the end.
#[derive(Clone, Copy)]
pub(super) struct Transport {
    pub(super) protocol: u8,
    pub(super) offset: usize,
    pub(super) is_v6: bool,
}

impl Transport {
    /// After the IPv4 header, or after the IPv6 extension headers; `None` if there is no such packet.
    pub(super) fn of(ip: Ip<'_>, payload: &[u8]) -> Option<Self> {
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
        while is_walked(protocol) {
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

    pub(super) const fn has_ports(&self) -> bool {
        matches!(self.protocol, TCP | UDP | SCTP | UDP_LITE)
    }

    pub(super) const fn is_tcp(&self) -> bool {
        self.protocol == TCP
    }

    /// Whether it is the ICMP of the packet's own version.
    pub(super) const fn is_icmp(&self) -> bool {
        self.protocol == if self.is_v6 { ICMPV6 } else { ICMP }
    }

    /// The port at this end, where the protocol has ports and they are there.
    fn port(self, payload: &[u8], end: End) -> Option<u16> {
        if !self.has_ports() || payload.len() <= self.offset + 4 {
            return None;
        }
        let offset = self.offset + if end == End::Source { 0 } else { 2 };
        let port = u16::from_be_bytes(at(payload, offset)?);
        // A port of 0 counts as none in IPv6 alone.
        (port != 0 || !self.is_v6).then_some(port)
    }

    /// The twelve bits of TCP flags and reserved bits.
    fn tcp_flags(self, payload: &[u8]) -> Option<u64> {
        let [reserved, flags] = at::<2>(payload, self.offset + 12)?;
        let is_there = self.is_tcp() && (!self.is_v6 || payload.len() > self.offset + 14);
        is_there.then_some(u64::from(reserved & 0x0f) << 8 | u64::from(flags))
    }
}

/// IPv6 extension headers that stock nodes walk: hop-by-hop, routing, destination and mobility.
pub(super) const fn is_walked(protocol: u8) -> bool {
    matches!(protocol, 0 | 43 | 60 | 135)
}
