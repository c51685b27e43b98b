//! System calls without a safe wrapper. All the unsafe code there is, each block with its reason.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_ulong, c_void};
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use libc::{cmsghdr, iovec, mmsghdr, msghdr, sockaddr_in, sockaddr_in6, sockaddr_storage};

/// Room for the name of any peer.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    storage: sockaddr_storage,
    length: u32,
}

impl Name {
    /// Room for a name that the kernel fills in.
    pub(crate) fn empty() -> Self {
        // SAFETY: sockaddr_storage is plain integers, for which all zeros is a value.
        let storage = unsafe { MaybeUninit::zeroed().assume_init() };
        Self { storage, length: size_of::<sockaddr_storage>() as u32 }
    }

    pub(crate) fn of(address: SocketAddr) -> Self {
        let mut name = Self::empty();
        let pointer = &raw mut name.storage;
        match address {
            SocketAddr::V4(v4) => {
                let raw = sockaddr_in {
                    sin_family: libc::AF_INET as u16,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
                    sin_zero: [0; 8],
                };
                // SAFETY: sockaddr_storage is larger than sockaddr_in and aligned for it.
                unsafe { pointer.cast::<sockaddr_in>().write(raw) };
                name.length = size_of::<sockaddr_in>() as u32;
            }
            SocketAddr::V6(v6) => {
                let raw = sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as u16,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                };
                // SAFETY: sockaddr_storage is larger than sockaddr_in6 and aligned for it.
                unsafe { pointer.cast::<sockaddr_in6>().write(raw) };
                name.length = size_of::<sockaddr_in6>() as u32;
            }
        }
        name
    }

    /// What the kernel wrote; `None` for another family.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let pointer = &raw const self.storage;
        match c_int::from(self.storage.ss_family) {
            libc::AF_INET => {
                // SAFETY: the family says it is a sockaddr_in, and the storage is initialised throughout.
                let raw = unsafe { pointer.cast::<sockaddr_in>().read() };
                let ip = Ipv4Addr::from(u32::from_be(raw.sin_addr.s_addr));
                Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(raw.sin_port)))
            }
            libc::AF_INET6 => {
                // SAFETY: the family says it is a sockaddr_in6, and the storage is initialised throughout.
                let raw = unsafe { pointer.cast::<sockaddr_in6>().read() };
                let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
                let port = u16::from_be(raw.sin6_port);
                Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, raw.sin6_scope_id)))
            }
            _ => None,
        }
    }
}

/// A run of datagrams of one size, but for the last, which may be shorter, on their way to one peer.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) to: SocketAddr,
    /// Of each datagram but the last, in bytes.
    pub(crate) size: usize,
    /// How many datagrams.
    pub(crate) count: usize,
}

/// Headers for `recvmmsg` and `sendmmsg`, used anew by each call.
pub(crate) struct Headers {
    names: Vec<Name>,
    controls: Vec<Control>,
    vectors: Vec<iovec>,
    messages: Vec<mmsghdr>,
}

// SAFETY: the pointers in it are written and used within one call, and never followed between calls.
unsafe impl Send for Headers {}

impl Headers {
    pub(crate) fn new() -> Self {
        Self { names: Vec::new(), controls: Vec::new(), vectors: Vec::new(), messages: Vec::new() }
    }

