//! Cipher suites: seal and open a packet in place with the scheduled keys of two identities (01, 3.4-3.8).
//!
//! A [`SessionKeys`] is made once for a pair of nodes. Sealing and opening schedule no AES key, allocate
//! nothing and read nothing but the packet.

use aes::Aes256;
use aes::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipherCore,
};
use ctr::{CtrCore, flavors::Ctr32BE};
use ghash::{GHash, universal_hash::UniversalHash};
use poly1305::Poly1305;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::identity::kbkdf;
use crate::packet::{
    FLAG_FRAGMENTED, FLAGS, HEADER_LENGTH, HOPS_MASK, MAC, SUITE_AES_GMAC_SIV, SUITE_MASK,
    SUITE_POLY1305, SUITE_SALSA_POLY1305, VERB, with_suite,
};
use crate::salsa::{self, Salsa};

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
    gmac: Aes256,
    hash: GHash,
    block: Aes256,
}

impl SessionKeys {
    /// From the permanent key K (01, 2.9).
    pub fn new(key: &[u8; 48]) -> Self {
        let gmac = Aes256::new(&aes_key(key, LABEL_K0).into());
        let block = Aes256::new(&aes_key(key, LABEL_K1).into());
        let mut h = Array::default();
        gmac.encrypt_block(&mut h);
        let [salsa_key @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *key;
        Self { salsa_key, hash: GHash::new(&h), gmac, block }
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
        Salsa::<12>::new(&self.salsa_key, nonce).apply(0, tail);
    }

    fn seal_clear(&self, header: &mut Header, body: &[u8], length: usize) {
        let keystream = self.mangled(header, length).blocks(0);
        header[MAC..].copy_from_slice(&poly1305(&keystream[0], body));
    }

    fn open_clear(&self, header: &Header, body: &[u8], length: usize) -> bool {
        let keystream = self.mangled(header, length).blocks(0);
        poly1305(&keystream[0], body).ct_eq(&header[MAC..]).into()
    }

    fn seal_salsa(&self, header: &mut Header, body: &mut [u8], length: usize) {
        let stream = self.mangled(header, length);
        let first = stream.blocks(0);
        apply_salsa(&stream, &first, body);
        header[MAC..].copy_from_slice(&poly1305(&first[0], body));
    }

    fn open_salsa(&self, header: &Header, body: &mut [u8], length: usize) -> bool {
        let stream = self.mangled(header, length);
        let first = stream.blocks(0);
        let authentic = poly1305(&first[0], body).ct_eq(&header[MAC..]).into();
        if authentic {
            apply_salsa(&stream, &first, body);
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

    fn seal_siv(&self, header: &mut Header, body: &mut [u8]) {
        let iv = packet_id(header);
        let mut tag = join(iv, self.message_tag(iv, header, body));
        self.block.encrypt_block((&mut tag).into());
        self.apply_ctr(tag, body);
        let (id, mac) = tag.split_at(8);
        header[..8].copy_from_slice(id);
        header[MAC..].copy_from_slice(mac);
    }

    fn open_siv(&self, header: &Header, body: &mut [u8]) -> bool {
        let mut tag = [0; 16];
        tag[..8].copy_from_slice(&header[..8]);
        tag[8..].copy_from_slice(&header[MAC..]);
        self.apply_ctr(tag, body);
        self.block.decrypt_block((&mut tag).into());
        let [iv @ .., _, _, _, _, _, _, _, _] = tag;
        self.message_tag(iv, header, body).ct_eq(&tag[8..]).into()
    }

    /// m: the GMAC over A and the plain body, folded to 8 bytes (01, 3.6, steps 2 to 4).
    fn message_tag(&self, iv: [u8; 8], header: &Header, body: &[u8]) -> [u8; 8] {
        let mut hash = self.hash.clone();
        hash.update(&[associated(header).into()]);
        hash.update_padded(body);
        let bits = (16 + body.len() as u64) * 8;
        hash.update(&[join(bits.to_be_bytes(), [0; 8]).into()]);
        let mut pad: [u8; 16] = join(iv, [0, 0, 0, 0, 0, 0, 0, 1]);
        self.gmac.encrypt_block((&mut pad).into());
        let t = u128::from_be_bytes(hash.finalize().into()) ^ u128::from_be_bytes(pad);
        ((t >> 64) as u64 ^ t as u64).to_be_bytes()
    }

    /// XOR AES-256-CTR over the body from the tag on, without its bit 31 so that no carry leaves the
    /// 32-bit counter (01, 3.6, steps 6 and 7).
    fn apply_ctr(&self, mut start: [u8; 16], body: &mut [u8]) {
        start[12] &= 0x7f;
        let stream: CtrCore<&Aes256, Ctr32BE> = CtrCore::inner_iv_init(&self.block, &start.into());
        stream.apply_keystream_partial(body.into());
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

fn join([a, b, c, d, e, f, g, h]: [u8; 8], [i, j, k, l, m, n, o, p]: [u8; 8]) -> [u8; 16] {
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

fn aes_key(key: &[u8; 48], label: u8) -> [u8; 32] {
    let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = kbkdf(key, label, 0, 0);
    first
}

/// The first 8 bytes of the tag, under the first 32 bytes of the keystream.
fn poly1305(keystream: &[u8; salsa::BLOCK], body: &[u8]) -> [u8; 8] {
    let (key, _) = keystream.split_at(32);
    let mut one_time = [0; 32];
    one_time.copy_from_slice(key);
    let tag: [u8; 16] = Poly1305::new(&one_time.into()).compute_unpadded(body).into();
    let [first @ .., _, _, _, _, _, _, _, _] = tag;
    first
}

/// XOR the keystream from block 1 on over the body; `first` is blocks 0 to 3.
fn apply_salsa(stream: &Salsa<12>, first: &[[u8; salsa::BLOCK]; salsa::WIDTH], body: &mut [u8]) {
    let known = &first.as_flattened()[salsa::BLOCK..];
    salsa::xor(body, known);
    if let Some(rest) = body.get_mut(known.len()..) {
        stream.apply(salsa::WIDTH as u64, rest);
    }
}
