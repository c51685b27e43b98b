//! What the other rooms stand on: tables and their bounds, counters, layouts of frames.

pub(crate) mod budget;
pub(super) mod counters;
pub(super) mod credentials;
pub(super) mod due;
pub(super) mod frames;
pub(super) mod group;
pub(crate) mod tables;
