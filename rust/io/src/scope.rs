//! Which addresses are of the internet at large (02, 0.1): the only ones that a tunnel is for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// First octets whose networks some take for their own.
const PSEUDO_PRIVATE: [u8; 12] = [6, 11, 21, 22, 25, 26, 28, 29, 30, 51, 55, 56];
/// Networks that are not global, as (address, prefix length), beside those told by the first octet.
const LOCAL: [(Ipv4Addr, u32); 8] = [
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
];

/// Whether the scope of an IP is GLOBAL.
pub(crate) fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_global_v4(ip),
        IpAddr::V6(ip) => is_global_v6(ip),
    }
}

/// Whether the scope of an IPv4 is GLOBAL.
pub(crate) fn is_global_v4(ip: Ipv4Addr) -> bool {
    let first = ip.octets()[0];
    let is_reserved = matches!(first, 0 | 10 | 127 | 224..=255) || PSEUDO_PRIVATE.contains(&first);
    !is_reserved
        && LOCAL.iter().all(|(net, prefix)| (ip.to_bits() ^ net.to_bits()) >> (32 - prefix) != 0)
}

fn is_global_v6(ip: Ipv6Addr) -> bool {
    let first = ip.segments()[0];
    let is_mapped_loopback = ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback());
    !(ip.is_unspecified()
        || ip.is_loopback()
        || is_mapped_loopback
        || first >> 8 == 0xFF
        || first & 0xFFC0 == 0xFE80
        || first & 0xFE00 == 0xFC00)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_global() {
        let global = ["80.1.2.3", "8.8.8.8", "172.32.0.1", "198.20.0.1", "2001:db8::1", "::2"];
        assert!(global.iter().all(|text| is_global(text.parse().unwrap())));
        let local = [
            "0.1.2.3",
            "10.0.0.1",
            "28.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.2.9",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fe80::5",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
        ];
        assert!(local.iter().all(|text| !is_global(text.parse().unwrap())));
    }
}
