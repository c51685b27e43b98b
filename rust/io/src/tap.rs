//! A TAP device, and batches of its frames.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use crate::sys::InterfaceRequest;

/// Frames in a batch.
const BATCH: usize = 64;
/// Bytes of a read buffer: the largest MTU, a header and a VLAN tag fit.
const BUFFER: usize = 10_240;
/// Interface flags.
const UP: u16 = libc::IFF_UP as u16;

/// An open TAP device, which lasts as long as this.
pub(crate) struct Tap {
    device: File,
    name: String,
}

impl Tap {
    /// Make a device that must not exist yet, set its MAC and MTU, and put it up.
    pub(crate) fn open(name: &str, mac: u64, mtu: u32) -> io::Result<Self> {
        let flags = libc::O_NONBLOCK | libc::O_CLOEXEC;
        let device =
            OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/net/tun")?;
        let kind = (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_TUN_EXCL) as u16;
        let mut request = InterfaceRequest::new(name)?.with(&kind.to_ne_bytes());
        request.ioctl(&device, libc::TUNSETIFF)?;
        let tap = Self { device, name: request.name() };
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

    /// Write one frame. The kernel refuses it while the device is down.
    pub(crate) fn write(&self, frame: &[u8]) -> io::Result<()> {
        rustix::io::write(&self.device, frame)?;
        Ok(())
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// Buffers for a batch of frames read.
pub(crate) struct ReadBatch {
    buffers: Vec<Vec<u8>>,
    lengths: Vec<usize>,
}

impl ReadBatch {
    pub(crate) fn new() -> Self {
        Self { buffers: vec![vec![0; BUFFER]; BATCH], lengths: Vec::with_capacity(BATCH) }
    }

    /// Fill with what waits, up to a whole batch. Fails if the device is gone.
    pub(crate) fn read(&mut self, tap: &Tap) -> io::Result<()> {
        self.lengths.clear();
        for buffer in &mut self.buffers {
            match rustix::io::read(tap, buffer.as_mut_slice()) {
                Ok(length) => self.lengths.push(length),
                // All read, interrupted, or down just now: what there is comes with the next batch.
                Err(Errno::AGAIN | Errno::INTR | Errno::IO) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(crate) fn frames(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.buffers.iter().zip(&self.lengths).map(|(buffer, length)| &buffer[..*length])
    }
}
