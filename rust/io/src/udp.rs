//! A bound UDP socket, and batches of datagrams in and out (02, 5.5).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};

use crate::mark::Mark;
use crate::offload::Offload;
use crate::runs::pair_up;
use crate::sys::{self, Headers, Run};
use crate::ways::Ways;

/// Buffers filled by one call, and runs sent by one.
const BATCH: usize = 64;
/// Fewest buffers that are offered for filling.
const MIN_BATCH: usize = 2;
/// Bytes worth receiving at once.
const BATCH_BYTES: usize = 512 << 10;
/// Bytes of a receive buffer: as many datagrams fit as the kernel joins.
const BUFFER: usize = 0x10000;
/// Most datagrams that a kernel cuts up itself.
const MAX_RUN: usize = 64;
/// Most bytes of them: less than any IP packet holds.
const MAX_RUN_BYTES: usize = 65_000;
/// After it refused, a socket is not asked again to cut up what it sends for so long, in ms.
const REFUSED_MS: u64 = 60_000;
/// Bytes of a socket's buffers, each way.
const SOCKET_BUFFER: i32 = 4 << 20;
/// How long to wait for room in the send buffer before datagrams are dropped.
const SEND_WAIT: Duration = Duration::from_millis(1);

/// A bound, non-blocking UDP socket.
pub(crate) struct UdpSocket {
    socket: Socket,
    /// Not asked to cut up what it sends before then, in ms.
    segments_from: AtomicU64,
}

