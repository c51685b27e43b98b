//! The I/O threads, and what Python asks of them.
//!
//! Each thread has a lane of its own: an epoll set, a twin of the switch, a socket of each port, a queue of
//! each TAP. The kernel keeps the datagrams of a path, and the frames of a flow, in one lane.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};
use earthline_core::switch::{Output, Path, Punt, Switch, Twins};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};

use crate::clock::now_ms;
use crate::counters::{Counter, Counters};
use crate::mark::Mark;
use crate::offload::Offload;
use crate::ports::{FIRST_EXTRA, Port, Ports};
use crate::punts::{Waiting, signal};
use crate::reach::Reach;
use crate::tap::Tap;
use crate::tunnel::{Tunnel, TunnelReport};
use crate::udp::UdpSockets;
use crate::ways::Ways;
use crate::worker::{self, Sender, Worker};

/// The token of the eventfd that ends the threads.
pub(crate) const WAKE: u64 = 0;

/// How long a thread may go on using ports that were replaced: it takes the new ones with its next batch,
/// and a batch takes far less time than this.
const BATCH_TIME: Duration = Duration::from_millis(100);

/// The lane that callers other than the I/O threads use.
pub(crate) const ANY_LANE: usize = 0;

/// What the threads and Python share.
pub(crate) struct Shared {
    pub(crate) counters: Counters,
    pub(crate) reach: Reach,
    pub(crate) offload: Offload,
    /// Of our own datagrams, which our devices refuse.
    pub(crate) mark: Mark,
    twins: Arc<Twins>,
    /// One for each lane.
    epolls: Box<[OwnedFd]>,
    ports: ArcSwap<Ports>,
    /// Held while the ports are changed.
    changing: Mutex<()>,
    wake: OwnedFd,
    punts: Waiting,
}

impl Shared {
    fn new(twins: Arc<Twins>, offload: Offload, mark: Mark) -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        let epoll = |_| {
            let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
            epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN)?;
            Ok(epoll)
        };
        Ok(Self {
            counters: Counters::default(),
            reach: Reach::default(),
            epolls: (0..twins.count()).map(epoll).collect::<io::Result<_>>()?,
            punts: Waiting::new(twins.punt_queue())?,
            twins,
            offload,
            mark,
            ports: ArcSwap::default(),
            changing: Mutex::default(),
            wake,
        })
    }

    pub(crate) fn switch(&self, lane: usize) -> MutexGuard<'_, Switch> {
        self.twins.of(lane)
    }

    pub(crate) fn epoll(&self, lane: usize) -> &OwnedFd {
        &self.epolls[lane % self.epolls.len()]
    }

    /// The ports of now, without a lock.
    pub(crate) fn ports(&self) -> Guard<Arc<Ports>> {
        self.ports.load()
    }

    pub(crate) fn punt(&self, punts: Vec<Punt>) {
        if !punts.is_empty() {
            self.punts.push(punts, now_ms());
        }
    }

    /// Change the ports, one change at a time. What fails changes nothing.
    fn change<T>(&self, act: impl FnOnce(&mut Ports) -> io::Result<T>) -> io::Result<T> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ports = Ports::clone(&self.ports());
        let done = act(&mut ports)?;
        self.ports.store(Arc::new(ports));
        Ok(done)
    }

    /// Add a port that each lane has an end of. What a thread hears of it too early, it hears again.
    fn open<F: AsFd>(&self, ports: &mut Ports, port: Port, ends: &[F]) -> io::Result<()> {
        let token = ports.new_token()?;
        ports.insert(token, port);
        self.epolls.iter().zip(ends).try_for_each(|(epoll, end)| {
            Ok(epoll::add(epoll, end, EventData::new_u64(token), EventFlags::IN)?)
        })
    }

    fn unwatch<F: AsFd>(&self, ends: &[F]) {
        for (epoll, end) in self.epolls.iter().zip(ends) {
            // The thread itself stops watching a device that is gone.
            let _ = epoll::delete(epoll, end);
        }
    }
}

