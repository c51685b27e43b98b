//! Completing checksums, and cutting super-frames into the frames that they stand for.

use super::checksum::{add, checksum, subtract, sum};
use super::layout::{Layout, TCP, read_u16, read_u32, write};
use super::vnet::{Segmentation, VnetHeader};
use crate::ethernet;

/// A frame does not hold what its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// TCP flags that only the last segment keeps: FIN and PSH.
const LAST_ONLY: u8 = 0x01 | 0x08;
/// TCP flag that only the first segment keeps: congestion window reduced.
const FIRST_ONLY: u8 = 0x80;

/// Complete the checksum of a frame that is no super-frame, if it is not complete yet.
pub fn complete_checksum(header: &VnetHeader, frame: &mut [u8]) -> Result<(), Malformed> {
    let Some((from, at)) = header.partial_checksum() else { return Ok(()) };
    let covered = frame.get(from..).ok_or(Malformed)?;
    if at + 2 > frame.len() {
        return Err(Malformed);
    }
    // What stands there is the sum of the pseudo-header, which belongs in it. Nothing but UDP needs the
    // other way to write zero, and to all others it means the same.
    let value = match checksum(covered) {
        0 => 0xffff,
        value => value,
    };
    write(frame, at, &value.to_be_bytes());
    Ok(())
}

/// A TCP stretch or several UDP datagrams in one frame.
#[derive(Clone, Copy, Debug)]
pub struct SuperFrame<'a> {
    /// Everything before the data.
    headers: &'a [u8],
    data: &'a [u8],
    layout: Layout,
    size: usize,
    /// The sum of the pseudo-header without its length.
    pseudo_header: u16,
}

impl<'a> SuperFrame<'a> {
    /// Of a frame whose header says that it is one.
    pub fn parse(header: &VnetHeader, frame: &'a [u8]) -> Result<Self, Malformed> {
        let layout = Layout::parse(frame).ok_or(Malformed)?;
        let segmentation = header.segmentation().ok_or(Malformed)?;
        let is_tcp = layout.protocol == TCP;
        let partial = Some((layout.transport, layout.checksum_at()));
        if header.partial_checksum() != partial
            || is_tcp != (segmentation == Segmentation::Tcp)
            || header.gso_size() == 0
        {
            return Err(Malformed);
        }
        let (headers, data) = frame.split_at(layout.data);
        // The kernel puts the sum of the pseudo-header there: with IPv6 routing headers, that of the last
        // destination. The length in it is that of the whole super-frame.
        let stands = read_u16(frame, layout.checksum_at()).ok_or(Malformed)?;
        let length = frame.len() - layout.transport;
        let length = add((length >> 16) as u16, length as u16);
        let pseudo_header = subtract(stands, length);
        Ok(Self { headers, data, layout, size: header.gso_size(), pseudo_header })
    }

    /// Everything before the data.
    pub const fn headers(&self) -> &'a [u8] {
        self.headers
    }

    /// Bytes of data in each frame but the last, as the kernel has it.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Whether frames may have less data than [`Self::size`]: a TCP stretch has no boundaries, datagrams have.
    pub const fn may_be_cut_smaller(&self) -> bool {
        self.layout.protocol == TCP
    }

    /// Bytes of the IP packet's headers.
    pub const fn overhead(&self) -> usize {
        self.headers.len().saturating_sub(ethernet::HEADER_LENGTH)
    }

    /// Build each frame with `size` bytes of data, the last with what is left, and hand it to `each`.
    /// `buffer` is working memory.
    pub fn cut(&self, size: usize, buffer: &mut Vec<u8>, mut each: impl FnMut(&[u8])) {
        let size = size.max(1);
        let last = self.data.len().saturating_sub(1) / size;
        for index in 0..=last {
            let start = index * size;
            let end = (start + size).min(self.data.len());
            buffer.clear();
            buffer.extend_from_slice(self.headers);
            buffer.extend_from_slice(self.data.get(start..end).unwrap_or_default());
            self.fix_network_header(buffer, index);
            self.fix_transport_header(buffer, start, index == 0, index == last);
            each(buffer);
        }
    }

    /// Its length, and for IPv4 its identification, counted on, and its checksum.
    fn fix_network_header(&self, frame: &mut [u8], index: usize) {
        let Layout { version, network, transport, .. } = self.layout;
        let length = frame.len() - network;
        if version == 6 {
            write(frame, network + 4, &(length.saturating_sub(40) as u16).to_be_bytes());
            return;
        }
        let id = read_u16(frame, network + 4).unwrap_or(0).wrapping_add(index as u16);
        write(frame, network + 2, &(length as u16).to_be_bytes());
        write(frame, network + 4, &id.to_be_bytes());
        write(frame, network + 10, &[0; 2]);
        let value = checksum(frame.get(network..transport).unwrap_or_default());
        write(frame, network + 10, &value.to_be_bytes());
    }

    /// Its place in the stretch or its length, and its checksum.
    fn fix_transport_header(&self, frame: &mut [u8], start: usize, is_first: bool, is_last: bool) {
        let (at, length) = (self.layout.transport, frame.len() - self.layout.transport);
        if self.layout.protocol == TCP {
            let sequence = read_u32(frame, at + 4).unwrap_or(0).wrapping_add(start as u32);
            write(frame, at + 4, &sequence.to_be_bytes());
            if let Some(flags) = frame.get_mut(at + 13) {
                *flags &= if is_first { 0xff } else { !FIRST_ONLY };
                *flags &= if is_last { 0xff } else { !LAST_ONLY };
            }
        } else {
            write(frame, at + 4, &(length as u16).to_be_bytes());
        }
        write(frame, self.layout.checksum_at(), &[0; 2]);
        let covered = sum(frame.get(at..).unwrap_or_default());
        let value = match !add(covered, add(self.pseudo_header, length as u16)) {
            0 => 0xffff,
            value => value,
        };
        write(frame, self.layout.checksum_at(), &value.to_be_bytes());
    }
}
