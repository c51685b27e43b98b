//! Lowering the MSS that a TCP connection is set up with, so that a full segment fits where it has to go.
//!
//! Each end announces in its SYN how many bytes of options and data it takes behind a bare TCP header
//! (RFC 9293, 3.7.1). The checksum follows by what changed alone (RFC 1624).

use super::checksum::{add, subtract};
use super::layout::{Layout, TCP, read_u16, write};

/// Bytes of a TCP header without options.
const TCP_HEADER: usize = 20;
/// TCP flag: a connection begins.
const SYN: u8 = 0x02;
/// TCP options: the end of all, padding of one byte, the MSS with its length.
const END: u8 = 0;
const PADDING: u8 = 1;
const MSS: [u8; 2] = [2, 4];

/// The MSS options of a SYN, in an IP packet of at most this many bytes.
struct Offer<'a> {
    packet: &'a [u8],
    layout: Layout,
    /// The largest MSS that fits.
    limit: u16,
}

impl<'a> Offer<'a> {
    fn parse(ethertype: u16, packet: &'a [u8], room: usize) -> Option<Self> {
        let layout = Layout::of_packet(ethertype, packet, 0)?;
        let begins = layout.protocol == TCP && packet.get(layout.transport + 13)? & SYN != 0;
        let limit = room.checked_sub(layout.transport + TCP_HEADER).filter(|limit| *limit > 0)?;
        let limit = u16::try_from(limit).unwrap_or(u16::MAX);
        begins.then_some(Self { packet, layout, limit })
    }

    /// Where the first value stands, from an option's place on, that is above the limit.
    fn excess(&self, mut at: usize) -> Option<usize> {
        let options = self.packet.get(..self.layout.data)?;
        loop {
            let length = match *options.get(at..)? {
                [END, ..] | [] => return None,
                [PADDING, ..] => 1,
                [kind, length, high, low, ..] if [kind, length] == MSS => {
                    if u16::from_be_bytes([high, low]) > self.limit {
                        return Some(at + 2);
                    }
                    usize::from(length)
                }
                [_, length, ..] if length >= 2 => usize::from(length),
                _ => return None,
            };
            at += length;
        }
    }

    const fn first_option(&self) -> usize {
        self.layout.transport + TCP_HEADER
    }
}

/// Whether an IP packet offers segments that make IP packets of more than `room` bytes.
pub(crate) fn exceeds(ethertype: u16, packet: &[u8], room: usize) -> bool {
    Offer::parse(ethertype, packet, room)
        .is_some_and(|offer| offer.excess(offer.first_option()).is_some())
}

/// Have an IP packet offer no segments that make IP packets of more than `room` bytes. Whatever else it is,
/// it stays as it was.
pub(crate) fn lower(ethertype: u16, packet: &mut [u8], room: usize) {
    let mut from = None;
    while let Some(offer) = Offer::parse(ethertype, packet, room) {
        let Some(at) = offer.excess(from.unwrap_or(offer.first_option())) else { return };
        let (limit, layout) = (offer.limit, offer.layout);
        replace(packet, &layout, at, limit);
        from = Some(at + 2);
    }
}