    /// Receive without waiting: into each buffer one datagram, or several of one sender that the kernel
    /// joined. Returns how many buffers were filled; [`Self::received`] tells about each.
    pub(crate) fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        buffers: &mut [Vec<u8>],
    ) -> io::Result<usize> {
        self.clear();
        self.names.resize(buffers.len(), Name::empty());
        self.controls.resize(buffers.len(), Control::EMPTY);
        for buffer in buffers.iter_mut() {
            self.vectors
                .push(iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() });
        }
        let places = self.vectors.iter_mut().zip(&mut self.names).zip(&mut self.controls);
        for ((vector, name), control) in places {
            name.length = size_of::<sockaddr_storage>() as u32;
            let mut message = message(&raw mut name.storage, name.length, vector);
            message.msg_hdr.msg_control = std::ptr::from_mut(control).cast();
            message.msg_hdr.msg_controllen = size_of::<Control>();
            self.messages.push(message);
        }
        let (pointer, number) = (self.messages.as_mut_ptr(), self.messages.len() as u32);
        // SAFETY: `pointer` holds `number` headers; their vectors, names, control messages and buffers are
        // borrowed mutably for the whole call and are of the lengths given.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                pointer,
                number,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        self.messages.truncate(received);
        Ok(received)
    }

    /// What each buffer holds after [`Self::receive`]: the sender, all bytes, and those of each datagram but
    /// the last; `None` if it was too long for its buffer.
    pub(crate) fn received(&self) -> impl Iterator<Item = Option<(SocketAddr, usize, usize)>> {
        self.messages.iter().zip(&self.names).zip(&self.controls).map(
            |((message, name), control)| {
                if message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                    return None;
                }
                let length = message.msg_len as usize;
                let has_control = message.msg_hdr.msg_controllen >= size_of::<cmsghdr>() + 4;
                let joined = if has_control { control.joined_size() } else { None };
                Some((name.address()?, length, joined.unwrap_or(length)))
            },
        )
    }

    /// Send runs without waiting; returns how many the kernel took, at least one. `datagrams` are those of
    /// all runs, one after the other.
    pub(crate) fn send(
        &mut self,
        socket: BorrowedFd<'_>,
        datagrams: &[&[u8]],
        runs: &[Run],
    ) -> io::Result<usize> {
        self.clear();
        self.vectors.extend(datagrams.iter().map(|datagram| iovec {
            iov_base: datagram.as_ptr().cast_mut().cast(),
            iov_len: datagram.len(),
        }));
        self.names.extend(runs.iter().map(|run| Name::of(run.to)));
        self.controls.extend(runs.iter().map(|run| Control::segment(run.size)));
        let mut vectors = self.vectors.as_mut_slice();
        let places = runs.iter().zip(&mut self.names).zip(&mut self.controls);
        for ((run, name), control) in places {
            let (own, rest) = vectors.split_at_mut(run.count);
            vectors = rest;
            let mut message = message(&raw mut name.storage, name.length, own.as_mut_ptr());
            message.msg_hdr.msg_iovlen = own.len();
            if run.count > 1 {
                message.msg_hdr.msg_control = std::ptr::from_mut(control).cast();
                message.msg_hdr.msg_controllen = size_of::<Control>();
            }
            self.messages.push(message);
        }
        let (pointer, number) = (self.messages.as_mut_ptr(), self.messages.len() as u32);
        // SAFETY: `pointer` holds `number` headers; their vectors, names, control messages and datagrams are
        // borrowed for the whole call and are of the lengths given. The kernel only reads the datagrams.
        let sent =
            unsafe { libc::sendmmsg(socket.as_raw_fd(), pointer, number, libc::MSG_DONTWAIT) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    fn clear(&mut self) {
        self.names.clear();
        self.controls.clear();
        self.vectors.clear();
        self.messages.clear();
    }
}

fn message(name: *mut sockaddr_storage, name_length: u32, vector: *mut iovec) -> mmsghdr {
    // SAFETY: mmsghdr is integers and pointers, for which all zeros is a value.
    let mut message: mmsghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_hdr.msg_name = name.cast();
    message.msg_hdr.msg_namelen = name_length;
    message.msg_hdr.msg_iov = vector;
    message.msg_hdr.msg_iovlen = 1;
    message
}

/// A control message that carries one integer.
#[repr(C)]
#[derive(Clone, Copy)]
struct Control {
    header: cmsghdr,
    value: [u8; 4],
    /// Control messages end aligned.
    padding: [u8; 4],
}

impl Control {
    /// Room for one that the kernel writes.
    const EMPTY: Self = Self::new(0, 0, 0, [0; 4]);

    const fn new(level: c_int, kind: c_int, length: usize, value: [u8; 4]) -> Self {
        let cmsg_len = size_of::<cmsghdr>() + length;
        let header = cmsghdr { cmsg_len, cmsg_level: level, cmsg_type: kind };
        Self { header, value, padding: [0; 4] }
    }

    fn integer(level: c_int, kind: c_int, value: c_int) -> Self {
        Self::new(level, kind, size_of::<c_int>(), value.to_ne_bytes())
    }

    /// Cut what is sent into datagrams of this size.
    fn segment(size: usize) -> Self {
        let [low, high] = (size as u16).to_ne_bytes();
        Self::new(libc::SOL_UDP, libc::UDP_SEGMENT, size_of::<u16>(), [low, high, 0, 0])
    }

    /// The size of the datagrams that the kernel joined.
    fn joined_size(&self) -> Option<usize> {
        let is_it =
            self.header.cmsg_level == libc::SOL_UDP && self.header.cmsg_type == libc::UDP_GRO;
        let size = usize::try_from(c_int::from_ne_bytes(self.value)).ok()?;
        (is_it && size > 0).then_some(size)
    }
}

/// Send one datagram with its own TTL or hop limit.
pub(crate) fn send_with_ttl(
    socket: BorrowedFd<'_>,
    datagram: &[u8],
    address: SocketAddr,
    ttl: u8,
) -> io::Result<()> {
    let (level, kind) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_TTL),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT),
    };
    send_with(socket, datagram, address, Control::integer(level, kind, c_int::from(ttl)))
}

