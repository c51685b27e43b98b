//! Networks, their members and rules; above `out`, below `parts`, the switch itself.

pub(super) mod call;
pub(super) mod common;
pub(super) mod copies;
pub(super) mod filter;
pub(super) mod network;
pub(super) mod refused;
