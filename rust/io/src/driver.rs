//! The ports, the I/O thread, and what Python asks of them.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use earthline_core::switch::{Output, Path, Punt, Switch};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};

use crate::counters::{Counter, Counters};
use crate::offload::Offload;
use crate::punts::{PuntQueue, signal};
use crate::reach::Reach;
use crate::tap::Tap;
use crate::tunnel::{Tunnel, TunnelReport};
use crate::udp::UdpSocket;
use crate::worker::{self, Sender, Worker};

/// The token of the eventfd that ends the thread.
pub(crate) const WAKE: u64 = 0;

/// Sockets with this number and above serve a purpose of their own: only who names them sends by them.
pub(crate) const FIRST_EXTRA: i32 = 1 << 20;

/// Something the thread reads from.
#[derive(Clone)]
pub(crate) enum Port {
    /// A UDP socket, under the host's number.
    Udp(i32, Arc<UdpSocket>),
    /// The TAP of a network.
    Tap(u64, Arc<Tap>),
    /// The TCP tunnel.
    Tunnel(Arc<Tunnel>),
}

/// All open ports.
#[derive(Default)]
pub(crate) struct Ports {
    udp: BTreeMap<i32, (u64, Arc<UdpSocket>)>,
    taps: BTreeMap<u64, (u64, Arc<Tap>)>,
    tunnel: Option<(u64, Arc<Tunnel>)>,
    by_token: BTreeMap<u64, Port>,
    /// The last token given; 0 is [`WAKE`].
    last_token: u64,
    closed: bool,
}

impl Ports {
    pub(crate) fn udp(&self, number: i32) -> Option<&UdpSocket> {
        self.udp.get(&number).map(|(_, socket)| socket.as_ref())
    }

    /// Those that "all" means.
    pub(crate) fn all_udp(&self) -> impl Iterator<Item = &UdpSocket> {
        self.udp.range(..FIRST_EXTRA).map(|(_, (_, socket))| socket.as_ref())
    }

    pub(crate) fn tap(&self, network: u64) -> Option<&Tap> {
        self.taps.get(&network).map(|(_, tap)| tap.as_ref())
    }

    pub(crate) fn tunnel(&self) -> Option<&Tunnel> {
        self.tunnel.as_ref().map(|(_, tunnel)| tunnel.as_ref())
    }

    /// A token for a new port, never used before.
    fn new_token(&mut self) -> u64 {
        self.last_token += 1;
        self.last_token
    }

    fn check_open(&self) -> io::Result<()> {
        if self.closed { Err(io::Error::from_raw_os_error(libc::ESHUTDOWN)) } else { Ok(()) }
    }
}

/// What the thread and Python share.
pub(crate) struct Shared {
    pub(crate) epoll: OwnedFd,
    pub(crate) counters: Counters,
    pub(crate) reach: Reach,
    switch: Arc<Mutex<Switch>>,
    offload: Offload,
    ports: RwLock<Ports>,
    wake: OwnedFd,
    punts: PuntQueue,
}

impl Shared {
    fn new(switch: Arc<Mutex<Switch>>, offload: Offload) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        Ok(Self {
            epoll,
            counters: Counters::default(),
            reach: Reach::default(),
            switch,
            offload,
            ports: RwLock::default(),
            wake,
            punts: PuntQueue::new()?,
        })
    }

    pub(crate) fn switch(&self) -> MutexGuard<'_, Switch> {
        self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ports(&self) -> RwLockReadGuard<'_, Ports> {
        self.ports.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn port(&self, token: u64) -> Option<Port> {
        self.ports().by_token.get(&token).cloned()
    }

    pub(crate) fn punt(&self, punts: Vec<Punt>) {
        if !punts.is_empty() {
            self.counters.add(Counter::DropPuntQueue, self.punts.push(punts));
        }
    }

    fn change(&self) -> RwLockWriteGuard<'_, Ports> {
        self.ports.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, port: impl AsFd, token: u64) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, port, EventData::new_u64(token), EventFlags::IN)?)
    }

    fn unwatch(&self, port: impl AsFd) {
        // The thread itself stops watching a device that is gone.
        let _ = epoll::delete(&self.epoll, port);
    }
}

