//! Joining the frames of a flow into super-frames, so that the kernel takes them at once.
//!
//! Frames are joined only if they can be cut apart again as they were: the same headers, in sequence, of one
//! size but for the last, with checksums that are right. Everything else passes by itself, and whatever
//! follows on the same flow stays behind it.

use super::checksum::{add, pseudo_header, sum};
use super::layout::{Layout, TCP, UDP, read_u16, read_u32, write};
use super::vnet::{Segmentation, VnetHeader};
use crate::ethernet;

/// Most frames of a super-frame: no kernel cuts one into more datagrams.
pub const MAX_JOINED: usize = 64;
/// Longest IP packet.
const MAX_IP_LENGTH: usize = 0xffff;
/// Flows that are open at once; a new one closes the oldest.
const MAX_OPEN: usize = 16;
/// Longest headers of a frame that is joined: Ethernet, IPv6, TCP with all its options.
const MAX_HEADERS: usize = ethernet::HEADER_LENGTH + 40 + 60;
/// TCP flags a segment may have: ACK, and PSH, which ends a super-frame.
const ACK: u8 = 0x10;
const PSH: u8 = 0x08;
/// High byte of the flags and the offset in an IPv4 header: do not fragment.
const DONT_FRAGMENT: u8 = 0x40;
/// No frame follows.
const NONE: u32 = u32::MAX;

/// What may be joined.
#[derive(Clone, Copy, Debug, Default)]
pub struct JoinLimits {
    /// TCP segments.
    pub tcp: bool,
    /// UDP datagrams.
    pub udp: bool,
}

impl JoinLimits {
    fn allow(self, layout: &Layout) -> bool {
        (layout.protocol == TCP && self.tcp) || (layout.protocol == UDP && self.udp)
    }
}

/// One frame, or several that were joined.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    /// The network it belongs to.
    pub network: u64,
    first: u32,
    last: u32,
    count: u32,
    /// Frames may still be joined to it; otherwise it is only sent.
    flow: Option<Flow>,
}

/// What the frames of a flow have in common.
#[derive(Clone, Copy, Debug)]
struct Flow {
    layout: Layout,
    headers: [u8; MAX_HEADERS],
    /// Bytes of data of each frame but the last.
    size: usize,
    /// Bytes of data so far.
    length: usize,
    /// Where the next TCP segment begins.
    sequence: u32,
    /// Identification of the last IPv4 packet.
    id: u16,
    is_closed: bool,
    push: bool,
}

/// Joins the frames of one batch. Its memory is kept from batch to batch.
#[derive(Default)]
pub struct Joiner {
    writes: Vec<Write>,
    /// The frame that follows each frame in its super-frame.
    next: Vec<u32>,
    /// Writes that frames may still be joined to, oldest first.
    open: Vec<usize>,
}

impl Joiner {
    /// With no frames yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forget the batch.
    pub fn clear(&mut self) {
        self.writes.clear();
        self.next.clear();
        self.open.clear();
    }

    /// Add the next frame of the batch, numbered from 0 on.
    pub fn push(&mut self, network: u64, frame: &[u8], limits: JoinLimits) {
        let number = self.next.len() as u32;
        self.next.push(NONE);
        let Some(layout) = Layout::parse(frame).filter(|layout| limits.allow(layout)) else {
            return self.start(network, number, None);
        };
        let joinable = Segment::parse(frame, layout);
        let known = self.open.iter().position(|index| {
            self.writes.get(*index).is_some_and(|write| write.is_same_flow(network, frame, &layout))
        });
        if let Some(position) = known {
            if let Some(segment) = &joinable
                && self.append(position, number, frame, segment)
            {
                return;
            }
            // What comes later on this flow must not get before this frame.
            self.open.remove(position);
        }
        self.start(network, number, joinable.map(|segment| segment.flow(frame)));
    }

