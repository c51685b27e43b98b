//! Where the headers of an Ethernet frame with TCP or UDP over IP begin and end.

use crate::ethernet::IPV6;

/// Ethertype of IPv4.
const IPV4: u16 = 0x0800;
/// Ethertypes of VLAN tags.
const VLAN_TAGS: [u16; 2] = [0x8100, 0x88a8];
/// Bytes of a VLAN tag.
const VLAN_TAG: usize = 4;
/// IP protocol: TCP.
pub(super) const TCP: u8 = 0x06;
/// IP protocol: UDP.
pub(super) const UDP: u8 = 0x11;
/// IPv6 headers that may stand before the transport header: hop-by-hop options, routing, options.
const EXTENSIONS: [u8; 3] = [0x00, 0x2b, 0x3c];

/// Offsets from the start of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// 4 or 6.
    pub(super) version: u8,
    /// Of the IP header.
    pub(super) network: usize,
    /// Of the TCP or UDP header.
    pub(super) transport: usize,
    /// Behind the TCP or UDP header with its options.
    pub(super) data: usize,
    /// What the transport header is.
    pub(super) protocol: u8,
}

impl Layout {
    /// Of a whole IP packet with TCP or UDP, not a fragment. Lengths in headers are not looked at, but for
    /// those of headers.
    pub(super) fn parse(frame: &[u8]) -> Option<Self> {
        let (ethertype, network) = network_header(frame)?;
        Self::of_packet(ethertype, frame, network)
    }

    /// The same, where it is known what the IP header is and where it begins.
    pub(super) fn of_packet(ethertype: u16, frame: &[u8], network: usize) -> Option<Self> {
        let (version, transport, protocol) = match ethertype {
            IPV4 => ipv4(frame, network)?,
            IPV6 => ipv6(frame, network)?,
            _ => return None,
        };
        let length = match protocol {
            TCP => usize::from(frame.get(transport + 12)? >> 4) * 4,
            UDP => 8,
            _ => return None,
        };
        let data = transport + length;
        let fits = data <= frame.len() && (protocol == UDP || length >= 20);
        fits.then_some(Self { version, network, transport, data, protocol })
    }

    /// Where both addresses of the IP header stand.
    pub(super) fn addresses(&self) -> std::ops::Range<usize> {
        match self.version {
            4 => self.network + 12..self.network + 20,
            _ => self.network + 8..self.network + 40,
        }
    }

    /// Where the checksum stands.
    pub(super) const fn checksum_at(&self) -> usize {
        self.transport + if self.protocol == TCP { 16 } else { 6 }
    }
}

/// The ethertype behind up to two VLAN tags, and where its header begins.
fn network_header(frame: &[u8]) -> Option<(u16, usize)> {
    let mut at = 12;
    for _ in 0..2 {
        if !VLAN_TAGS.contains(&read_u16(frame, at)?) {
            break;
        }
        at += VLAN_TAG;
    }
    Some((read_u16(frame, at)?, at + 2))
}

fn ipv4(frame: &[u8], network: usize) -> Option<(u8, usize, u8)> {
    let header = frame.get(network..network + 20)?;
    let length = usize::from(header[0] & 0x0f) * 4;
    // More fragments follow, or it is not the first.
    let is_fragment = header[6] & 0x3f != 0 || header[7] != 0;
    let well_formed = header[0] >> 4 == 4 && length >= 20 && !is_fragment;
    well_formed.then(|| (4, network + length, header[9]))
}

fn ipv6(frame: &[u8], network: usize) -> Option<(u8, usize, u8)> {
    let header = frame.get(network..network + 40)?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let (mut next, mut at) = (header[6], network + 40);
    while EXTENSIONS.contains(&next) {
        let [following, length] = *frame.get(at..)?.first_chunk()?;
        (next, at) = (following, at + 8 + usize::from(length) * 8);
    }
    Some((6, at, next))
}

/// Two bytes of a frame.
pub(super) fn read_u16(frame: &[u8], at: usize) -> Option<u16> {
    frame.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// Four bytes of a frame.
pub(super) fn read_u32(frame: &[u8], at: usize) -> Option<u32> {
    frame.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Write into a frame, where it is long enough.
pub(super) fn write(frame: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(target) = frame.get_mut(at..at + bytes.len()) {
        target.copy_from_slice(bytes);
    }
}
