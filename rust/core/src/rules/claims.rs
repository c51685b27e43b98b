//! Whom a frame says it is from, by IP (03, 6.4), and what it tells neighbours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::frame::Content;
use super::ip::{ARP, ICMPV6, Ip, Layers};
use super::table::{End, at};
use crate::ethernet::mac_from;

/// Router and neighbour solicitation, neighbour advertisement.
const ROUTER_SOLICITATION: u8 = 0x85;
const SOLICITATION: u8 = 0x87;
const ADVERTISEMENT: u8 = 0x88;

/// Options of these: the link-layer address of the sender, and that of the address advertised.
const SOURCE_LINK: u8 = 1;
const TARGET_LINK: u8 = 2;

/// Whom a frame says it is from, by IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// Counts as authentic whoever sends it.
    Exempt,
    Ip(IpAddr),
}

impl Sender {
    /// As stock nodes see it: they believe every neighbour solicitation.
    pub(super) fn of(content: Content<'_>, ip: Option<Ip<'_>>) -> Option<Self> {
        let payload = content.payload;
        match ip {
            Some(ip @ Ip::V4(_)) => source(ip).map(Self::Ip),
            Some(ip @ Ip::V6(header)) => {
                let kind =
                    payload.get(40).copied().filter(|_| payload.len() >= 64 && header[6] == ICMPV6);
                match kind {
                    Some(SOLICITATION) => Some(Self::Exempt),
                    Some(ADVERTISEMENT) => at::<16>(payload, 48).map(|ip| Self::Ip(ip.into())),
                    _ => source(ip).map(Self::Ip),
                }
            }
            None => arp_sender(content).map(|(_, ip)| Self::Ip(ip)),
        }
    }

    /// As neighbours take it: `None` too where it would have them send to another MAC than its own.
    pub(super) fn in_earnest(
        content: Content<'_>,
        layers: &Layers<'_>,
        source_mac: u64,
    ) -> Option<Self> {
        let Some(ip) = layers.ip else {
            return arp_sender(content)
                .and_then(|(mac, ip)| (mac == source_mac).then_some(Self::Ip(ip)));
        };
        let message = layers.icmpv6();
        let kind = message.and_then(|message| message.first()).copied();
        let (claimed, link, options) = match (kind, message) {
            (Some(ROUTER_SOLICITATION), Some(message)) => {
                (Self::Ip(source(ip)?), SOURCE_LINK, message.get(8..)?)
            }
            (Some(SOLICITATION), Some(message)) => {
                (solicitor(ip, message)?, SOURCE_LINK, message.get(24..)?)
            }
            (Some(ADVERTISEMENT), Some(message)) => {
                (Self::Ip(at::<16>(message, 8)?.into()), TARGET_LINK, message.get(24..)?)
            }
            _ => return source(ip).map(Self::Ip),
        };
        options_agree(options, link, source_mac).then_some(claimed)
    }
}

fn source(ip: Ip<'_>) -> Option<IpAddr> {
    match ip {
        Ip::V4(_) => ip.v4(End::Source).map(|ip| Ipv4Addr::from(ip).into()),
        Ip::V6(_) => ip.v6(End::Source).map(|ip| Ipv6Addr::from(ip).into()),
    }
}

/// MAC and IP of an ARP packet's sender.
fn arp_sender(content: Content<'_>) -> Option<(u64, IpAddr)> {
    let packet: &[u8; 28] = content.payload.first_chunk()?;
    let ip = at::<4>(packet, 14).filter(|_| content.ethertype == ARP)?;
    Some((mac_from(at(packet, 8)?), ip.into()))
}

/// Who asks for a neighbour. Before an address is used (RFC 4862) it is that address which is claimed; and
/// link-local addresses are nobody's by certificate.
fn solicitor(ip: Ip<'_>, message: &[u8]) -> Option<Sender> {
    let source = Ipv6Addr::from(ip.v6(End::Source)?);
    let claimed =
        if source.is_unspecified() { Ipv6Addr::from(at::<16>(message, 8)?) } else { source };
    let exempt = claimed.is_unicast_link_local();
    Some(if exempt { Sender::Exempt } else { Sender::Ip(claimed.into()) })
}

/// Whether each option that names a link-layer address of this kind names this MAC. Hosts throw away what
/// has an option of no length.
fn options_agree(mut options: &[u8], kind: u8, mac: u64) -> bool {
    while let [found, units, ..] = *options
        && units != 0
    {
        let length = usize::from(units) * 8;
        if found == kind && (units != 1 || at(options, 2).map(mac_from) != Some(mac)) {
            return false;
        }
        options = options.get(length..).unwrap_or_default();
    }
    options.is_empty()
}
