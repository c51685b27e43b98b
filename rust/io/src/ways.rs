//! Where an interface leads to, as far as the sockets that are bound to it have to know.
//!
//! Linux takes an IPv4 address that an interface has no route to for one of its own cable, if a socket is bound
//! to that interface: it would ask all of it for the hardware address of a root on the other side of the world.

use std::net::{IpAddr, Ipv4Addr};

/// The IPv4 networks that an interface leads to.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    /// Address and mask of each; `None`: everywhere.
    networks: Option<Box<[(u32, u32)]>>,
}

impl Ways {
    /// To networks, each given by an address and a prefix length; `None`: everywhere.
    pub(crate) fn to(networks: Option<&[(Ipv4Addr, u8)]>) -> Self {
        let network = |(address, prefix): &(Ipv4Addr, u8)| {
            let mask = u32::MAX.checked_shl(32 - u32::from((*prefix).min(32))).unwrap_or(0);
            (address.to_bits() & mask, mask)
        };
        Self { networks: networks.map(|all| all.iter().map(network).collect()) }
    }

    /// Whether an IP is in one of them; IPv6 is left to the kernel, which knows.
    pub(crate) fn lead_to(&self, ip: IpAddr) -> bool {
        match (&self.networks, ip) {
            (Some(networks), IpAddr::V4(ip)) => {
                networks.iter().any(|(network, mask)| ip.to_bits() & mask == *network)
            }
            _ => true,
        }
    }

    /// Whether every IP is.
    pub(crate) fn lead_everywhere(&self) -> bool {
        self.networks.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_without_a_router_leads_to_its_own_networks_only() {
        let private = [(Ipv4Addr::new(10, 112, 128, 10), 24), (Ipv4Addr::new(10, 9, 9, 9), 32)];
        let ways = Ways::to(Some(&private));
        let leads = |text: &str| ways.lead_to(text.parse().unwrap());
        assert!(leads("10.112.128.77") && leads("10.9.9.9") && leads("2001:db8::1"));
        assert!(!leads("10.112.129.1") && !leads("81.0.1.2"));
        assert!(!ways.lead_everywhere());
        assert!(Ways::to(Some(&[(Ipv4Addr::UNSPECIFIED, 0)])).lead_to("8.8.8.8".parse().unwrap()));
        assert!(Ways::default().lead_to("8.8.8.8".parse().unwrap()));
    }
}