/// Bolts a switch to UDP sockets and TAP devices.
pub struct Driver {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Driver {
    /// With no ports yet. Starts a thread for each twin.
    pub fn new(twins: Arc<Twins>, offload: Offload, mark: Mark) -> io::Result<Self> {
        let lanes = twins.count();
        let driver = Self {
            shared: Arc::new(Shared::new(twins, offload, mark)?),
            threads: Mutex::default(),
        };
        for lane in 0..lanes {
            let worker = Worker::new(Arc::clone(&driver.shared), lane);
            let name = format!("earthline-io-{lane}");
            let thread = std::thread::Builder::new().name(name).spawn(|| worker.run())?;
            driver.threads().push(thread);
        }
        Ok(driver)
    }

    /// Bind a UDP socket, to a device too if one is named, under the host's number; returns its port.
    pub fn add_udp(
        &self,
        number: i32,
        ip: IpAddr,
        port: u16,
        device: Option<&str>,
    ) -> io::Result<u16> {
        let shared = &self.shared;
        // An extra socket has little to do: any lane sends by it, one receives.
        let lanes = if number < FIRST_EXTRA { shared.epolls.len() } else { 1 };
        let address = SocketAddr::new(ip, port);
        let (offload, mark) = (shared.offload, shared.mark);
        let sockets = Arc::new(UdpSockets::bind(address, device, offload, mark, lanes)?);
        shared.change(|ports| {
            if number < 0 || ports.udp(number).is_some() {
                return Err(io::Error::from_raw_os_error(libc::EEXIST));
            }
            shared.open(ports, Port::Udp(number, Arc::clone(&sockets)), sockets.all())
        })?;
        sockets.port()
    }

    /// Say to which IPv4 networks the device of a UDP socket leads; `None`: everywhere. Nothing is sent by the
    /// socket to any other address. It need not be there any more.
    pub fn set_ways(&self, number: i32, networks: Option<&[(Ipv4Addr, u8)]>) {
        if let Some(sockets) = self.shared.ports().udp(number) {
            sockets.set_ways(Ways::to(networks));
        }
    }

    /// Close a UDP socket, if it is there.
    pub fn remove_udp(&self, number: i32) {
        self.remove(|ports| ports.remove_udp(number), |shared, gone| shared.unwatch(gone.all()));
    }

    /// Make the TAP device of a network, with its MAC and MTU, and put it up; returns its name.
    pub fn add_tap(&self, network: u64, name: &str, mac: u64, mtu: u32) -> io::Result<String> {
        let shared = &self.shared;
        shared.ports().check_open()?;
        let tap = Tap::open(name, shared.offload, shared.mark, shared.epolls.len())?;
        tap.configure(mac, mtu)?;
        let tap = Arc::new(tap);
        shared.change(|ports| {
            if ports.tap(network).is_some() {
                return Err(io::Error::from_raw_os_error(libc::EEXIST));
            }
            shared.open(ports, Port::Tap(network, Arc::clone(&tap)), tap.queues())
        })?;
        Ok(tap.name().to_owned())
    }

    /// Remove the TAP device of a network, if it is there.
    pub fn remove_tap(&self, network: u64) {
        // The kernel takes its time to remove a device: the other ports go on meanwhile.
        self.remove(
            |ports| ports.remove_tap(network),
            |shared, gone| shared.unwatch(gone.queues()),
        );
    }

    /// Begin to connect to a relay, by a device if one is named, in place of any tunnel there is.
    pub fn open_tunnel(
        &self,
        relay: SocketAddr,
        in_tls: bool,
        device: Option<&str>,
    ) -> io::Result<()> {
        self.close_tunnel();
        self.shared.change(|ports| {
            let token = ports.new_token()?;
            let tunnel = Tunnel::open(&self.shared, token, relay, device, in_tls)?;
            ports.insert(token, Port::Tunnel(Arc::new(tunnel)));
            Ok(())
        })
    }

    /// Send nothing by the tunnel any more; what still comes by it is taken.
    pub fn leave_tunnel(&self) {
        if let Some(tunnel) = self.shared.ports().tunnel() {
            tunnel.leave();
        }
    }

