//! Multicast groups, and to whom their frames go.

/// A multicast group: its MAC and its ADI.
pub(in crate::switch) type GroupId = (u64, u32);

/// To whom frames of a multicast group go.
pub(in crate::switch) struct Group {
    pub(in crate::switch) recipients: Vec<u64>,
    /// Not 0: asked for in every frame.
    pub(in crate::switch) gather_limit: u32,
    /// From then on frames are punted.
    pub(in crate::switch) refresh_at: u64,
    /// The only recipient is a replicator, which sends them on.
    pub(in crate::switch) hand_off: bool,
}