impl UdpSocket {
    /// Bind, to a device too if one is named; `beside` others of ours on the same address.
    fn bind(
        address: SocketAddr,
        device: Option<&str>,
        offload: Offload,
        mark: Mark,
        beside: bool,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        mark.set(&socket);
        if let Some(device) = device {
            socket.bind_device(Some(device.as_bytes()))?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Whatever the machine's default: datagrams may exceed a link's MTU (01, 4.5).
        set_fragmented(&socket, address, true)?;
        enlarge_buffers(&socket)?;
        if offload.gro {
            // A kernel that cannot join datagrams gives them one by one.
            let _ = sys::set_option(&socket, libc::SOL_UDP, libc::UDP_GRO, 1);
        }
        if beside {
            socket.set_reuse_port(true)?;
        }
        socket.bind(&address.into())?;
        let segments_from = AtomicU64::new(if offload.gso { 0 } else { u64::MAX });
        Ok(Self { socket, segments_from })
    }

    fn port(&self) -> io::Result<u16> {
        let address = self.socket.local_addr()?.as_socket();
        Ok(address.map_or(0, |address| address.port()))
    }

    /// Whether datagrams to this IP can leave here.
    pub(crate) fn carries(&self, ip: IpAddr) -> bool {
        let domain = if ip.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        self.socket.domain().is_ok_and(|own| own == domain)
    }

    fn may_segment(&self, now: u64) -> bool {
        now >= self.segments_from.load(Ordering::Relaxed)
    }

    fn refused_to_segment(&self, now: u64) {
        self.segments_from.store(now + REFUSED_MS, Ordering::Relaxed);
    }

    /// Send one datagram, by its own TTL unless that is 0.
    pub(crate) fn send(&self, datagram: &[u8], address: SocketAddr, ttl: u8) -> io::Result<()> {
        if ttl == 0 {
            return self.socket.send_to(datagram, &address.into()).map(|_| ());
        }
        sys::send_with_ttl(self.socket.as_fd(), datagram, address, ttl)
    }

    /// Send one datagram with the don't-fragment bit, whatever path MTU the kernel believes in.
    ///
    /// IPv4 knows no such thing for one datagram, so the socket is set to it for a moment. A datagram that
    /// another thread sends in that moment has the bit, too: harmless, as it seldom happens and the next one
    /// has not.
    pub(crate) fn send_whole(&self, datagram: &[u8], address: SocketAddr) -> io::Result<()> {
        set_fragmented(&self.socket, address, false)?;
        let sent = match address {
            SocketAddr::V4(_) => self.send(datagram, address, 0),
            SocketAddr::V6(_) => sys::send_whole_v6(self.socket.as_fd(), datagram, address),
        };
        set_fragmented(&self.socket, address, true)?;
        sent
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The sockets of one local address, one for each lane: the kernel gives the datagrams of a peer's endpoint
/// always to the same one.
pub(crate) struct UdpSockets {
    sockets: Box<[UdpSocket]>,
    /// Where their device leads.
    ways: ArcSwap<Ways>,
}

impl UdpSockets {
    /// Bind as many as there are lanes, or fewer if the kernel refuses more than one.
    pub(crate) fn bind(
        address: SocketAddr,
        device: Option<&str>,
        offload: Offload,
        mark: Mark,
        lanes: usize,
    ) -> io::Result<Self> {
        // The first is bound alone, so that an address which somebody else has is refused.
        let mut sockets = vec![UdpSocket::bind(address, device, offload, mark, false)?];
        let bound = SocketAddr::new(address.ip(), sockets[0].port()?);
        if lanes > 1 && sockets[0].socket.set_reuse_port(true).is_ok() {
            let others =
                (1..lanes).map_while(|_| UdpSocket::bind(bound, device, offload, mark, true).ok());
            sockets.extend(others);
        }
        Ok(Self { sockets: sockets.into(), ways: ArcSwap::default() })
    }

    /// That of a lane.
    pub(crate) fn of(&self, lane: usize) -> &UdpSocket {
        &self.sockets[lane % self.sockets.len()]
    }

    /// All, that of the first lane first.
    pub(crate) fn all(&self) -> &[UdpSocket] {
        &self.sockets
    }

    /// Where their device leads.
    pub(crate) fn ways(&self) -> Guard<Arc<Ways>> {
        self.ways.load()
    }

    pub(crate) fn set_ways(&self, ways: Ways) {
        self.ways.store(Arc::new(ways));
    }

    pub(crate) fn port(&self) -> io::Result<u16> {
        self.of(0).port()
    }
}

/// Whether datagrams too large for the path that the kernel believes in are fragmented; if not, they have the
/// don't-fragment bit and are as large as the link allows.
fn set_fragmented(socket: &Socket, address: SocketAddr, fragmented: bool) -> io::Result<()> {
    if address.is_ipv6() {
        let value = if fragmented { libc::IPV6_PMTUDISC_DONT } else { libc::IPV6_PMTUDISC_PROBE };
        sys::set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, value)
    } else {
        let value = if fragmented { libc::IP_PMTUDISC_DONT } else { libc::IP_PMTUDISC_PROBE };
        sys::set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, value)
    }
}

/// Beyond the machine's limit where we may, up to it where not.
fn enlarge_buffers(socket: &Socket) -> io::Result<()> {
    for (forced, polite) in
        [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)]
    {
        sys::set_option(socket, libc::SOL_SOCKET, forced, SOCKET_BUFFER)
            .or_else(|_| sys::set_option(socket, libc::SOL_SOCKET, polite, SOCKET_BUFFER))?;
    }
    Ok(())
}

/// Buffers for a batch of received datagrams.
pub(crate) struct ReceiveBatch {
    headers: Headers,
    buffers: Vec<Vec<u8>>,
    /// How many buffers to offer the kernel next.
    wanted: usize,
}

impl ReceiveBatch {
    pub(crate) fn new() -> Self {
        Self { headers: Headers::new(), buffers: vec![vec![0; BUFFER]; BATCH], wanted: MIN_BATCH }
    }

    /// Fill with what waits, up to a whole batch.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> io::Result<()> {
        let buffers = self.buffers.get_mut(..self.wanted).unwrap_or_default();
        let received = self.headers.receive(socket.as_fd(), buffers)?;
        let bytes: usize = self.headers.received().flatten().map(|(_, length, _)| length).sum();
        // Next time twice as many, since each buffer that is offered costs a little; but about as many bytes as
        // stay in the cache, if datagrams are as long.
        let mean = (bytes / received.max(1)).max(1);
        self.wanted = (2 * received).min(BATCH_BYTES / mean).clamp(MIN_BATCH, BATCH);
        Ok(())
    }

    /// Whether more than one buffer was filled.
    pub(crate) fn is_many(&self) -> bool {
        self.headers.received().nth(1).is_some()
    }

    /// The datagrams, each with its sender; `None` for one that was too long.
    pub(crate) fn datagrams(&mut self) -> impl Iterator<Item = Option<(SocketAddr, &mut [u8])>> {
        self.headers.received().zip(&mut self.buffers).flat_map(|(received, buffer)| {
            let joined = received.and_then(|(from, length, size)| {
                Some(buffer.get_mut(..length)?.chunks_mut(size.max(1)).map(move |one| (from, one)))
            });
            let lost = joined.is_none().then_some(None);
            joined.into_iter().flatten().map(Some).chain(lost)
        })
    }
}