    /// What to write, in order.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The numbers of the frames of a write, in order.
    pub fn frames(&self, write: &Write) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(write.first), |number| self.next.get(*number as usize).copied())
            .take_while(|number| *number != NONE)
            .map(|number| number as usize)
    }

    fn start(&mut self, network: u64, number: u32, flow: Option<Flow>) {
        if flow.is_some_and(|flow| !flow.is_closed) {
            if self.open.len() == MAX_OPEN {
                self.open.remove(0);
            }
            self.open.push(self.writes.len());
        }
        self.writes.push(Write { network, first: number, last: number, count: 1, flow });
    }

    /// Join a segment to an open write; whether it could be.
    fn append(&mut self, position: usize, number: u32, frame: &[u8], segment: &Segment) -> bool {
        let write = self.open.get(position).and_then(|index| self.writes.get_mut(*index));
        let Some(write) = write else { return false };
        let Some(flow) = &mut write.flow else { return false };
        if write.count as usize >= MAX_JOINED || !flow.takes(frame, segment) {
            return false;
        }
        flow.take(segment);
        if let Some(next) = self.next.get_mut(write.last as usize) {
            *next = number;
        }
        (write.last, write.count) = (number, write.count + 1);
        if flow.is_closed {
            self.open.remove(position);
        }
        true
    }
}

impl Write {
    /// The new headers of a super-frame and how many bytes at the front of each of its frames they replace;
    /// `None` for a frame that is written as it is.
    pub fn headers(&self) -> Option<(VnetHeader, [u8; MAX_HEADERS], usize)> {
        let flow = self.flow.as_ref().filter(|_| self.count > 1)?;
        let Layout { version, network, transport, data, protocol } = flow.layout;
        let mut headers = flow.headers;
        let length = data + flow.length;
        if version == 4 {
            write(&mut headers, network + 2, &((length - network) as u16).to_be_bytes());
            write(&mut headers, network + 10, &[0; 2]);
            let value = !sum(headers.get(network..transport)?);
            write(&mut headers, network + 10, &value.to_be_bytes());
        } else {
            write(&mut headers, network + 4, &((length - transport) as u16).to_be_bytes());
        }
        let segmentation = if protocol == TCP {
            *headers.get_mut(transport + 13)? |= if flow.push { PSH } else { 0 };
            Segmentation::Tcp
        } else {
            write(&mut headers, transport + 4, &((length - transport) as u16).to_be_bytes());
            Segmentation::Udp
        };
        let addresses = headers.get(flow.layout.addresses())?;
        let partial = pseudo_header(addresses, protocol, length - transport);
        write(&mut headers, flow.layout.checksum_at(), &partial.to_be_bytes());
        let vnet = VnetHeader::joined(segmentation, version, data, flow.size, transport);
        Some((vnet, headers, data))
    }

    /// Whether a frame has the same addresses and ports.
    fn is_same_flow(&self, network: u64, frame: &[u8], layout: &Layout) -> bool {
        let Some(flow) = self.flow.as_ref().filter(|_| self.network == network) else {
            return false;
        };
        let ports = |layout: &Layout| layout.transport..layout.transport + 4;
        flow.layout.protocol == layout.protocol
            && flow.layout.version == layout.version
            && flow.headers.get(ports(&flow.layout)) == frame.get(ports(layout))
            && flow.headers.get(flow.layout.addresses()) == frame.get(layout.addresses())
    }
}

impl Flow {
    /// Whether a segment with these headers comes next.
    fn takes(&self, frame: &[u8], segment: &Segment) -> bool {
        let in_sequence = self.layout.protocol == UDP || segment.sequence == self.sequence;
        // A packet that may not be fragmented needs no identification of its own (RFC 6864).
        let identified = segment.is_atomic || segment.id == self.id.wrapping_add(1);
        let ip_length = self.layout.data - self.layout.network + self.length + segment.length;
        !self.is_closed
            && segment.layout == self.layout
            && segment.length <= self.size
            && in_sequence
            && identified
            && ip_length <= MAX_IP_LENGTH
            && self.has_headers_of(frame)
    }

