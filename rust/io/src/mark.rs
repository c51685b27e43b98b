//! The mark of our own datagrams, and TAP devices that refuse what bears it (02, 7.10).
//!
//! Whoever makes a tunnel of his own on a virtual network, such as a VXLAN, makes a way by which a datagram of
//! ours would come back to us as a frame, be sealed into another datagram, and so on without end. What an
//! interface is called, or which addresses it has, does not tell. But the kernel keeps the mark of a packet
//! through whatever it wraps it into, as long as that stays in the network namespace.

use std::io;
use std::os::fd::AsFd;

use libc::sock_filter;

use crate::sys;

/// Lengths that a filter returns: nothing of the frame, and all of it.
const REFUSE: u32 = 0;
const TAKE: u32 = u32::MAX;

/// What our sockets mark their packets with (`SO_MARK`); 0: nothing.
///
/// Its zero bytes are not looked at: they belong to whoever else sets them on the packet's way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(pub u32);

impl Mark {
    /// Mark what a socket sends. Who may not do that may not make TAP devices, either.
    pub(crate) fn set(self, socket: impl AsFd) {
        if self.0 != 0 {
            let value = self.0.cast_signed();
            let _ = sys::set_option(socket, libc::SOL_SOCKET, libc::SO_MARK, value);
        }
    }

    /// Have a TAP device, all its queues, read nothing that is marked.
    pub(crate) fn refuse(self, tap: impl AsFd) -> io::Result<()> {
        if self.0 == 0 { Ok(()) } else { sys::set_tap_filter(tap, &self.filter()) }
    }

    fn mask(self) -> u32 {
        let bytes = self.0.to_ne_bytes().map(|byte| if byte == 0 { 0 } else { 0xFF });
        u32::from_ne_bytes(bytes)
    }

    fn filter(self) -> [sock_filter; 5] {
        let mark_of_packet = (libc::SKF_AD_OFF + libc::SKF_AD_MARK).cast_unsigned();
        let step = |code: u32, k, jf| sock_filter { code: code as u16, jt: 0, jf, k };
        [
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, mark_of_packet, 0),
            step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, self.mask(), 0),
            step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, self.0, 1),
            step(libc::BPF_RET | libc::BPF_K, REFUSE, 0),
            step(libc::BPF_RET | libc::BPF_K, TAKE, 0),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_bytes_of_a_mark_are_left_to_others() {
        assert_eq!(Mark(0x4500_0000).mask(), 0xFF00_0000);
        assert_eq!(Mark(0x1).mask(), 0xFF);
        assert_eq!(Mark(0x0100_0080).mask(), 0xFF00_00FF);
    }
}
