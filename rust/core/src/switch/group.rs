//! Multicast groups, and to whom their frames go.

/// A multicast group: its MAC and its ADI.
pub(super) type GroupId = (u64, u32);

/// To whom frames of a multicast group go.
pub(super) struct Group {
    pub(super) recipients: Vec<u64>,
    /// Not 0: asked for in every frame.
    pub(super) gather_limit: u32,
    /// From then on frames are punted.
    pub(super) refresh_at: u64,
    /// The only recipient is a replicator, which sends them on.
    pub(super) hand_off: bool,
}
