//! A bound UDP socket, and batches of datagrams in and out (02, 5.5).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};

use crate::sys::{self, Headers, Name};

/// Datagrams in a batch.
pub(crate) const BATCH: usize = 64;
/// Bytes of a receive buffer: any packet fits.
const BUFFER: usize = 10_240;
/// Bytes of a socket's buffers, each way.
const SOCKET_BUFFER: i32 = 4 << 20;
/// How long to wait for room in the send buffer before datagrams are dropped.
const SEND_WAIT: Duration = Duration::from_millis(5);

/// A bound, non-blocking UDP socket.
pub(crate) struct UdpSocket(Socket);

impl UdpSocket {
    /// Bind, to a device too if one is named.
    pub(crate) fn bind(address: SocketAddr, device: Option<&str>) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if let Some(device) = device {
            socket.bind_device(Some(device.as_bytes()))?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        may_be_fragmented(&socket, address)?;
        enlarge_buffers(&socket)?;
        socket.bind(&address.into())?;
        Ok(Self(socket))
    }

    pub(crate) fn port(&self) -> io::Result<u16> {
        let address = self.0.local_addr()?.as_socket();
        Ok(address.map_or(0, |address| address.port()))
    }

    /// Whether datagrams to this IP can leave here.
    pub(crate) fn carries(&self, ip: IpAddr) -> bool {
        let domain = if ip.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        self.0.domain().is_ok_and(|own| own == domain)
    }

    /// Send one datagram, by its own TTL unless that is 0.
    pub(crate) fn send(&self, datagram: &[u8], address: SocketAddr, ttl: u8) -> io::Result<()> {
        if ttl == 0 {
            return self.0.send_to(datagram, &address.into()).map(|_| ());
        }
        sys::send_with_ttl(self.0.as_fd(), datagram, address, ttl)
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// No don't-fragment bit, whatever the machine's default: datagrams may exceed a link's MTU (01, 4.5).
fn may_be_fragmented(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() {
        let dont = libc::IPV6_PMTUDISC_DONT;
        sys::set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, dont)
    } else {
        sys::set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT)
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
    names: Vec<Name>,
    buffers: Vec<Vec<u8>>,
    /// Length of each datagram received; `None`: longer than its buffer.
    lengths: Vec<Option<usize>>,
}

impl ReceiveBatch {
    pub(crate) fn new() -> Self {
        Self {
            headers: Headers::new(BATCH),
            names: vec![Name::empty(); BATCH],
            buffers: vec![vec![0; BUFFER]; BATCH],
            lengths: Vec::with_capacity(BATCH),
        }
    }

    /// Fill with what waits, up to a whole batch; returns how many datagrams that are.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        let Self { headers, names, buffers, lengths } = self;
        lengths.clear();
        headers.receive(socket.as_fd(), buffers, names, |_, length, truncated| {
            lengths.push((!truncated).then_some(length));
        })
    }

    /// The datagrams, each with its sender; `None` for one that was too long.
    pub(crate) fn datagrams(&mut self) -> impl Iterator<Item = Option<(SocketAddr, &mut [u8])>> {
        let received = self.lengths.iter().zip(&self.names).zip(&mut self.buffers);
        received
            .map(|((length, name), buffer)| Some((name.address()?, buffer.get_mut(..(*length)?)?)))
    }
}

/// Datagrams for one socket on their way out.
pub(crate) struct SendBatch {
    headers: Headers,
    names: Vec<Name>,
}

impl SendBatch {
    pub(crate) fn new() -> Self {
        Self { headers: Headers::new(BATCH), names: Vec::with_capacity(BATCH) }
    }

    /// Send in order; returns how many the kernel refused. One that it refuses does not hold up the next.
    pub(crate) fn send(
        &mut self,
        socket: &UdpSocket,
        datagrams: &[&[u8]],
        to: &[SocketAddr],
    ) -> usize {
        self.names.clear();
        self.names.extend(to.iter().copied().map(Name::of));
        let (mut done, mut refused, mut waited) = (0, 0, false);
        while let Some(rest) = datagrams.get(done..).filter(|rest| !rest.is_empty()) {
            let number = rest.len().min(BATCH);
            match self.headers.send(
                socket.as_fd(),
                &rest[..number],
                &mut self.names[done..done + number],
            ) {
                Ok(sent) => done += sent,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if waited || !wait_for_room(socket) {
                        return refused + rest.len();
                    }
                    waited = true;
                }
                Err(_) => (done, refused) = (done + 1, refused + 1),
            }
        }
        refused
    }
}

/// Whether the send buffer has room, now or soon.
fn wait_for_room(socket: &UdpSocket) -> bool {
    let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(SEND_WAIT.subsec_nanos()) };
    poll(&mut [PollFd::new(socket, PollFlags::OUT)], Some(&timeout)).is_ok_and(|ready| ready > 0)
}
