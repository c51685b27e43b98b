//! Layouts of the three verbs that carry Ethernet frames (01, 6.7, 6.8, 6.18). Offsets from the payload.
//!
//! ```text
//! FRAME             network 8 | ethertype 2 | data ...
//! EXT_FRAME         network 8 | flags 1 | [certificate] | destination 6 | source 6 | ethertype 2 | data ...
//! MULTICAST_FRAME   network 8 | flags 1 | [certificate] | [gather limit 4] | [source 6] | group 6 | ADI 4
//!                   | ethertype 2 | data ...
//! ```

use crate::ethernet::{Header, mac_bytes, mac_from};

/// Verb of a frame between the two nodes' own MACs.
pub(in crate::switch) const FRAME: u8 = 0x06;
/// Verb of a frame that names its MACs.
pub(in crate::switch) const EXT_FRAME: u8 = 0x07;
/// Verb of a frame to a multicast group.
pub(in crate::switch) const MULTICAST_FRAME: u8 = 0x0e;

/// Bytes of the fields of a FRAME before its data, and of an `EXT_FRAME` without a certificate.
pub(in crate::switch) const FRAME_FIELDS: usize = 10;
pub(in crate::switch) const EXT_FRAME_FIELDS: usize = 23;

/// Flag: a certificate of membership is attached.
const FLAG_CERTIFICATE: u8 = 0x01;
/// Flag of `EXT_FRAME`: acknowledge it.
const FLAG_ACKNOWLEDGE: u8 = 0x10;
/// Flag of `MULTICAST_FRAME`: a gather limit is given.
const FLAG_GATHER: u8 = 0x02;
/// Flag of `MULTICAST_FRAME`: the source MAC is given.
const FLAG_SOURCE: u8 = 0x04;

/// Flag of `MULTICAST_FRAME`: send it on to the members of the group.
const FLAG_REPLICATE: u8 = 0x08;

/// Most qualifiers of a certificate of membership (03, 4.2).
const MAX_QUALIFIERS: usize = 8;

/// Reads from the front; `None` where the packet ends too early.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn mac(&mut self) -> Option<u64> {
        self.take().map(mac_from)
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.0 = self.0.get(length..)?;
        Some(())
    }

    /// Over a certificate of membership: `version 1 | count 2 | count x 24 | signer 5 | [signature 96]`.
    fn skip_certificate(&mut self) -> Option<()> {
        let version = self.u8()?;
        let count = usize::from(self.u16()?);
        if version != 1 || count > MAX_QUALIFIERS {
            return None;
        }
        self.skip(count * 24)?;
        let signer: [u8; 5] = self.take()?;
        if signer == [0; 5] { Some(()) } else { self.skip(96) }
    }
}

/// The network a frame packet of any kind belongs to.
pub(in crate::switch) fn network_of(payload: &[u8]) -> Option<u64> {
    Reader(payload).u64()
}

/// A FRAME after its network ID.
pub(in crate::switch) struct Frame<'a> {
    pub(in crate::switch) ethertype: u16,
    pub(in crate::switch) data: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(in crate::switch) fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(payload);
        reader.u64()?;
        Some(Self { ethertype: reader.u16()?, data: reader.0 })
    }
}

/// The fields of a FRAME before its data.
pub(in crate::switch) fn frame_fields(network: u64, ethertype: u16) -> [u8; FRAME_FIELDS] {
    let mut fields = [0; FRAME_FIELDS];
    fields[..8].copy_from_slice(&network.to_be_bytes());
    fields[8..].copy_from_slice(&ethertype.to_be_bytes());
    fields
}

/// An `EXT_FRAME` after its network ID.
pub(in crate::switch) struct ExtFrame<'a> {
    pub(in crate::switch) acknowledge: bool,
    pub(in crate::switch) header: Header,
    pub(in crate::switch) data: &'a [u8],
}

impl<'a> ExtFrame<'a> {
    pub(in crate::switch) fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(payload);
        reader.u64()?;
        let flags = reader.u8()?;
        if flags & FLAG_CERTIFICATE != 0 {
            reader.skip_certificate()?;
        }
        let (destination, source) = (reader.mac()?, reader.mac()?);
        let header = Header { destination, source, ethertype: reader.u16()? };
        Some(Self { acknowledge: flags & FLAG_ACKNOWLEDGE != 0, header, data: reader.0 })
    }
}

/// The fields of an `EXT_FRAME` before its data.
pub(in crate::switch) fn ext_frame_fields(
    network: u64,
    flags: u8,
    header: Header,
) -> [u8; EXT_FRAME_FIELDS] {
    let mut fields = [0; EXT_FRAME_FIELDS];
    fields[..8].copy_from_slice(&network.to_be_bytes());
    fields[8] = flags;
    fields[9..].copy_from_slice(&header.bytes());
    fields
}

/// The ethertype of a unicast frame, where its data begins, and whether it travels with both its MACs.
pub(in crate::switch) fn content_of(verb: u8, payload: &[u8]) -> Option<(u16, usize, bool)> {
    let (ethertype, data, has_macs) = match verb {
        FRAME => Frame::parse(payload).map(|frame| (frame.ethertype, frame.data, false))?,
        EXT_FRAME => {
            ExtFrame::parse(payload).map(|frame| (frame.header.ethertype, frame.data, true))?
        }
        _ => return None,
    };
    Some((ethertype, payload.len() - data.len(), has_macs))
}

/// A `MULTICAST_FRAME` after its network ID.
pub(in crate::switch) struct MulticastFrame<'a> {
    /// 0: nothing is asked for.
    pub(in crate::switch) gather_limit: u32,
    /// The recipient is asked to send it on.
    pub(in crate::switch) replicate: bool,
    /// `None`: the sender's own.
    pub(in crate::switch) source: Option<u64>,
    pub(in crate::switch) mac: u64,
    pub(in crate::switch) adi: u32,
    pub(in crate::switch) ethertype: u16,
    pub(in crate::switch) data: &'a [u8],
}

impl<'a> MulticastFrame<'a> {
    pub(in crate::switch) fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(payload);
        reader.u64()?;
        let flags = reader.u8()?;
        if flags & FLAG_CERTIFICATE != 0 {
            reader.skip_certificate()?;
        }
        let gather_limit = if flags & FLAG_GATHER != 0 { reader.u32()? } else { 0 };
        let source = if flags & FLAG_SOURCE != 0 { Some(reader.mac()?) } else { None };
        let (mac, adi, ethertype) = (reader.mac()?, reader.u32()?, reader.u16()?);
        let replicate = flags & FLAG_REPLICATE != 0;
        Some(Self { gather_limit, replicate, source, mac, adi, ethertype, data: reader.0 })
    }

    /// Write it after a packet's header.
    pub(in crate::switch) fn emit(&self, network: u64, packet: &mut Vec<u8>) {
        let flag = |given, flag| if given { flag } else { 0 };
        let flags = flag(self.gather_limit > 0, FLAG_GATHER)
            | flag(self.source.is_some(), FLAG_SOURCE)
            | flag(self.replicate, FLAG_REPLICATE);
        packet.extend_from_slice(&network.to_be_bytes());
        packet.push(flags);
        if self.gather_limit > 0 {
            packet.extend_from_slice(&self.gather_limit.to_be_bytes());
        }
        if let Some(source) = self.source {
            packet.extend_from_slice(&mac_bytes(source));
        }
        packet.extend_from_slice(&mac_bytes(self.mac));
        packet.extend_from_slice(&self.adi.to_be_bytes());
        packet.extend_from_slice(&self.ethertype.to_be_bytes());
        packet.extend_from_slice(self.data);
    }
}