/// Send one datagram over IPv6 that the kernel does not cut into fragments.
pub(crate) fn send_whole_v6(
    socket: BorrowedFd<'_>,
    datagram: &[u8],
    address: SocketAddr,
) -> io::Result<()> {
    let control = Control::integer(libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG, 1);
    send_with(socket, datagram, address, control)
}

fn send_with(
    socket: BorrowedFd<'_>,
    datagram: &[u8],
    address: SocketAddr,
    mut control: Control,
) -> io::Result<()> {
    let mut name = Name::of(address);
    let mut vector =
        iovec { iov_base: datagram.as_ptr().cast_mut().cast(), iov_len: datagram.len() };
    let mut message: msghdr = message(&raw mut name.storage, name.length, &raw mut vector).msg_hdr;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<Control>();
    // SAFETY: all that the header points to lives in this function, with the lengths given; the layout
    // of `Control` is that of CMSG_DATA behind a cmsghdr on 64-bit Linux, checked below.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_DONTWAIT) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

const _: () = assert!(size_of::<Control>() == size_of::<cmsghdr>() + 8);

/// Set a socket option that is an integer.
pub(crate) fn set_option(
    socket: impl AsFd,
    level: c_int,
    option: c_int,
    value: c_int,
) -> io::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    let pointer = (&raw const value).cast::<c_void>();
    // SAFETY: `pointer` is to an integer of the length given, which lives throughout the call.
    check(unsafe { libc::setsockopt(fd, level, option, pointer, size_of::<c_int>() as u32) })
}

/// Tell a TAP which offloads its reader copes with; an error if the kernel does not know one of them.
pub(crate) fn set_tap_offload(tap: impl AsFd, flags: u32) -> io::Result<()> {
    let fd = tap.as_fd().as_raw_fd();
    // SAFETY: the argument of this request is an integer, not a pointer.
    check(unsafe { libc::ioctl(fd, libc::TUNSETOFFLOAD, c_ulong::from(flags)) })
}

/// Have a TAP drop what a classic BPF program returns 0 for, before any of the queues it has now is given it.
pub(crate) fn set_tap_filter(tap: impl AsFd, program: &[libc::sock_filter]) -> io::Result<()> {
    let fd = tap.as_fd().as_raw_fd();
    let mut program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies the program, of the length given, during the call; it writes to none of it.
    check(unsafe { libc::ioctl(fd, libc::TUNATTACHFILTER, &raw mut program) })
}

/// What can be asked of an interface: each of these requests takes an `ifreq`, so that none can be made up
/// whose argument is something else, which the kernel would write to beyond its end.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    /// Of `/dev/net/tun`: attach this file to a device.
    Attach,
    /// Of any socket, as all that follow: the flags.
    Flags,
    SetFlags,
    SetMac,
    SetMtu,
}

impl Asked {
    fn number(self) -> c_ulong {
        match self {
            Self::Attach => libc::TUNSETIFF,
            Self::Flags => libc::SIOCGIFFLAGS,
            Self::SetFlags => libc::SIOCSIFFLAGS,
            Self::SetMac => libc::SIOCSIFHWADDR,
            Self::SetMtu => libc::SIOCSIFMTU,
        }
    }
}

/// An interface request: its name, zero-terminated, and what is asked.
#[repr(C)]
pub(crate) struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    content: [u8; 24],
}

const _: () = assert!(size_of::<InterfaceRequest>() == size_of::<libc::ifreq>());

impl InterfaceRequest {
    /// For an interface of this name; an error if it is too long, or empty, or has a NUL.
    pub(crate) fn new(name: &str) -> io::Result<Self> {
        let invalid = name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains('\0');
        if invalid {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let mut request = Self { name: [0; libc::IFNAMSIZ], content: [0; 24] };
        request.name[..name.len()].copy_from_slice(name.as_bytes());
        Ok(request)
    }

    pub(crate) fn name(&self) -> String {
        let name: Vec<u8> = self.name.iter().copied().take_while(|byte| *byte != 0).collect();
        String::from_utf8_lossy(&name).into_owned()
    }

    /// Content from its first byte on, in the machine's byte order where it is integers.
    pub(crate) fn with(mut self, content: &[u8]) -> Self {
        for (slot, byte) in self.content.iter_mut().zip(content) {
            *slot = *byte;
        }
        self
    }

    /// The flags that [`Asked::Flags`] returned.
    pub(crate) fn flags(&self) -> u16 {
        u16::from_ne_bytes([self.content[0], self.content[1]])
    }

    /// Ask.
    pub(crate) fn ask(&mut self, file: impl AsFd, asked: Asked) -> io::Result<()> {
        let fd = file.as_fd().as_raw_fd();
        // SAFETY: this has the size and layout of the ifreq that each of `Asked` reads and writes.
        check(unsafe { libc::ioctl(fd, asked.number(), std::ptr::from_mut(self)) })
    }
}

fn check(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
