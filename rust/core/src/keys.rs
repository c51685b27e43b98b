//! Cipher suites: seal and open a packet in place with the scheduled keys of two identities (01, 3.4-3.8).
//!
//! A [`SessionKeys`] is made once for a pair of nodes. Sealing and opening schedule no AES key, allocate
//! nothing and read nothing but the packet.

use earthline_simd::Backend;
use earthline_simd::gmac_siv::GmacSiv;
use earthline_simd::poly1305::poly1305;
use earthline_simd::salsa::{self, Salsa};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::identity::kbkdf;
use crate::packet::{
    FLAG_FRAGMENTED, FLAGS, HEADER_LENGTH, HOPS_MASK, MAC, SUITE_AES_GMAC_SIV, SUITE_MASK,
    SUITE_POLY1305, SUITE_SALSA_POLY1305, VERB, with_suite,
};

/// KBKDF label of the GMAC key.
pub const LABEL_K0: u8 = 0x30;
/// KBKDF label of the key for AES in single blocks and in counter mode.
pub const LABEL_K1: u8 = 0x31;

/// Why a packet was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// Shorter than a header.
    TooShort,
    /// Suite 2, which has no keys, or one of 4 to 7.
    Suite,
    /// The MAC does not fit.
    Mac,
}

/// Why a packet cannot be sealed: our misuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// Shorter than a header.
    TooShort,
    /// Not 0, 1 or 3.
    Suite,
}

/// The scheduled keys of one pair of identities.
pub struct SessionKeys {
    salsa_key: [u8; 32],
    siv: GmacSiv,
    backend: Backend,
}

impl SessionKeys {
    /// From the permanent key K (01, 2.9), by the fastest means this machine has.
    pub fn new(key: &[u8; 48]) -> Self {
        Self::with_backend(key, Backend::best())
    }

