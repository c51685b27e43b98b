//! The header before a frame that is exchanged with a kernel, in the machine's byte order.
//!
//! ```text
//! 0       1          2                3              4                6                8          10
//! | flags | GSO type | header length 2 | GSO size 2  | checksum from 2 | checksum at 2 | frame ...
//! ```

/// Bytes before the frame.
pub const VNET_LENGTH: usize = 10;

/// The checksum covers what follows `checksum_from`; so far it is the sum of the pseudo-header.
const NEEDS_CHECKSUM: u8 = 0x01;
/// Segmentation: TCP over IPv4.
const GSO_TCP4: u8 = 0x01;
/// Segmentation: TCP over IPv6.
const GSO_TCP6: u8 = 0x04;
/// Segmentation: UDP datagrams.
const GSO_UDP: u8 = 0x05;
/// The first TCP segment says that the congestion window was reduced.
const GSO_ECN: u8 = 0x80;

/// How a super-frame is to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segmentation {
    Tcp,
    Udp,
}

/// What is still to be done to a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VnetHeader {
    flags: u8,
    gso_type: u8,
    header_length: u16,
    gso_size: u16,
    checksum_from: u16,
    checksum_at: u16,
}

impl VnetHeader {
    /// A super-frame that is cut behind `header_length` into pieces of `size` bytes. The checksum of its
    /// transport header, which begins at `transport`, is that of the pseudo-header yet.
    pub(super) fn joined(
        kind: Segmentation,
        version: u8,
        header_length: usize,
        size: usize,
        transport: usize,
    ) -> Self {
        let (gso_type, offset) = match (kind, version) {
            (Segmentation::Tcp, 4) => (GSO_TCP4, 16),
            (Segmentation::Tcp, _) => (GSO_TCP6, 16),
            (Segmentation::Udp, _) => (GSO_UDP, 6),
        };
        Self {
            flags: NEEDS_CHECKSUM,
            gso_type,
            header_length: header_length as u16,
            gso_size: size as u16,
            checksum_from: transport as u16,
            checksum_at: offset,
        }
    }

    /// The header and the frame behind it; `None` if there is not even a header.
    pub fn split(bytes: &mut [u8]) -> Option<(Self, &mut [u8])> {
        let (header, frame) = bytes.split_first_chunk_mut::<VNET_LENGTH>()?;
        let [flags, gso_type, a, b, c, d, e, f, g, h] = *header;
        let header = Self {
            flags,
            gso_type,
            header_length: u16::from_ne_bytes([a, b]),
            gso_size: u16::from_ne_bytes([c, d]),
            checksum_from: u16::from_ne_bytes([e, f]),
            checksum_at: u16::from_ne_bytes([g, h]),
        };
        Some((header, frame))
    }

    /// As it stands before a frame.
    pub const fn bytes(self) -> [u8; VNET_LENGTH] {
        let [a, b] = self.header_length.to_ne_bytes();
        let [c, d] = self.gso_size.to_ne_bytes();
        let [e, f] = self.checksum_from.to_ne_bytes();
        let [g, h] = self.checksum_at.to_ne_bytes();
        [self.flags, self.gso_type, a, b, c, d, e, f, g, h]
    }

    /// Whether the frame is a super-frame.
    pub const fn is_super(&self) -> bool {
        self.gso_type != 0
    }

    /// How it is cut; `None` for a way that was not offered to the kernel.
    pub(super) const fn segmentation(&self) -> Option<Segmentation> {
        match self.gso_type & !GSO_ECN {
            GSO_TCP4 | GSO_TCP6 => Some(Segmentation::Tcp),
            GSO_UDP => Some(Segmentation::Udp),
            _ => None,
        }
    }

    pub(super) fn gso_size(&self) -> usize {
        usize::from(self.gso_size)
    }

    /// Where the bytes begin that the checksum covers, and where it stands; `None`: it is complete.
    pub(super) fn partial_checksum(&self) -> Option<(usize, usize)> {
        let from = usize::from(self.checksum_from);
        (self.flags & NEEDS_CHECKSUM != 0).then(|| (from, from + usize::from(self.checksum_at)))
    }
}
