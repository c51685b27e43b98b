//! What is left to the kernel, as far as it can.

/// A switch for each kind of work. What the kernel refuses is done without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a switch each")]
pub struct Offload {
    /// TCP stretches are read from TAPs as one frame, and checksums are left to us.
    pub tso: bool,
    /// So are several UDP datagrams of one socket.
    pub uso: bool,
    /// Frames of a flow are joined before they are written to a TAP.
    pub join: bool,
    /// Datagrams of one size leave by one call.
    pub gso: bool,
    /// Datagrams of one sender come in by one call.
    pub gro: bool,
    /// A thread rests between the small batches of a bulk transfer.
    pub moderation: bool,
}

impl Offload {
    /// Everything.
    pub const ALL: Self =
        Self { tso: true, uso: true, join: true, gso: true, gro: true, moderation: true };
}
