//! The sockets and devices that are open, as every thread sees them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::tap::Tap;
use crate::tunnel::Tunnel;
use crate::udp::UdpSockets;

/// Sockets with this number and above serve a purpose of their own: only who names them sends by them.
pub(crate) const FIRST_EXTRA: i32 = 1 << 20;

/// Something that threads read from.
#[derive(Clone)]
pub(crate) enum Port {
    /// A UDP socket, under the host's number.
    Udp(i32, Arc<UdpSockets>),
    /// The TAP of a network.
    Tap(u64, Arc<Tap>),
    /// The TCP tunnel.
    Tunnel(Arc<Tunnel>),
}

/// All open ports. A change makes a new one: who reads goes on with what it has.
#[derive(Clone, Default)]
pub(crate) struct Ports {
    udp: BTreeMap<i32, (u64, Arc<UdpSockets>)>,
    taps: BTreeMap<u64, (u64, Arc<Tap>)>,
    tunnel: Option<(u64, Arc<Tunnel>)>,
    by_token: BTreeMap<u64, Port>,
    /// The last token given; 0 is the one that ends the threads.
    last_token: u64,
    closed: bool,
}

impl Ports {
    /// None, and none will be opened any more.
    pub(crate) fn closed() -> Self {
        Self { closed: true, ..Self::default() }
    }

    /// What a token stands for.
    pub(crate) fn by_token(&self, token: u64) -> Option<&Port> {
        self.by_token.get(&token)
    }

    pub(crate) fn udp(&self, number: i32) -> Option<&UdpSockets> {
        self.udp.get(&number).map(|(_, sockets)| sockets.as_ref())
    }

    /// Those that "all" means.
    pub(crate) fn all_udp(&self) -> impl Iterator<Item = &UdpSockets> {
        self.udp.range(..FIRST_EXTRA).map(|(_, (_, sockets))| sockets.as_ref())
    }

    pub(crate) fn tap(&self, network: u64) -> Option<&Arc<Tap>> {
        self.taps.get(&network).map(|(_, tap)| tap)
    }

    pub(crate) fn tunnel(&self) -> Option<&Tunnel> {
        self.tunnel.as_ref().map(|(_, tunnel)| tunnel.as_ref())
    }

    /// A token for a new port, never used before. Fails if nothing is opened any more.
    pub(crate) fn new_token(&mut self) -> io::Result<u64> {
        self.check_open()?;
        self.last_token += 1;
        Ok(self.last_token)
    }

    pub(crate) fn check_open(&self) -> io::Result<()> {
        if self.closed { Err(io::Error::from_raw_os_error(libc::ESHUTDOWN)) } else { Ok(()) }
    }

    pub(crate) fn insert(&mut self, token: u64, port: Port) {
        match &port {
            Port::Udp(number, sockets) => {
                self.udp.insert(*number, (token, Arc::clone(sockets)));
            }
            Port::Tap(network, tap) => {
                self.taps.insert(*network, (token, Arc::clone(tap)));
            }
            Port::Tunnel(tunnel) => self.tunnel = Some((token, Arc::clone(tunnel))),
        }
        self.by_token.insert(token, port);
    }

    pub(crate) fn remove_udp(&mut self, number: i32) -> Option<Arc<UdpSockets>> {
        let (token, sockets) = self.udp.remove(&number)?;
        self.by_token.remove(&token);
        Some(sockets)
    }

    pub(crate) fn remove_tap(&mut self, network: u64) -> Option<Arc<Tap>> {
        let (token, tap) = self.taps.remove(&network)?;
        self.by_token.remove(&token);
        Some(tap)
    }

    pub(crate) fn remove_tunnel(&mut self) -> Option<Arc<Tunnel>> {
        let (token, tunnel) = self.tunnel.take()?;
        self.by_token.remove(&token);
        Some(tunnel)
    }
}
