//! What leaves the switch: punts, frames, sealed packets; above `reach`.

pub(super) mod mss;
pub(super) mod output;
pub(crate) mod punt;
pub(super) mod vl1;
