//! Layouts of packet heads and fragments, and what a relay may change in them (01, 1.5, 3.1, 4.1).
//!
//! ```text
//! head       0        8            13       18     19              27    28
//!            | id 8   | destination | source | flags | MAC or path ID | verb | payload ...
//! fragment   0        8            13     14            15     16
//!            | id 8   | destination | 0xff | total, no. | hops | data ...
//! ```
//!
//! Views borrow the datagram and cannot fail once made; all integers are big-endian.

/// Bytes before a packet's payload.
pub const HEADER_LENGTH: usize = 28;
/// Longest packet, header included.
pub const MAX_PACKET: usize = 10_024;
/// Bytes before a fragment's data.
pub const FRAGMENT_HEADER_LENGTH: usize = 16;
/// Shortest datagram that is looked at as a fragment: one byte of data.
pub const MIN_FRAGMENT: usize = 17;
/// Most pieces of a packet, its head included, that any receiver accepts.
pub const MAX_PIECES: usize = 7;
/// Datagram size where nothing else is known.
pub const DEFAULT_MTU: usize = 1432;
/// Packets that were relayed this often are not relayed again (01, 3.10).
pub const MAX_HOPS: u8 = 3;

/// Offset of the destination address in heads and fragments.
pub const DESTINATION: usize = 8;
/// Offset of the source address in heads; there, fragments have [`FRAGMENT_INDICATOR`].
pub const SOURCE: usize = 13;
/// Offset of the flags in heads.
pub const FLAGS: usize = 18;
/// Offset of the MAC, or of the trusted path ID, in heads.
pub const MAC: usize = 19;
/// Offset of the verb byte, the first that is encrypted and authenticated.
pub const VERB: usize = 27;
/// Offset of the hop count in fragments.
pub const FRAGMENT_HOPS: usize = 15;

/// What byte 13 of a fragment says; no address begins with it.
pub const FRAGMENT_INDICATOR: u8 = 0xff;

/// Flag: sealed with suite 1, a legacy marker that is authenticated but never interpreted.
pub const FLAG_ENCRYPTED: u8 = 0x80;
/// Flag: fragments follow.
pub const FLAG_FRAGMENTED: u8 = 0x40;
/// Mask of the hop count, the only bits a relay changes.
pub const HOPS_MASK: u8 = 0x07;
/// Mask of the cipher suite in the flags.
pub const SUITE_MASK: u8 = 0x38;

/// Cipher suite 0: Poly1305 over clear text.
pub const SUITE_POLY1305: u8 = 0;
/// Cipher suite 1: Salsa20/12 and Poly1305.
pub const SUITE_SALSA_POLY1305: u8 = 1;
/// Cipher suite 2: nothing, by a trusted path.
pub const SUITE_TRUSTED: u8 = 2;
/// Cipher suite 3: AES-GMAC-SIV.
pub const SUITE_AES_GMAC_SIV: u8 = 3;

/// Mask of the verb in the verb byte.
pub const VERB_MASK: u8 = 0x1f;
/// Flag in the verb byte: the payload is compressed.
pub const VERB_COMPRESSED: u8 = 0x80;

/// A 40-bit address as the five bytes of the wire.
pub const fn address_bytes(address: u64) -> [u8; 5] {
    let [_, _, _, a, b, c, d, e] = address.to_be_bytes();
    [a, b, c, d, e]
}

/// A 40-bit address from the five bytes of the wire.
pub const fn address_from([a, b, c, d, e]: [u8; 5]) -> u64 {
    u64::from_be_bytes([0, 0, 0, a, b, c, d, e])
}

/// Whether no node may have this address: zero, or one that looks like a fragment (01, 1.3).
pub const fn is_reserved(address: u64) -> bool {
    address == 0 || address >> 32 == 0xff || address >> 40 != 0
}

/// What a UDP datagram is, by its first bytes (01, 1.5).
#[derive(Clone, Copy, Debug)]
pub enum Datagram<'a> {
    /// A packet, whole or its first piece.
    Head(Head<'a>),
    /// A later piece of a packet.
    Fragment(Fragment<'a>),
    /// A legacy LAN beacon from the address given.
    Beacon(u64),
    /// Too short for any of them, such as the bytes that open a NAT.
    Noise,
}

impl<'a> Datagram<'a> {
    /// Tell heads, fragments and noise apart.
    pub fn classify(bytes: &'a [u8]) -> Self {
        if let [_, _, _, _, _, _, _, _, a, b, c, d, e] = *bytes {
            return Self::Beacon(address_from([a, b, c, d, e]));
        }
        if let Some(fragment) = Fragment::parse(bytes) {
            return Self::Fragment(fragment);
        }
        Head::parse(bytes).map_or(Self::Noise, Self::Head)
    }
}

/// A packet, whole or its first piece (01, 3.1).
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    header: &'a [u8; HEADER_LENGTH],
    payload: &'a [u8],
}

