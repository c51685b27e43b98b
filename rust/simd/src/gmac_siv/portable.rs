//! AES-GMAC-SIV by the portable crates, which still use a processor's AES for single blocks.

use aes::Aes256;
use aes::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipherCore,
};
use ctr::{CtrCore, flavors::Ctr32BE};
use ghash::{GHash, universal_hash::UniversalHash};

use super::{Block, first_counter, folded, halves, joined, length_block, pad_block};

pub(super) struct Keys {
    mac: Aes256,
    hash: GHash,
    block: Aes256,
}

impl Keys {
    pub(super) fn new(mac_key: &[u8; 32], block_key: &[u8; 32]) -> Self {
        let mac = Aes256::new(mac_key.into());
        let mut h = Array::default();
        mac.encrypt_block(&mut h);
        Self { mac, hash: GHash::new(&h), block: Aes256::new(block_key.into()) }
    }

    pub(super) fn seal(&self, iv: [u8; 8], associated: &Block, body: &mut [u8]) -> Block {
        let mut tag = joined(iv, self.message_tag(iv, associated, body));
        self.block.encrypt_block((&mut tag).into());
        self.apply_counters(&tag, body);
        tag
    }

    /// The message tag that was sealed, and that of what came.
    pub(super) fn open(
        &self,
        tag: &Block,
        associated: &Block,
        body: &mut [u8],
    ) -> ([u8; 8], [u8; 8]) {
        self.apply_counters(tag, body);
        let mut plain = *tag;
        self.block.decrypt_block((&mut plain).into());
        let (iv, claimed) = halves(plain);
        (claimed, self.message_tag(iv, associated, body))
    }

    fn message_tag(&self, iv: [u8; 8], associated: &Block, body: &[u8]) -> [u8; 8] {
        let mut hash = self.hash.clone();
        hash.update(&[(*associated).into()]);
        hash.update_padded(body);
        hash.update(&[length_block(body.len()).into()]);
        let mut pad = pad_block(iv);
        self.mac.encrypt_block((&mut pad).into());
        let hashed: Block = hash.finalize().into();
        folded((u128::from_ne_bytes(hashed) ^ u128::from_ne_bytes(pad)).to_ne_bytes())
    }

    fn apply_counters(&self, tag: &Block, body: &mut [u8]) {
        let start = first_counter(tag);
        let stream: CtrCore<&Aes256, Ctr32BE> = CtrCore::inner_iv_init(&self.block, &start.into());
        stream.apply_keystream_partial(body.into());
    }
}