/// Datagrams for one socket on their way out.
pub(crate) struct SendBatch {
    headers: Headers,
    runs: Vec<Run>,
}

impl SendBatch {
    pub(crate) fn new() -> Self {
        Self { headers: Headers::new(), runs: Vec::with_capacity(BATCH) }
    }

    /// Send in order, as few runs as there can be; returns how many datagrams the kernel refused. One that it
    /// refuses does not hold up the next.
    pub(crate) fn send(
        &mut self,
        socket: &UdpSocket,
        datagrams: &mut [&[u8]],
        to: &[SocketAddr],
        now: u64,
    ) -> usize {
        if let ([alone], [to]) = (&*datagrams, to) {
            // A ping's way: nothing is to be set up. Where there is no room, the rest knows what to do.
            match socket.send(alone, *to, 0) {
                Ok(()) => return 0,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return 1,
            }
        }
        let may_segment = socket.may_segment(now);
        if may_segment {
            pair_up(datagrams, to);
        }
        self.gather(datagrams, to, may_segment);
        let (mut runs, mut rest) = (self.runs.as_slice(), &*datagrams);
        let (mut refused, mut waited) = (0, false);
        while let [first, ..] = *runs {
            let next = &runs[..runs.len().min(BATCH)];
            let number = next.iter().map(|run| run.count).sum();
            match self.headers.send(socket.as_fd(), &rest[..number], next) {
                Ok(sent) => {
                    let (gone, left) = runs.split_at(sent);
                    rest = &rest[gone.iter().map(|run| run.count).sum()..];
                    runs = left;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if waited || !wait_for_room(socket) {
                        return refused + rest.len();
                    }
                    waited = true;
                }
                Err(_) => {
                    let (alone, left) = rest.split_at(first.count);
                    let passed =
                        alone.iter().filter(|one| socket.send(one, first.to, 0).is_ok()).count();
                    if alone.len() > 1 && passed > 0 {
                        // There is a way: it is that the device or the route cannot cut it up.
                        socket.refused_to_segment(now);
                    }
                    refused += alone.len() - passed;
                    (runs, rest) = (&runs[1..], left);
                }
            }
        }
        refused
    }

    /// Find the runs.
    fn gather(&mut self, datagrams: &[&[u8]], to: &[SocketAddr], may_segment: bool) {
        self.runs.clear();
        let (mut bytes, mut is_over) = (0, true);
        for (datagram, to) in datagrams.iter().zip(to) {
            let length = datagram.len();
            match self.runs.last_mut() {
                Some(run)
                    if !is_over
                        && run.to == *to
                        && length <= run.size
                        && run.count < MAX_RUN
                        && bytes + length <= MAX_RUN_BYTES =>
                {
                    run.count += 1;
                    bytes += length;
                    is_over = length < run.size;
                }
                _ => {
                    self.runs.push(Run { to: *to, size: length, count: 1 });
                    (bytes, is_over) = (length, !may_segment || length == 0);
                }
            }
        }
    }
}

/// Whether the send buffer has room, now or soon.
fn wait_for_room(socket: &UdpSocket) -> bool {
    let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(SEND_WAIT.subsec_nanos()) };
    poll(&mut [PollFd::new(socket, PollFlags::OUT)], Some(&timeout)).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_that_may_not_be_sent_to_keeps_runs_for_all_others() -> io::Result<()> {
        let socket =
            UdpSocket::bind(([127, 0, 0, 1], 0).into(), None, Offload::ALL, Mark(0), false)?;
        let nowhere = [SocketAddr::from(([255, 255, 255, 255], 9)); 2];
        let mut datagrams = [&[0; 100][..]; 2];
        assert_eq!(SendBatch::new().send(&socket, &mut datagrams, &nowhere, 1), 2);
        assert!(socket.may_segment(1));
        Ok(())
    }
}
