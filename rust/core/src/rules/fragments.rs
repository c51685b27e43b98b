//! Where things stand in a packet of which a part may come in other fragments (RFC 1858, 3128, 7112).
//!
//! Stock nodes read IPv4 fragments as if each were whole, and nothing behind an IPv6 fragment header
//! (03, 6.2). A sender may thus put the flags of TCP into a fragment that nobody looks at.

use super::frame::Content;
use super::ip::{ICMPV6, Ip, Layers, Transport, is_walked};
use super::table::at;

const TCP: u8 = 6;
/// IPv6 fragment header, and authentication header, whose length is counted in other units than that of
/// the rest.
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;

/// "More fragments" and the offset in the IPv4 header.
const MORE: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// Fragments begin at multiples of this many bytes.
const UNIT: usize = 8;
/// Bytes of TCP whose flags are all there, in whole units.
const TCP_JUDGED: usize = 2 * UNIT;

/// What a receiver's host will see of the packet, as far as this fragment tells.
pub(super) fn layers(content: Content<'_>) -> Layers<'_> {
    let Some(ip) = Ip::of(content) else { return Layers::of(content) };
    match ip {
        Ip::V4(header) => {
            let payload = trim(content.payload, at(header, 2), 0);
            let transport = Transport::of(ip, payload);
            match fragment_v4(header) {
                (0, is_partial) => Layers::new(payload, Some(ip), transport, is_partial),
                (1, _) if header[9] == TCP => hidden_tcp(payload, ip),
                _ => Layers::new(payload, Some(ip), transport, false),
            }
        }
        Ip::V6(header) => walk(trim(content.payload, at(header, 4), header.len()), ip, header[6]),
    }
}

/// Whether rules need more of this IPv4 packet than is in this fragment of it.
#[inline]
pub(super) fn is_cut_short(payload: &[u8]) -> bool {
    let Some(header) = payload.first_chunk() else { return false };
    match fragment_v4(header) {
        (0, false) => false,
        (0, true) => {
            let judged = if header[9] == TCP { TCP_JUDGED } else { UNIT };
            let length = trim(payload, at(header, 2), 0).len();
            length < usize::from(header[0] & 0x0f) * 4 + judged
        }
        (offset, _) => offset == 1 && header[9] == TCP,
    }
}

/// Whether an IPv6 packet has no header that stock nodes may not look behind, and asks or tells no neighbour
/// or router anything.
#[inline]
pub(super) fn is_plain_v6(payload: &[u8]) -> bool {
    match payload.get(6) {
        Some(&ICMPV6) => !matches!(payload.get(40), Some(0x85 | 0x87 | 0x88)),
        Some(next) => extension(*next, 0).is_none() && *next != FRAGMENT,
        None => true,
    }
}

/// Offset in units, and whether more fragments follow.
#[inline]
fn fragment_v4(header: &[u8; 20]) -> (u16, bool) {
    let field = u16::from_be_bytes([header[6], header[7]]);
    (field & OFFSET, field & MORE != 0)
}

/// The packet without what follows its own length. 0: it says nothing of it.
fn trim(payload: &[u8], length: Option<[u8; 2]>, beside: usize) -> &[u8] {
    match length.map_or(0, u16::from_be_bytes) {
        0 => payload,
        length => payload.get(..usize::from(length) + beside).unwrap_or(payload),
    }
}

/// A TCP segment whose flags are in this fragment, at a place that no rule looks at.
fn hidden_tcp<'a>(payload: &'a [u8], ip: Ip<'a>) -> Layers<'a> {
    let is_v6 = matches!(ip, Ip::V6(_));
    let transport = Transport { protocol: TCP, offset: payload.len(), is_v6 };
    Layers::new(payload, Some(ip), Some(transport), true)
}

/// Follow every extension header, through those of fragments at offset 0.
fn walk<'a>(payload: &'a [u8], ip: Ip<'a>, first: u8) -> Layers<'a> {
    let (mut protocol, mut offset, mut is_partial) = (first, 40, false);
    let transport = loop {
        if protocol != FRAGMENT && extension(protocol, 0).is_none() {
            let transport = Transport { protocol, offset, is_v6: true };
            break (offset <= payload.len()).then_some(transport);
        }
        let Some([next, length, high, low, ..]) = at::<UNIT>(payload, offset) else { break None };
        let field = u16::from_be_bytes([high, low]);
        match (protocol, field >> 3) {
            (FRAGMENT, 0) => is_partial |= field & 1 != 0,
            (FRAGMENT, 1) if next == TCP => return hidden_tcp(payload, ip),
            (FRAGMENT, _) => break Some(Transport { protocol, offset, is_v6: true }),
            _ => {}
        }
        offset += extension(protocol, length).unwrap_or(UNIT);
        protocol = next;
    };
    Layers::new(payload, Some(ip), transport, is_partial)
}

/// Bytes of an extension header with this number in its field of the length; `None` for what is no such
/// header, or ends the walk. 139 and 140: those of the host identity protocol and of shim6.
fn extension(protocol: u8, length: u8) -> Option<usize> {
    let length = usize::from(length);
    match protocol {
        AUTHENTICATION => Some(4 * length + 8),
        139 | 140 => Some(8 * length + 8),
        _ => is_walked(protocol).then_some(8 * length + 8),
    }
}
