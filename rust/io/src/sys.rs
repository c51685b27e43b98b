//! System calls without a safe wrapper. All the unsafe code there is, each block with its reason.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_ulong, c_void};
use std::io;
use std::mem::{MaybeUninit, offset_of, size_of};
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

/// Headers for `recvmmsg` and `sendmmsg`, used anew by each call.
pub(crate) struct Headers {
    vectors: Vec<iovec>,
    messages: Vec<mmsghdr>,
}

// SAFETY: the pointers in it are written and used within one call, and never followed between calls.
unsafe impl Send for Headers {}

impl Headers {
    pub(crate) fn new(room: usize) -> Self {
        Self { vectors: Vec::with_capacity(room), messages: Vec::with_capacity(room) }
    }

    /// Receive without waiting: one datagram into each buffer. Reports (length, truncated) of each to
    /// `each`, by index, and returns how many came.
    pub(crate) fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        buffers: &mut [Vec<u8>],
        names: &mut [Name],
        mut each: impl FnMut(usize, usize, bool),
    ) -> io::Result<usize> {
        self.clear();
        for buffer in buffers.iter_mut() {
            self.vectors
                .push(iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() });
        }
        for (vector, name) in self.vectors.iter_mut().zip(names.iter_mut()) {
            name.length = size_of::<sockaddr_storage>() as u32;
            self.messages.push(message(&raw mut name.storage, name.length, vector));
        }
        let (pointer, number) = (self.messages.as_mut_ptr(), self.messages.len() as u32);
        // SAFETY: `pointer` holds `number` headers; their vectors, names and buffers are borrowed
        // mutably for the whole call and are of the lengths given.
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
        for (index, message) in self.messages.iter().take(received).enumerate() {
            let truncated = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            each(index, message.msg_len as usize, truncated);
        }
        Ok(received)
    }

    /// Send without waiting; returns how many the kernel took, at least one.
    pub(crate) fn send(
        &mut self,
        socket: BorrowedFd<'_>,
        datagrams: &[&[u8]],
        names: &mut [Name],
    ) -> io::Result<usize> {
        self.clear();
        for datagram in datagrams {
            let iov_base = datagram.as_ptr().cast_mut().cast();
            self.vectors.push(iovec { iov_base, iov_len: datagram.len() });
        }
        for (vector, name) in self.vectors.iter_mut().zip(names.iter_mut()) {
            self.messages.push(message(&raw mut name.storage, name.length, vector));
        }
        let (pointer, number) = (self.messages.as_mut_ptr(), self.messages.len() as u32);
        // SAFETY: `pointer` holds `number` headers; their vectors, names and datagrams are borrowed for
        // the whole call and are of the lengths given. The kernel only reads the datagrams.
        let sent =
            unsafe { libc::sendmmsg(socket.as_raw_fd(), pointer, number, libc::MSG_DONTWAIT) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    fn clear(&mut self) {
        self.vectors.clear();
        self.messages.clear();
    }
}

fn message(name: *mut sockaddr_storage, name_length: u32, vector: &mut iovec) -> mmsghdr {
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
struct Control {
    header: cmsghdr,
    value: c_int,
    /// Control messages end aligned.
    padding: c_int,
}

/// Send one datagram with its own TTL or hop limit.
pub(crate) fn send_with_ttl(
    socket: BorrowedFd<'_>,
    datagram: &[u8],
    address: SocketAddr,
    ttl: u8,
) -> io::Result<()> {
    let mut name = Name::of(address);
    let mut vector =
        iovec { iov_base: datagram.as_ptr().cast_mut().cast(), iov_len: datagram.len() };
    let (level, kind) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_TTL),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT),
    };
    let header =
        cmsghdr { cmsg_len: offset_of!(Control, padding), cmsg_level: level, cmsg_type: kind };
    let mut control = Control { header, value: c_int::from(ttl), padding: 0 };
    let mut message: msghdr = message(&raw mut name.storage, name.length, &mut vector).msg_hdr;
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

    /// The flags that a SIOCGIFFLAGS returned.
    pub(crate) fn flags(&self) -> u16 {
        u16::from_ne_bytes([self.content[0], self.content[1]])
    }

    /// Ask. Only for requests whose argument is an `ifreq`.
    pub(crate) fn ioctl(&mut self, file: impl AsFd, request: c_ulong) -> io::Result<()> {
        let fd = file.as_fd().as_raw_fd();
        // SAFETY: this has the size and layout of the ifreq that these requests read and write.
        check(unsafe { libc::ioctl(fd, request, std::ptr::from_mut(self)) })
    }
}

fn check(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