/// Bolts a switch to UDP sockets and TAP devices.
pub struct Driver {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Driver {
    /// With no ports yet. Starts the I/O thread.
    pub fn new(switch: Arc<Mutex<Switch>>, offload: Offload) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(switch, offload)?);
        let worker = Worker::new(Arc::clone(&shared));
        let thread =
            std::thread::Builder::new().name("earthline-io".into()).spawn(|| worker.run())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Bind a UDP socket, to a device too if one is named, under the host's number; returns its port.
    pub fn add_udp(
        &self,
        number: i32,
        ip: IpAddr,
        port: u16,
        device: Option<&str>,
    ) -> io::Result<u16> {
        let socket =
            Arc::new(UdpSocket::bind(SocketAddr::new(ip, port), device, self.shared.offload)?);
        let bound = socket.port()?;
        let mut ports = self.shared.change();
        ports.check_open()?;
        if number < 0 || ports.udp.contains_key(&number) {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        let token = ports.new_token();
        self.shared.watch(&*socket, token)?;
        ports.by_token.insert(token, Port::Udp(number, Arc::clone(&socket)));
        ports.udp.insert(number, (token, socket));
        Ok(bound)
    }

    /// Close a UDP socket, if it is there.
    pub fn remove_udp(&self, number: i32) {
        let mut ports = self.shared.change();
        if let Some((token, socket)) = ports.udp.remove(&number) {
            ports.by_token.remove(&token);
            self.shared.unwatch(&*socket);
        }
    }

    /// Make the TAP device of a network, with its MAC and MTU, and put it up; returns its name.
    pub fn add_tap(&self, network: u64, name: &str, mac: u64, mtu: u32) -> io::Result<String> {
        self.shared.ports().check_open()?;
        let tap = Arc::new(Tap::open(name, mac, mtu, self.shared.offload)?);
        let mut ports = self.shared.change();
        ports.check_open()?;
        if ports.taps.contains_key(&network) {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        let token = ports.new_token();
        self.shared.watch(&*tap, token)?;
        ports.by_token.insert(token, Port::Tap(network, Arc::clone(&tap)));
        ports.taps.insert(network, (token, Arc::clone(&tap)));
        Ok(tap.name().to_owned())
    }

    /// Remove the TAP device of a network, if it is there.
    pub fn remove_tap(&self, network: u64) {
        let mut ports = self.shared.change();
        let Some((token, tap)) = ports.taps.remove(&network) else { return };
        ports.by_token.remove(&token);
        self.shared.unwatch(&*tap);
        // The kernel takes its time to remove a device: let the other ports go on meanwhile.
        drop(ports);
    }

    /// Change the MTU of a network's TAP device.
    pub fn set_tap_mtu(&self, network: u64, mtu: u32) -> io::Result<()> {
        let tap = self.shared.ports().taps.get(&network).map(|(_, tap)| Arc::clone(tap));
        tap.ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))?.set_mtu(mtu)
    }

    /// Begin to connect to a relay, by a device if one is named, in place of any tunnel there is.
    pub fn open_tunnel(
        &self,
        relay: SocketAddr,
        in_tls: bool,
        device: Option<&str>,
    ) -> io::Result<()> {
        self.close_tunnel();
        let mut ports = self.shared.change();
        ports.check_open()?;
        let token = ports.new_token();
        let tunnel = Arc::new(Tunnel::open(&self.shared, token, relay, device, in_tls)?);
        ports.by_token.insert(token, Port::Tunnel(Arc::clone(&tunnel)));
        ports.tunnel = Some((token, tunnel));
        Ok(())
    }

    /// Send nothing by the tunnel any more; what still comes by it is taken.
    pub fn leave_tunnel(&self) {
        if let Some(tunnel) = self.shared.ports().tunnel() {
            tunnel.leave();
        }
    }

    /// Close the tunnel, if there is one.
    pub fn close_tunnel(&self) {
        let mut ports = self.shared.change();
        if let Some((token, tunnel)) = ports.tunnel.take() {
            ports.by_token.remove(&token);
            tunnel.unwatch(&self.shared.epoll);
        }
    }

    /// What there is to know of the tunnel.
    pub fn tunnel(&self) -> TunnelReport {
        self.shared.ports().tunnel().map(Tunnel::report).unwrap_or_default()
    }

    /// Since when the internet has not answered by UDP, in ms; 0 if it does, or was not asked.
    pub fn unanswered_since(&self) -> u64 {
        self.shared.reach.unanswered_since()
    }

    /// Send one datagram by a path, by its own TTL unless that is 0; whether the kernel took it.
    pub fn transmit(&self, path: Path, datagram: &[u8], ttl: u8) -> bool {
        let (ports, to) = (self.shared.ports(), SocketAddr::new(path.ip, path.port));
        let tunnelled =
            worker::send_by_tunnel(&self.shared, &ports, path.socket, &[datagram], &[to]) > 0;
        if path.socket == -1 {
            return worker::send_by_all(&self.shared, &ports, datagram, to, ttl) || tunnelled;
        }
        let Some(socket) = ports.udp(path.socket) else {
            self.shared.counters.add(Counter::DropSocket, 1);
            return tunnelled;
        };
        worker::send_one(&self.shared, socket, datagram, to, ttl) || tunnelled
    }

    /// Send one datagram by a socket with a number, whole or not at all; false if it is too large for the link
    /// it would leave by. The tunnel, whose datagrams end in a stream, has no part in it.
    pub fn transmit_whole(&self, path: Path, datagram: &[u8]) -> bool {
        let (ports, to) = (self.shared.ports(), SocketAddr::new(path.ip, path.port));
        let Some(socket) = ports.udp(path.socket) else {
            self.shared.counters.add(Counter::DropSocket, 1);
            return true;
        };
        worker::send_whole(&self.shared, socket, datagram, to)
    }

    /// Write a frame to the TAP of a network; whether the kernel took it.
    pub fn write_frame(&self, network: u64, frame: &[u8]) -> bool {
        worker::write_frame(&self.shared, &self.shared.ports(), network, frame)
    }

    /// Send the datagrams and frames of an output; its punts stay with the caller.
    pub fn apply(&self, out: &Output) {
        Sender::new().send(&self.shared, out);
    }

    /// An eventfd that is readable while punts wait.
    pub fn punt_fd(&self) -> RawFd {
        self.shared.punts.ready().as_raw_fd()
    }

    /// The oldest punts, no more than `limit`.
    pub fn take_punts(&self, limit: usize) -> Vec<Punt> {
        self.shared.punts.take(limit)
    }

    /// Every counter by name.
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        self.shared.counters.read()
    }

    /// End the thread, close sockets and TAP devices. Idempotent.
    pub fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        signal(self.shared.wake.as_fd());
        // If it panicked there is nothing left to end.
        let _ = thread.join();
        *self.shared.change() = Ports { closed: true, ..Ports::default() };
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.close();
    }
}
