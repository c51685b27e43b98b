//! Where peers are reached, and how much anybody may ask; above `ground`.

pub(super) mod introductions;
pub(super) mod paths;
pub(super) mod peers;
pub(super) mod ration;