impl<'a> Head<'a> {
    /// A view of a datagram that is not a fragment; `None` if shorter than a header.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, payload) = bytes.split_first_chunk()?;
        Some(Self { header, payload })
    }

    /// The ID on the wire, which names this packet everywhere.
    pub const fn packet_id(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *self.header;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Whom it is for.
    pub const fn destination(&self) -> u64 {
        let h = self.header;
        address_from([h[8], h[9], h[10], h[11], h[12]])
    }

    /// Whom it is from.
    pub const fn source(&self) -> u64 {
        let h = self.header;
        address_from([h[13], h[14], h[15], h[16], h[17]])
    }

    /// The whole flags byte.
    pub const fn flags(&self) -> u8 {
        self.header[FLAGS]
    }

    /// Whether fragments follow.
    pub const fn is_fragmented(&self) -> bool {
        self.flags() & FLAG_FRAGMENTED != 0
    }

    /// The cipher suite, 0 to 7.
    pub const fn suite(&self) -> u8 {
        (self.flags() & SUITE_MASK) >> 3
    }

    /// How often it was relayed.
    pub const fn hops(&self) -> u8 {
        self.flags() & HOPS_MASK
    }

    /// The MAC field, which in suite 2 holds the trusted path ID.
    pub const fn trusted_path_id(&self) -> u64 {
        let h = self.header;
        u64::from_be_bytes([h[19], h[20], h[21], h[22], h[23], h[24], h[25], h[26]])
    }

    /// The verb; meaningful in clear packets only.
    pub const fn verb(&self) -> u8 {
        self.header[VERB] & VERB_MASK
    }

    /// Whether the payload is compressed; meaningful in clear packets only.
    pub const fn is_compressed(&self) -> bool {
        self.header[VERB] & VERB_COMPRESSED != 0
    }

    /// What follows the header in this piece.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// A later piece of a packet (01, 4.1).
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    header: &'a [u8; FRAGMENT_HEADER_LENGTH],
    data: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// A view of a fragment; `None` if it is not one, or has no data.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, data) = bytes.split_first_chunk::<FRAGMENT_HEADER_LENGTH>()?;
        let is_fragment = header[SOURCE] == FRAGMENT_INDICATOR && !data.is_empty();
        is_fragment.then_some(Self { header, data })
    }

    /// The ID of the packet it is a piece of.
    pub const fn packet_id(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *self.header;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Whom it is for.
    pub const fn destination(&self) -> u64 {
        let h = self.header;
        address_from([h[8], h[9], h[10], h[11], h[12]])
    }

    /// How many pieces there are, the head included.
    pub const fn total(&self) -> usize {
        (self.header[14] >> 4) as usize
    }

    /// Which piece this is; the head is 0.
    pub const fn number(&self) -> usize {
        (self.header[14] & 0x0f) as usize
    }

    /// How often it was relayed: the whole byte.
    pub const fn hops(&self) -> u8 {
        self.header[FRAGMENT_HOPS]
    }

    /// What it carries, at least one byte.
    pub const fn data(&self) -> &'a [u8] {
        self.data
    }
}

/// The header of a plain packet: suite 0, no hops, MAC zero.
pub const fn header(
    packet_id: u64,
    destination: u64,
    source: u64,
    verb: u8,
) -> [u8; HEADER_LENGTH] {
    let [a, b, c, d, e, f, g, h] = packet_id.to_be_bytes();
    let [i, j, k, l, m] = address_bytes(destination);
    let [n, o, p, q, r] = address_bytes(source);
    let z = 0;
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, z, z, z, z, z, z, z, z, z, verb]
}

/// Count one more hop, modulo 8, in a head or a fragment (01, 3.10, 4.4). The caller has seen that
/// it may still be relayed; anything shorter than a fragment stays as it is.
pub fn increment_hops(datagram: &mut [u8]) {
    let indicator = datagram.get(SOURCE).copied();
    if indicator == Some(FRAGMENT_INDICATOR) {
        if let Some(hops) = datagram.get_mut(FRAGMENT_HOPS) {
            *hops = hops.wrapping_add(1) & HOPS_MASK;
        }
    } else if let Some(flags) = datagram.get_mut(FLAGS) {
        *flags = *flags & !HOPS_MASK | flags.wrapping_add(1) & HOPS_MASK;
    }
}

/// The flags with another cipher suite: its bits, and the legacy marker exactly for suite 1 (01, 3.2).
pub const fn with_suite(flags: u8, suite: u8) -> u8 {
    let marker = if suite == SUITE_SALSA_POLY1305 { FLAG_ENCRYPTED } else { 0 };
    flags & (FLAG_FRAGMENTED | HOPS_MASK) | (suite << 3) & SUITE_MASK | marker
}

/// Say that fragments follow. Do it before sealing: the flag is authenticated.
pub fn mark_fragmented(packet: &mut [u8]) {
    if let Some(flags) = packet.get_mut(FLAGS) {
        *flags |= FLAG_FRAGMENTED;
    }
}

/// Make a plain packet one of a trusted path: suite 2, unencrypted and unauthenticated (01, 3.7).
pub fn set_trusted_path(packet: &mut [u8], trusted_path_id: u64) {
    if let Some(header) = packet.first_chunk_mut::<HEADER_LENGTH>() {
        header[FLAGS] = with_suite(header[FLAGS], SUITE_TRUSTED);
        header[MAC..VERB].copy_from_slice(&trusted_path_id.to_be_bytes());
    }
}
