//! Frames by their fields, and the slow way to cut them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, reason = "a failed test may end here")]

use earthline_core::ethernet::HEADER_LENGTH;
use earthline_core::offload::{JoinLimits, Joiner, SuperFrame, VnetHeader, checksum};

pub const ALL: JoinLimits = JoinLimits { tcp: true, udp: true };
pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const PSH: u8 = 0x08;
pub const ACK: u8 = 0x10;
pub const URG: u8 = 0x20;
pub const ECE: u8 = 0x40;
pub const CWR: u8 = 0x80;
pub const TAG: &[u8] = &[0x81, 0x00, 0x00, 0x07];
pub const TWO_TAGS: &[u8] = &[0x88, 0xa8, 0x00, 0x09, 0x81, 0x00, 0x00, 0x07];

/// A frame by its fields; everything that a test does not care about is ordinary.
#[derive(Clone)]
pub struct Plan {
    pub is_ipv6: bool,
    pub is_udp: bool,
    /// VLAN tags.
    pub tags: &'static [u8],
    /// Options of IPv4, or extension headers of IPv6: the type of the first, and the last destination
    /// where that is another.
    pub extra: Vec<u8>,
    pub first_extension: u8,
    pub last_destination: Option<[u8; 16]>,
    /// Of the sender.
    pub port: u16,
    pub options: Vec<u8>,
    pub flags: u8,
    pub sequence: u32,
    pub id: u16,
    pub fragment_field: u16,
    pub data: Vec<u8>,
}

impl Plan {
    pub fn tcp(data: usize) -> Self {
        Self {
            is_ipv6: false,
            is_udp: false,
            tags: &[],
            extra: Vec::new(),
            first_extension: 43,
            last_destination: None,
            port: 0x1234,
            options: b"\x01\x01\x08\x0atsvltser".to_vec(),
            flags: ACK,
            sequence: 0xffff_f000,
            id: 0xfffe,
            fragment_field: 0x4000,
            data: (0..data).map(|index| (index * 31 % 251) as u8).collect(),
        }
    }

    pub fn udp(data: usize) -> Self {
        Self { is_udp: true, options: Vec::new(), ..Self::tcp(data) }
    }

    pub fn ipv6(self) -> Self {
        Self { is_ipv6: true, ..self }
    }

    pub fn network(&self) -> usize {
        HEADER_LENGTH + self.tags.len()
    }

    pub fn transport(&self) -> usize {
        self.network() + if self.is_ipv6 { 40 } else { 20 } + self.extra.len()
    }

    pub fn checksum_offset(&self) -> usize {
        if self.is_udp { 6 } else { 16 }
    }

    pub fn ip_header(&self, length: usize) -> Vec<u8> {
        let protocol = if self.is_udp { 17 } else { 6 };
        if self.is_ipv6 {
            let next = if self.extra.is_empty() { protocol } else { self.first_extension };
            let mut header = vec![0x61, 0x23, 0x45, 0x67];
            header.extend(((length + self.extra.len()) as u16).to_be_bytes());
            header.extend([next, 64]);
            header.extend([0xfd; 16].iter().chain(&[0xfe; 16]));
            header.extend(&self.extra);
            return header;
        }
        let words = 5 + self.extra.len() / 4;
        let mut header = vec![0x40 | words as u8, 0x02];
        header.extend(((length + words * 4) as u16).to_be_bytes());
        header.extend(self.id.to_be_bytes());
        header.extend(self.fragment_field.to_be_bytes());
        header.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        header.extend(&self.extra);
        let value = checksum(&header).to_be_bytes();
        header[10..12].copy_from_slice(&value);
        header
    }

    /// The pseudo-header: for its sum, and for the whole checksum.
    pub fn pseudo_header(&self, length: usize) -> Vec<u8> {
        let mut bytes = if self.is_ipv6 { vec![0xfd; 16] } else { vec![10, 0, 0, 1] };
        match (self.is_ipv6, self.last_destination) {
            (true, Some(last)) => bytes.extend(last),
            (true, None) => bytes.extend([0xfe; 16]),
            (false, _) => bytes.extend([10, 0, 0, 2]),
        }
        bytes.extend((length as u32).to_be_bytes());
        bytes.extend([0, if self.is_udp { 17 } else { 6 }]);
        bytes
    }