    /// Close the tunnel, if there is one.
    pub fn close_tunnel(&self) {
        self.remove(Ports::remove_tunnel, |shared, gone| gone.unwatch(shared.epoll(ANY_LANE)));
    }

    /// Take a port away, if it is there; no thread hears of it any more. It is closed here, once no thread has
    /// it any more, so that what comes next finds its name or address free.
    fn remove<T>(
        &self,
        take: impl FnOnce(&mut Ports) -> Option<Arc<T>>,
        unwatch: impl FnOnce(&Shared, &T),
    ) {
        let gone = self.shared.change(|ports| Ok(take(ports)));
        if let Ok(Some(gone)) = gone {
            unwatch(&self.shared, &gone);
            let until = Instant::now() + BATCH_TIME;
            while Arc::strong_count(&gone) > 1 && Instant::now() < until {
                std::thread::sleep(BATCH_TIME / 1000);
            }
        }
    }

    /// What there is to know of the tunnel.
    pub fn tunnel(&self) -> TunnelReport {
        self.shared.ports().tunnel().map(Tunnel::report).unwrap_or_default()
    }

    /// Since when questions go to the internet, in ms, after the last [`Self::answered`]; 0 if none did.
    pub fn unanswered_since(&self) -> u64 {
        self.shared.reach.unanswered_since()
    }

    /// The internet has answered by UDP a question of ours.
    pub fn answered(&self) {
        self.shared.reach.answered();
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
        self.leads(socket, to)
            && worker::send_one(&self.shared, socket.of(ANY_LANE), datagram, to, ttl)
            || tunnelled
    }

    /// Send one datagram by a socket with a number, whole or not at all; false if it is too large for the link
    /// it would leave by. The tunnel, whose datagrams end in a stream, has no part in it.
    pub fn transmit_whole(&self, path: Path, datagram: &[u8]) -> bool {
        let (ports, to) = (self.shared.ports(), SocketAddr::new(path.ip, path.port));
        let Some(socket) = ports.udp(path.socket) else {
            self.shared.counters.add(Counter::DropSocket, 1);
            return true;
        };
        !self.leads(socket, to)
            || worker::send_whole(&self.shared, socket.of(ANY_LANE), datagram, to)
    }

    /// Whether a socket's device leads to an address; counted if not.
    fn leads(&self, socket: &UdpSockets, to: SocketAddr) -> bool {
        let leads = socket.ways().lead_to(to.ip());
        self.shared.counters.add(Counter::DropNoRoute, usize::from(!leads));
        leads
    }

    /// Write a frame to the TAP of a network; whether the kernel took it.
    pub fn write_frame(&self, network: u64, frame: &[u8]) -> bool {
        worker::write_frame(&self.shared, &self.shared.ports(), network, frame)
    }

    /// Send the datagrams and frames of an output; its punts stay with the caller.
    pub fn apply(&self, out: &Output) {
        Sender::new(ANY_LANE).send(&self.shared, &self.shared.ports(), out);
    }

    /// An eventfd that is readable while punts wait.
    pub fn punt_fd(&self) -> RawFd {
        self.shared.punts.ready().as_raw_fd()
    }

    /// A round of what waits, no more than `limit`, and no more than so many newcomers: see
    /// [`earthline_core::punts`]. Empty only if nothing else waits.
    pub fn take_punts(&self, limit: usize, newcomers: usize) -> Vec<Punt> {
        self.shared.punts.take(limit, newcomers)
    }

    /// Every counter by name.
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        let mut counters = self.shared.counters.read();
        counters.extend(self.shared.punts.counters());
        counters
    }

    /// End the threads, close sockets and TAP devices. Idempotent.
    pub fn close(&self) {
        let threads = std::mem::take(&mut *self.threads());
        if threads.is_empty() {
            return;
        }
        signal(self.shared.wake.as_fd());
        for thread in threads {
            // If it panicked there is nothing left to end.
            let _ = thread.join();
        }
        let _changing = self.shared.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.ports.store(Arc::new(Ports::closed()));
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.close();
    }
}