    /// Whether what must not differ from frame to frame is the same.
    fn has_headers_of(&self, frame: &[u8]) -> bool {
        let Layout { version, network, transport, data, protocol } = self.layout;
        let same = |from: usize, to: usize| self.headers.get(from..to) == frame.get(from..to);
        let ip = if version == 4 {
            same(0, network + 2) && same(network + 6, network + 10)
        } else {
            same(0, network + 4) && same(network + 6, network + 8)
        };
        // PSH may come with the last.
        let flags = |frame: &[u8]| frame.get(transport + 13).map(|flags| flags & !PSH);
        let tcp = || {
            same(transport + 8, transport + 13)
                && flags(&self.headers) == flags(frame)
                && same(transport + 14, transport + 16)
                && same(transport + 18, data)
        };
        ip && (protocol == UDP || tcp())
    }

    fn take(&mut self, segment: &Segment) {
        self.length += segment.length;
        self.sequence = self.sequence.wrapping_add(segment.length as u32);
        self.id = segment.id;
        self.push = segment.push;
        self.is_closed = segment.push || segment.length < self.size;
    }
}

/// A frame that may be joined with others.
struct Segment {
    layout: Layout,
    /// Bytes of data, at least one.
    length: usize,
    sequence: u32,
    id: u16,
    is_atomic: bool,
    push: bool,
}

impl Segment {
    /// `None` if there is anything about the frame that joining would lose.
    fn parse(frame: &[u8], layout: Layout) -> Option<Self> {
        let Layout { version, network, transport, data, protocol } = layout;
        let plain_headers = if version == 4 { 20 } else { 40 };
        let is_plain = network == ethernet::HEADER_LENGTH
            && transport == network + plain_headers
            && data <= MAX_HEADERS
            && frame.len() > data;
        let (id, is_atomic) = match version {
            _ if !is_plain => return None,
            4 => {
                let is_whole = usize::from(read_u16(frame, network + 2)?) == frame.len() - network;
                // A right checksum may have two values for zero; no cut writes this one.
                let is_right = sum(frame.get(network..transport)?) == 0xffff
                    && read_u16(frame, network + 10)? != 0xffff;
                let is_atomic = frame.get(network + 6)? & DONT_FRAGMENT != 0;
                (is_whole && is_right).then_some((read_u16(frame, network + 4)?, is_atomic))?
            }
            _ => {
                let length = usize::from(read_u16(frame, network + 4)?);
                (length == frame.len() - transport).then_some((0, true))?
            }
        };
        let push = if protocol == TCP {
            let flags = *frame.get(transport + 13)?;
            let is_ordinary =
                flags & !PSH == ACK && frame.get(transport + 12)?.trailing_zeros() >= 4;
            is_ordinary.then_some(flags & PSH != 0)?
        } else {
            let length = usize::from(read_u16(frame, transport + 4)?);
            (length == frame.len() - transport).then_some(false)?
        };
        let sequence = if protocol == TCP { read_u32(frame, transport + 4)? } else { 0 };
        let segment = Self { layout, length: frame.len() - data, sequence, id, is_atomic, push };
        segment.has_right_checksum(frame).then_some(segment)
    }

    /// Whether its checksum is the one that a cut would write.
    fn has_right_checksum(&self, frame: &[u8]) -> bool {
        let Layout { transport, protocol, .. } = self.layout;
        let (Some(addresses), Some(covered), Some(written)) = (
            frame.get(self.layout.addresses()),
            frame.get(transport..),
            read_u16(frame, self.layout.checksum_at()),
        ) else {
            return false;
        };
        // Zero, which UDP has for none, is written in its other way.
        written != 0
            && add(sum(covered), pseudo_header(addresses, protocol, covered.len())) == 0xffff
    }

    fn flow(&self, frame: &[u8]) -> Flow {
        let mut headers = [0; MAX_HEADERS];
        let known = frame.get(..self.layout.data).unwrap_or_default();
        for (target, byte) in headers.iter_mut().zip(known) {
            *target = *byte;
        }
        Flow {
            layout: self.layout,
            headers,
            size: self.length,
            length: self.length,
            sequence: self.sequence.wrapping_add(self.length as u32),
            id: self.id,
            is_closed: self.push,
            push: self.push,
        }
    }
}