/// Write a word of the TCP header, and mend the checksum.
fn replace(packet: &mut [u8], layout: &Layout, at: usize, value: u16) {
    let checksum_at = layout.checksum_at();
    let (Some(before), Some(checksum)) = (read_u16(packet, at), read_u16(packet, checksum_at))
    else {
        return;
    };
    // A word at an odd place lies across two of those summed, its bytes the other way round.
    let summed = |word: u16| {
        if (at - layout.transport).is_multiple_of(2) { word } else { word.swap_bytes() }
    };
    let sum = add(subtract(!checksum, summed(before)), summed(value));
    write(packet, at, &value.to_be_bytes());
    write(packet, checksum_at, &(!sum).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::checksum::{pseudo_header, sum};
    use super::*;

    const IPV4: u16 = 0x0800;
    const IPV6: u16 = 0x86dd;
    /// What a route of 1432 bytes leaves for the IP packet of a FRAME.
    const ROOM: usize = 1394;

    /// An IP packet with a TCP header of these flags and options, and its checksum.
    fn packet(version: u8, flags: u8, options: &[u8]) -> Vec<u8> {
        let length = TCP_HEADER + options.len();
        assert!(length.is_multiple_of(4) && length <= 60);
        let mut packet = if version == 4 {
            let mut header = vec![0x45, 0, 0, (20 + length) as u8, 0, 1, 0x40, 0, 64, TCP, 0, 0];
            header.extend([10, 1, 0, 1, 10, 1, 0, 2]);
            header
        } else {
            let mut header = vec![0x60, 0, 0, 0, 0, length as u8, TCP, 64];
            header.extend((0..32).map(|byte| byte * 7));
            header
        };
        packet.extend([0x9c, 0x40, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0]);
        packet.extend([(length * 4) as u8, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
        packet.extend(options);
        let value = !covered(&packet);
        let at = packet.len() - length + 16;
        packet[at..at + 2].copy_from_slice(&value.to_be_bytes());
        packet
    }

    fn covered(packet: &[u8]) -> u16 {
        let (addresses, transport) = if packet[0] >> 4 == 4 { (12..20, 20) } else { (8..40, 40) };
        let length = packet.len() - transport;
        add(sum(&packet[transport..]), pseudo_header(&packet[addresses], TCP, length))
    }

    fn ethertype(packet: &[u8]) -> u16 {
        if packet[0] >> 4 == 4 { IPV4 } else { IPV6 }
    }

    /// The options after lowering; the checksum is right, and all else is as it was.
    fn lowered(version: u8, flags: u8, options: &[u8]) -> Vec<u8> {
        let before = packet(version, flags, options);
        let mut after = before.clone();
        lower(ethertype(&before), &mut after, ROOM);
        assert_eq!(exceeds(ethertype(&before), &before, ROOM), after != before);
        assert_eq!(covered(&after), 0xffff);
        let start = after.len() - options.len();
        assert_eq!(after[..start - 4], before[..start - 4]);
        after[start..].to_vec()
    }

    #[test]
    fn segments_offered_fit_afterwards() {
        assert_eq!(lowered(4, SYN, &[2, 4, 0x0a, 0xc8]), [2, 4, 0x05, 0x4a]);
        assert_eq!(lowered(4, SYN | 0x10, &[2, 4, 0xff, 0xff]), [2, 4, 0x05, 0x4a]);
        assert_eq!(lowered(6, SYN, &[2, 4, 0x0a, 0xb4]), [2, 4, 0x05, 0x36]);
    }

    #[test]
    fn checksum_is_right_at_odd_places_and_for_every_value() {
        for value in (0..=u16::MAX).step_by(251) {
            let [high, low] = value.to_be_bytes();
            let [kept_high, kept_low] = value.min(1354).to_be_bytes();
            let odd = [1, 2, 4, high, low, 1, 1, 0];
            assert_eq!(lowered(4, SYN, &odd), [1, 2, 4, kept_high, kept_low, 1, 1, 0]);
            let late = [4, 2, 3, 3, 7, 2, 4, high, low, 0, 0, 0];
            assert_eq!(lowered(4, SYN, &late)[7..9], [kept_high, kept_low]);
        }
    }

    #[test]
    fn smaller_offers_and_other_segments_stay() {
        for (flags, options) in [
            (SYN, [2, 4, 0x05, 0x4a]),
            (SYN, [2, 4, 0, 0]),
            (0x10, [2, 4, 0x0a, 0xc8]),
            (SYN, [0, 2, 4, 0xff]),
            (SYN, [2, 3, 0xff, 0xff]),
            (SYN, [2, 0, 0xff, 0xff]),
            (SYN, [1, 1, 2, 4]),
            (SYN, [3, 0xff, 2, 4]),
        ] {
            assert_eq!(lowered(4, flags, &options), options);
        }
    }

    #[test]
    fn every_offer_of_several_is_lowered() {
        let twice = [2, 4, 0x0a, 0xc8, 2, 4, 0xff, 0xff];
        assert_eq!(lowered(4, SYN, &twice), [2, 4, 0x05, 0x4a, 2, 4, 0x05, 0x4a]);
    }

    #[test]
    fn fragments_other_protocols_and_routes_without_room_are_left_alone() {
        let syn = packet(4, SYN, &[2, 4, 0x0a, 0xc8]);
        let mut fragment = syn.clone();
        fragment[6] = 0x20;
        let mut udp = syn.clone();
        udp[9] = 0x11;
        for (kind, packet, room) in
            [(IPV4, &fragment, ROOM), (IPV4, &udp, ROOM), (0x8100, &syn, ROOM), (IPV4, &syn, 40)]
        {
            let mut after = packet.clone();
            lower(kind, &mut after, room);
            assert!(!exceeds(kind, packet, room) && after == *packet);
        }
    }

    #[test]
    fn mangled_packets_do_no_harm() {
        let whole = [4, 6].map(|version| packet(version, SYN, &[1, 2, 4, 0x0a, 0xc8, 3, 3, 7]));
        for packet in &whole {
            for length in 0..packet.len() {
                lower(ethertype(packet), &mut packet[..length].to_vec(), ROOM);
            }
            for at in 0..packet.len() {
                for value in 0..=u8::MAX {
                    let mut changed = packet.clone();
                    changed[at] = value;
                    lower(ethertype(packet), &mut changed, ROOM);
                    assert_eq!(changed.len(), packet.len());
                }
            }
        }
    }
}