    pub fn transport_header(&self) -> Vec<u8> {
        let mut header = [self.port.to_be_bytes(), [0x56, 0x78]].concat();
        if self.is_udp {
            header.extend(((8 + self.data.len()) as u16).to_be_bytes());
            header.extend([0, 0]);
            return header;
        }
        header.extend(self.sequence.to_be_bytes());
        header.extend(0x0102_0304_u32.to_be_bytes());
        header.extend([((5 + self.options.len() / 4) as u8) << 4, self.flags, 0x20, 0, 0, 0, 0, 0]);
        header.extend(&self.options);
        header
    }

    /// The frame with a whole checksum, or with that of the pseudo-header.
    pub fn build(&self, is_partial: bool) -> Vec<u8> {
        let mut transport = self.transport_header();
        transport.extend(&self.data);
        let pseudo = self.pseudo_header(transport.len());
        let value = if is_partial {
            !checksum(&pseudo)
        } else {
            match checksum(&[&pseudo[..], &transport].concat()) {
                0 => 0xffff,
                value => value,
            }
        };
        let at = self.checksum_offset();
        transport[at..at + 2].copy_from_slice(&value.to_be_bytes());
        let mut frame = vec![2; 12];
        frame.extend(self.tags);
        frame.extend(if self.is_ipv6 { [0x86, 0xdd] } else { [0x08, 0x00] });
        frame.extend(self.ip_header(transport.len()));
        frame.extend(transport);
        frame
    }

    pub fn vnet(&self, size: u16) -> VnetHeader {
        let gso_type = match (self.is_udp, self.is_ipv6) {
            (true, _) => 5,
            (false, true) => 4,
            (false, false) => 1,
        };
        vnet(gso_type, size, self.transport(), self.checksum_offset())
    }

    /// What the frames of a super-frame have to be, one by one.
    pub fn cut(&self, size: usize) -> Vec<Vec<u8>> {
        let number = self.data.len().div_ceil(size);
        let segment = |(index, data): (usize, &[u8])| {
            let mut segment = self.clone();
            segment.data = data.to_vec();
            segment.sequence = self.sequence.wrapping_add((index * size) as u32);
            segment.id = self.id.wrapping_add(index as u16);
            segment.flags &= if index == 0 { 0xff } else { !CWR };
            segment.flags &= if index == number - 1 { 0xff } else { !(FIN | PSH) };
            segment.build(false)
        };
        self.data.chunks(size).enumerate().map(segment).collect()
    }
}

pub fn vnet(gso_type: u8, size: u16, from: usize, offset: usize) -> VnetHeader {
    let [a, b] = size.to_ne_bytes();
    let [c, d] = (from as u16).to_ne_bytes();
    let [e, f] = (offset as u16).to_ne_bytes();
    let mut bytes = [1, gso_type, 0, 0, a, b, c, d, e, f];
    VnetHeader::split(&mut bytes).unwrap().0
}

pub fn cut(header: &VnetHeader, frame: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let parsed = SuperFrame::parse(header, frame).unwrap();
    parsed.cut(size, &mut Vec::new(), |frame| frames.push(frame.to_vec()));
    frames
}

/// What a kernel makes of writes: the frames that went in.
pub fn apart(writes: &[(VnetHeader, Vec<u8>)]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for (header, frame) in writes {
        if header.is_super() {
            let size = SuperFrame::parse(header, frame).unwrap().size();
            frames.extend(cut(header, frame, size));
        } else {
            frames.push(frame.clone());
        }
    }
    frames
}

/// What a batch is written as: (header before it, frame) each.
pub fn join(frames: &[Vec<u8>], limits: JoinLimits) -> Vec<(VnetHeader, Vec<u8>)> {
    let mut joiner = Joiner::new();
    for frame in frames {
        joiner.push(7, frame, limits);
    }
    let write = |write| {
        let numbers: Vec<_> = joiner.frames(write).collect();
        match write.headers() {
            None => {
                assert_eq!(numbers.len(), 1);
                (VnetHeader::default(), frames[numbers[0]].clone())
            }
            Some((vnet, headers, length)) => {
                let data = numbers.iter().flat_map(|number| &frames[*number][length..]).copied();
                (vnet, headers[..length].iter().copied().chain(data).collect())
            }
        }
    };
    joiner.writes().iter().map(write).collect()
}

pub fn lengths(frames: &[Vec<u8>]) -> Vec<usize> {
    join(frames, ALL).iter().map(|(_, frame)| frame.len()).collect()
}

/// A stretch of TCP cut into frames.
pub fn stretch(plan: &Plan, size: usize) -> Vec<Vec<u8>> {
    cut(&plan.vnet(size as u16), &plan.build(true), size)
}