    /// From the permanent key K (01, 2.9). All backends give the same bytes.
    pub fn with_backend(key: &[u8; 48], backend: Backend) -> Self {
        let (mut k0, mut k1) = (aes_key(key, LABEL_K0), aes_key(key, LABEL_K1));
        let siv = GmacSiv::new(backend, &k0, &k1);
        k0.zeroize();
        k1.zeroize();
        let [salsa_key @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *key;
        Self { salsa_key, siv, backend }
    }

    /// Armour a whole plain packet, whose ID is fresh random bytes: suite 0, 1 or 3. Sets the suite and
    /// no hops, and keeps the fragmented flag. Suite 3 replaces the packet ID (01, 3.3).
    pub fn seal(&self, packet: &mut [u8], suite: u8) -> Result<(), SealError> {
        let flags = packet.get_mut(FLAGS).ok_or(SealError::TooShort)?;
        *flags = with_suite(*flags & FLAG_FRAGMENTED, suite);
        let length = packet.len();
        let (header, body) = split(packet).ok_or(SealError::TooShort)?;
        match suite {
            SUITE_POLY1305 => self.seal_clear(header, body, length),
            SUITE_SALSA_POLY1305 => self.seal_salsa(header, body, length),
            SUITE_AES_GMAC_SIV => self.seal_siv(header, body),
            _ => return Err(SealError::Suite),
        }
        Ok(())
    }

    /// Authenticate a whole packet and decrypt its body. On failure the body is worthless and must be
    /// dropped. The payload is not decompressed, and the flags stay as received.
    pub fn open(&self, packet: &mut [u8]) -> Result<(), OpenError> {
        let length = packet.len();
        let (header, body) = split(packet).ok_or(OpenError::TooShort)?;
        let authentic = match (header[FLAGS] & SUITE_MASK) >> 3 {
            SUITE_POLY1305 => self.open_clear(header, body, length),
            SUITE_SALSA_POLY1305 => self.open_salsa(header, body, length),
            SUITE_AES_GMAC_SIV => self.open_siv(header, body),
            _ => return Err(OpenError::Suite),
        };
        if authentic { Ok(()) } else { Err(OpenError::Mac) }
    }

    /// Encrypt or decrypt the tail of the HELLO with this packet ID (01, 3.8).
    pub fn mask_hello_tail(&self, packet_id: u64, tail: &mut [u8]) {
        let nonce = (packet_id & !0x07).to_be_bytes();
        Salsa::<12>::new(&self.salsa_key, nonce).apply(self.backend, 0, tail);
    }

    fn seal_clear(&self, header: &mut Header, body: &[u8], length: usize) {
        let start = self.start(&self.mangled(header, length), 0);
        header[MAC..].copy_from_slice(&self.poly1305(&start, body));
    }

    fn open_clear(&self, header: &Header, body: &[u8], length: usize) -> bool {
        let start = self.start(&self.mangled(header, length), 0);
        self.poly1305(&start, body).ct_eq(&header[MAC..]).into()
    }

    fn seal_salsa(&self, header: &mut Header, body: &mut [u8], length: usize) {
        let stream = self.mangled(header, length);
        let start = self.start(&stream, body.len());
        self.apply_salsa(&stream, &start, body);
        header[MAC..].copy_from_slice(&self.poly1305(&start, body));
    }

    fn open_salsa(&self, header: &Header, body: &mut [u8], length: usize) -> bool {
        let stream = self.mangled(header, length);
        let start = self.start(&stream, body.len());
        let authentic = self.poly1305(&start, body).ct_eq(&header[MAC..]).into();
        if authentic {
            self.apply_salsa(&stream, &start, body);
        }
        authentic
    }

    /// The keystream under the per-packet key M: K XOR the header XOR the packet's length (01, 3.5).
    fn mangled(&self, header: &Header, length: usize) -> Salsa<12> {
        let mut key = self.salsa_key;
        salsa::xor(&mut key, &header[..FLAGS]);
        key[18] ^= header[FLAGS] & !HOPS_MASK;
        // Low byte of the length first, unlike every other integer.
        key[19] ^= length as u8;
        key[20] ^= (length >> 8) as u8;
        let nonce = packet_id(header);
        let stream = Salsa::new(&key, nonce);
        key.zeroize();
        stream
    }

    /// The first block of the keystream and those for a body of this length, as far as they fit.
    fn start(&self, stream: &Salsa<12>, body: usize) -> Start {
        let mut start = [0; START];
        let needed = START.min(salsa::BLOCK + body);
        stream.apply(self.backend, 0, &mut start[..needed]);
        start
    }

    /// XOR the keystream from block 1 on over the body.
    fn apply_salsa(&self, stream: &Salsa<12>, start: &Start, body: &mut [u8]) {
        let known = &start[salsa::BLOCK..];
        salsa::xor(body, known);
        if let Some(rest) = body.get_mut(known.len()..) {
            stream.apply(self.backend, (START / salsa::BLOCK) as u64, rest);
        }
    }

    /// The first 8 bytes of the tag, under the first 32 bytes of the keystream.
    fn poly1305(&self, start: &Start, body: &[u8]) -> [u8; 8] {
        let mut key = [0; 32];
        key.copy_from_slice(&start[..32]);
        let [first @ .., _, _, _, _, _, _, _, _] = poly1305(self.backend, &key, body);
        first
    }

    fn seal_siv(&self, header: &mut Header, body: &mut [u8]) {
        let tag = self.siv.seal(packet_id(header), &associated(header), body);
        let (id, mac) = tag.split_at(8);
        header[..8].copy_from_slice(id);
        header[MAC..].copy_from_slice(mac);
    }

    fn open_siv(&self, header: &Header, body: &mut [u8]) -> bool {
        let mut tag = [0; 16];
        tag[..8].copy_from_slice(&header[..8]);
        tag[8..].copy_from_slice(&header[MAC..]);
        self.siv.open(&tag, &associated(header), body)
    }
}

impl Drop for SessionKeys {
    fn drop(&mut self) {
        self.salsa_key.zeroize();
    }
}

impl ZeroizeOnDrop for SessionKeys {}

/// Everything before the body: up to the verb byte.
type Header = [u8; VERB];

/// The first keystream blocks, as many as the widest vectors compute at once.
type Start = [u8; START];
const START: usize = 16 * salsa::BLOCK;

/// Header and body of a packet that is at least a header long.
fn split(packet: &mut [u8]) -> Option<(&mut Header, &mut [u8])> {
    if packet.len() < HEADER_LENGTH {
        return None;
    }
    packet.split_first_chunk_mut()
}

fn packet_id(header: &Header) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *header;
    [a, b, c, d, e, f, g, h]
}

/// A: both addresses and the flags without hops, padded to a block (01, 3.6, step 2).
fn associated(header: &Header) -> [u8; 16] {
    let mut a = [0; 16];
    a[..10].copy_from_slice(&header[8..FLAGS]);
    a[10] = header[FLAGS] & !HOPS_MASK;
    a
}

fn aes_key(key: &[u8; 48], label: u8) -> [u8; 32] {
    let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = kbkdf(key, label, 0, 0);
    first
}
