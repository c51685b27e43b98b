//! A TAP device, and batches of its frames.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;

use earthline_core::offload::{JoinLimits, MAX_JOINED, VnetHeader};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use crate::mark::Mark;
use crate::offload::Offload;
use crate::sys::{Asked, InterfaceRequest, set_tap_offload};

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
/// Kinds of devices: of Ethernet frames alone; with a header before each; with several queues; a new one.
const TAP: u16 = (libc::IFF_TAP | libc::IFF_NO_PI) as u16;
const VNET_HEADER: u16 = libc::IFF_VNET_HDR as u16;
const MULTI_QUEUE: u16 = libc::IFF_MULTI_QUEUE as u16;
const EXCLUSIVE: u16 = libc::IFF_TUN_EXCL as u16;
/// Offloads: checksums; TCP over IPv4 and IPv6, ECN too; UDP over both.
const OFFLOAD_CHECKSUM: u32 = 0x01;
const OFFLOAD_TCP: u32 = 0x02 | 0x04 | 0x08;
const OFFLOAD_UDP: u32 = 0x20 | 0x40;

/// An open TAP device, which lasts as long as this. Each lane has a queue of it: the kernel gives the frames
/// of a flow to the queue that the frames of its other direction were last written to.
pub(crate) struct Tap {
    queues: Box<[File]>,
    name: String,
    /// Frames have a header before them that says what is still to be done to them.
    has_vnet: bool,
    /// Super-frames of what may be written.
    limits: JoinLimits,
}

impl Tap {
    /// Make a device that must not exist yet, with as many queues as there are lanes. It takes no frame with
    /// the mark.
    pub(crate) fn open(name: &str, offload: Offload, mark: Mark, lanes: usize) -> io::Result<Self> {
        let has_vnet = offload.tso || offload.uso || offload.join;
        let mut kind = TAP;
        kind |= if has_vnet { VNET_HEADER } else { 0 };
        kind |= if lanes > 1 { MULTI_QUEUE } else { 0 };
        let (first, name) = open_queue(name, kind | EXCLUSIVE)?;
        let udp = has_vnet && ask_offload(&first, offload);
        let mut queues = vec![first];
        for _ in 1..lanes {
            queues.push(open_queue(&name, kind)?.0);
        }
        // For all queues there are: those that came later would go without. It is not up yet.
        mark.refuse(&queues[0])?;
        let limits = JoinLimits { tcp: offload.join, udp: offload.join && udp };
        Ok(Self { queues: queues.into(), name, has_vnet, limits })
    }

    /// Set MAC and MTU, and put it up.
    pub(crate) fn configure(&self, mac: u64, mtu: u32) -> io::Result<()> {
        self.set_mac(mac)?;
        self.set_mtu(mtu)?;
        self.put_up()
    }

    /// The queue of a lane.
    pub(crate) fn queue(&self, lane: usize) -> &File {
        &self.queues[lane % self.queues.len()]
    }

    /// All, that of the first lane first.
    pub(crate) fn queues(&self) -> &[File] {
        &self.queues
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn set_mtu(&self, mtu: u32) -> io::Result<()> {
        self.ask(&mtu.to_ne_bytes(), Asked::SetMtu).map(|_| ())
    }

    fn set_mac(&self, mac: u64) -> io::Result<()> {
        let [family_low, family_high] = libc::ARPHRD_ETHER.to_ne_bytes();
        let [_, _, a, b, c, d, e, f] = mac.to_be_bytes();
        self.ask(&[family_low, family_high, a, b, c, d, e, f], Asked::SetMac).map(|_| ())
    }

    fn put_up(&self) -> io::Result<()> {
        let flags = self.ask(&[], Asked::Flags)?.flags() | UP;
        self.ask(&flags.to_ne_bytes(), Asked::SetFlags).map(|_| ())
    }

    fn ask(&self, content: &[u8], what: Asked) -> io::Result<InterfaceRequest> {
        let any_socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        let mut request = InterfaceRequest::new(&self.name)?.with(content);
        request.ask(&any_socket, what)?;
        Ok(request)
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
    pub(crate) fn write(&self, lane: usize, frame: &[u8]) -> io::Result<()> {
        self.write_parts(lane, &VnetHeader::default(), &[IoSlice::new(frame)])
    }

    /// Write one frame or super-frame that is given in parts.
    pub(crate) fn write_parts(
        &self,
        lane: usize,
        vnet: &VnetHeader,
        parts: &[IoSlice<'_>],
    ) -> io::Result<()> {
        let header = vnet.bytes();
        let mut all = [IoSlice::new(&[]); MAX_PARTS];
        let skipped = if self.has_vnet { &[][..] } else { &header[..] };
        all[0] = IoSlice::new(&header[skipped.len()..]);
        let number = parts.len().min(MAX_PARTS - 1);
        all[1..=number].copy_from_slice(&parts[..number]);
        rustix::io::writev(self.queue(lane), &all[..=number])?;
        Ok(())
    }
}

/// Attach to a device of this kind, or make it; returns its name, too.
fn open_queue(name: &str, kind: u16) -> io::Result<(File, String)> {
    let flags = libc::O_NONBLOCK | libc::O_CLOEXEC;
    let queue =
        OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/net/tun")?;
    let mut request = InterfaceRequest::new(name)?.with(&kind.to_ne_bytes());
    request.ask(&queue, Asked::Attach)?;
    Ok((queue, request.name()))
}

/// Have as much left to us as is wanted and the kernel knows of; whether it knows of several UDP datagrams
/// in one frame.
fn ask_offload(device: &File, offload: Offload) -> bool {
    let tcp = if offload.tso { OFFLOAD_TCP } else { 0 };
    let checksum = if offload.tso || offload.uso { OFFLOAD_CHECKSUM } else { 0 };
    let udp = if offload.uso { OFFLOAD_UDP } else { 0 };
    // Try with everything first, to learn whether this kernel knows UDP offload; then set what is wanted.
    let knows_udp = set_tap_offload(device, OFFLOAD_CHECKSUM | OFFLOAD_UDP).is_ok();
    let wanted = if knows_udp { checksum | tcp | udp } else { checksum | tcp };
    // A kernel that refuses leaves nothing to us.
    let _ = set_tap_offload(device, wanted).or_else(|_| set_tap_offload(device, 0));
    knows_udp
}

/// A batch of frames read, one behind the other.
pub(crate) struct ReadBatch {
    buffer: Vec<u8>,
    frames: Vec<Range<usize>>,
    /// Frames to ask for next.
    wanted: usize,
}

impl ReadBatch {
    pub(crate) fn new() -> Self {
        let buffer = vec![0; BATCH_BYTES + BUFFER];
        Self { buffer, frames: Vec::with_capacity(BATCH), wanted: 1 }
    }

    /// Fill with what waits, up to a whole batch. Where frames come one by one, a second is asked for in vain
    /// every other time only. Fails if the device is gone.
    pub(crate) fn read(&mut self, queue: &File) -> io::Result<()> {
        self.frames.clear();
        let mut end = 0;
        let wanted = std::mem::replace(&mut self.wanted, BATCH);
        while self.frames.len() < wanted && end <= BATCH_BYTES {
            match rustix::io::read(queue, &mut self.buffer[end..]) {
                Ok(length) => {
                    self.frames.push(end..end + length);
                    end += length;
                }
                // All read, interrupted, or down just now: what there is comes with the next batch.
                Err(Errno::AGAIN | Errno::INTR | Errno::IO) => {
                    self.wanted = if self.frames.len() > 1 { BATCH } else { 1 };
                    break;
                }
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
