//! Datagrams on their way to the TAP, or on to others; above `sending`.

pub(super) mod delivery;
pub(super) mod hello;
pub(super) mod ingress;
pub(super) mod relay;
