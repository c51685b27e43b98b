//! Frames of the TAP on their way to peers; above `parts`.

pub(super) mod egress;
pub(super) mod multicast;
pub(super) mod superframes;
