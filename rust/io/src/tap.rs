//! A TAP device, and batches of its frames.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use earthline_core::offload::{JoinLimits, MAX_JOINED, VnetHeader};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use crate::offload::Offload;
use crate::sys::{InterfaceRequest, set_tap_offload};

/// Frames in a batch.
const BATCH: usize = 64;
/// Bytes after which no more is read into a batch.
const BATCH_BYTES: usize = 128 << 10;
/// Longest frame: a super-frame with the header before it.
const BUFFER: usize = 0x11000;
/// Most parts of what is written: two headers, and the data of each frame.
pub(crate) const MAX_PARTS: usize = MAX_JOINED + 2;
/// Interface flags.
const UP: u16 = libc::IFF_UP as u16;
/// Offloads: checksums; TCP over IPv4 and IPv6, ECN too; UDP over both.
const OFFLOAD_CHECKSUM: u32 = 0x01;
const OFFLOAD_TCP: u32 = 0x02 | 0x04 | 0x08;
const OFFLOAD_UDP: u32 = 0x20 | 0x40;

/// An open TAP device, which lasts as long as this.
pub(crate) struct Tap {
    device: File,
    name: String,
    /// Frames have a header before them that says what is still to be done to them.
    has_vnet: bool,
    /// Super-frames of what may be written.
    limits: JoinLimits,
}

impl Tap {
    /// Make a device that must not exist yet, set its MAC and MTU, and put it up.
    pub(crate) fn open(name: &str, mac: u64, mtu: u32, offload: Offload) -> io::Result<Self> {
        let flags = libc::O_NONBLOCK | libc::O_CLOEXEC;
        let device =
            OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/net/tun")?;
        let has_vnet = offload.tso || offload.uso || offload.join;
        let plain = (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_TUN_EXCL) as u16;
        let kind = if has_vnet { plain | libc::IFF_VNET_HDR as u16 } else { plain };
        let mut request = InterfaceRequest::new(name)?.with(&kind.to_ne_bytes());
        request.ioctl(&device, libc::TUNSETIFF)?;
        let udp = has_vnet && ask_offload(&device, offload);
        let limits = JoinLimits { tcp: offload.join, udp: offload.join && udp };
        let tap = Self { device, name: request.name(), has_vnet, limits };
        tap.set_mac(mac)?;
        tap.set_mtu(mtu)?;
        tap.put_up()?;
        Ok(tap)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn set_mtu(&self, mtu: u32) -> io::Result<()> {
        self.ask(&mtu.to_ne_bytes(), libc::SIOCSIFMTU).map(|_| ())
    }

    fn set_mac(&self, mac: u64) -> io::Result<()> {
        let [family_low, family_high] = libc::ARPHRD_ETHER.to_ne_bytes();
        let [_, _, a, b, c, d, e, f] = mac.to_be_bytes();
        self.ask(&[family_low, family_high, a, b, c, d, e, f], libc::SIOCSIFHWADDR).map(|_| ())
    }

    fn put_up(&self) -> io::Result<()> {
        let flags = self.ask(&[], libc::SIOCGIFFLAGS)?.flags() | UP;
        self.ask(&flags.to_ne_bytes(), libc::SIOCSIFFLAGS).map(|_| ())
    }

    fn ask(&self, content: &[u8], request: libc::c_ulong) -> io::Result<InterfaceRequest> {
        let any_socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        let mut asked = InterfaceRequest::new(&self.name)?.with(content);
        asked.ioctl(&any_socket, request)?;
        Ok(asked)
    }

    /// What may be written as super-frames.
    pub(crate) fn limits(&self) -> JoinLimits {
        self.limits
    }

    /// The header before what was read, and the frame; `None` if there is too little for it.
    pub(crate) fn split<'a>(&self, read: &'a mut [u8]) -> Option<(VnetHeader, &'a mut [u8])> {
        if self.has_vnet { VnetHeader::split(read) } else { Some((VnetHeader::default(), read)) }
    }

    /// Write one frame. The kernel refuses it while the device is down.
    pub(crate) fn write(&self, frame: &[u8]) -> io::Result<()> {
        self.write_parts(&VnetHeader::default(), &[IoSlice::new(frame)])
    }

    /// Write one frame or super-frame that is given in parts.
    pub(crate) fn write_parts(&self, vnet: &VnetHeader, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let header = vnet.bytes();
        let mut all = [IoSlice::new(&[]); MAX_PARTS];
        let skipped = if self.has_vnet { &[][..] } else { &header[..] };
        all[0] = IoSlice::new(&header[skipped.len()..]);
        let number = parts.len().min(MAX_PARTS - 1);
        all[1..=number].copy_from_slice(&parts[..number]);
        rustix::io::writev(&self.device, &all[..=number])?;
        Ok(())
    }
}

/// Have as much left to us as is wanted and the kernel knows of; whether it knows of several UDP datagrams
/// in one frame.
fn ask_offload(device: &File, offload: Offload) -> bool {
    let tcp = if offload.tso { OFFLOAD_TCP } else { 0 };
    let checksum = if offload.tso || offload.uso { OFFLOAD_CHECKSUM } else { 0 };
    let udp = if offload.uso { OFFLOAD_UDP } else { 0 };
    // Asking for everything tells what the kernel knows; what it is left at is what is wanted.
    let knows_udp = set_tap_offload(device, OFFLOAD_CHECKSUM | OFFLOAD_UDP).is_ok();
    let wanted = if knows_udp { checksum | tcp | udp } else { checksum | tcp };
    // A kernel that refuses leaves nothing to us.
    let _ = set_tap_offload(device, wanted).or_else(|_| set_tap_offload(device, 0));
    knows_udp
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// A batch of frames read, one behind the other.
pub(crate) struct ReadBatch {
    buffer: Vec<u8>,
    frames: Vec<Range<usize>>,
}

impl ReadBatch {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; BATCH_BYTES + BUFFER], frames: Vec::with_capacity(BATCH) }
    }

    /// Fill with what waits, up to a whole batch. Fails if the device is gone.
    pub(crate) fn read(&mut self, tap: &Tap) -> io::Result<()> {
        self.frames.clear();
        let mut end = 0;
        while self.frames.len() < BATCH && end <= BATCH_BYTES {
            match rustix::io::read(tap, &mut self.buffer[end..]) {
                Ok(length) => {
                    self.frames.push(end..end + length);
                    end += length;
                }
                // All read, interrupted, or down just now: what there is comes with the next batch.
                Err(Errno::AGAIN | Errno::INTR | Errno::IO) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// How many frames were read, super-frames counted as one.
    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Each frame that was read, as the kernel gave it.
    pub(crate) fn each(&mut self, mut each: impl FnMut(&mut [u8])) {
        for place in &self.frames {
            each(&mut self.buffer[place.clone()]);
        }
    }
}
