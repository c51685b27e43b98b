//! Ethernet frames and the MACs of a network's members (03, 1.2, 7).
//!
//! ```text
//! 0             6        12          14
//! | destination | source | ethertype | payload ...
//! ```
//!
//! MACs are 48-bit integers.

/// Bytes before a frame's payload.
pub const HEADER_LENGTH: usize = 14;
/// The broadcast MAC, which counts as multicast too.
pub const BROADCAST: u64 = 0xffff_ffff_ffff;

/// Ethertype of address resolution.
pub const ARP: u16 = 0x0806;
/// Ethertype of IPv6.
pub const IPV6: u16 = 0x86dd;

/// The Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Destination MAC.
    pub destination: u64,
    /// Source MAC.
    pub source: u64,
    /// Ethertype.
    pub ethertype: u16,
}

impl Header {
    /// The header of a frame and its payload; `None` if it is shorter than a header.
    pub fn parse(frame: &[u8]) -> Option<(Self, &[u8])> {
        let (header, payload) = frame.split_first_chunk::<HEADER_LENGTH>()?;
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = *header;
        let header = Self {
            destination: mac_from([a, b, c, d, e, f]),
            source: mac_from([g, h, i, j, k, l]),
            ethertype: u16::from_be_bytes([m, n]),
        };
        Some((header, payload))
    }

    /// As it stands in a frame.
    pub const fn bytes(self) -> [u8; HEADER_LENGTH] {
        let [a, b, c, d, e, f] = mac_bytes(self.destination);
        let [g, h, i, j, k, l] = mac_bytes(self.source);
        let [m, n] = self.ethertype.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n]
    }
}

/// A MAC as the six bytes of the wire.
pub const fn mac_bytes(mac: u64) -> [u8; 6] {
    let [_, _, a, b, c, d, e, f] = mac.to_be_bytes();
    [a, b, c, d, e, f]
}

/// A MAC from the six bytes of the wire.
pub const fn mac_from([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

/// Whether a MAC is that of a group, or the broadcast MAC.
pub const fn is_multicast(mac: u64) -> bool {
    mac >> 40 & 0x01 != 0
}

/// The MAC of a node on a network (03, 1.2).
pub const fn mac_of(address: u64, network: u64) -> u64 {
    first_octet(network) << 40 | (address ^ mask(network)) & 0xff_ffff_ffff
}

/// The node a MAC of the network belongs to; `None` if it is that of something bridged.
pub const fn address_of(mac: u64, network: u64) -> Option<u64> {
    if mac >> 40 == first_octet(network) {
        Some((mac ^ mask(network)) & 0xff_ffff_ffff)
    } else {
        None
    }
}

const fn first_octet(network: u64) -> u64 {
    match network & 0xfe | 0x02 {
        // The octet of many a hypervisor's TAPs.
        0x52 => 0x32,
        octet => octet,
    }
}

/// Bytes 1 to 5 of the network ID, counted from its low end, in that order.
const fn mask(network: u64) -> u64 {
    network.swap_bytes() >> 16 & 0xff_ffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_are_those_of_the_specification() {
        let known = [
            (0x8056_c2e2_1c00_0001, 0xde_adbe_ef01, 0x02de_ada2_0dc3),
            (0x8056_c2e2_1c12_3452, 0xde_adbe_ef01, 0x32ea_bfa2_0dc3),
            (0xff00_1600_1600_0000, 0xde_adbe_ef01, 0x02de_ada8_ef17),
            (0x8056_c2e2_1c00_0001, 0x01_2345_6789, 0x0201_2359_854b),
        ];
        for (network, address, mac) in known {
            assert_eq!(mac_of(address, network), mac);
            assert_eq!(address_of(mac, network), Some(address));
            assert_eq!(address_of(mac ^ 1 << 41, network), None);
        }
    }

    #[test]
    fn header_is_written_as_it_was_read() {
        let frame = *b"\xff\xff\xff\xff\xff\xff\x02\x01\x23\x59\x85\x4b\x08\x06pay";
        let (header, payload) = Header::parse(&frame).unwrap();
        assert_eq!((header.bytes().as_slice(), payload), (&frame[..14], b"pay".as_slice()));
        assert_eq!(header.ethertype, ARP);
        assert!(is_multicast(header.destination) && !is_multicast(header.source));
        assert!(Header::parse(&frame[..13]).is_none());
    }
}
