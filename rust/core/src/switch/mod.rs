//! The passive engine that carries packets and frames by the tables that the engines above installed.
//!
//! Datagrams and frames go in, each with the time; datagrams, frames and *punts* come out. Whatever no
//! table covers is punted. The switch decides nothing, and has no clock, socket or entropy of its own.
//!
//! | module | owns |
//! |---|---|
//! | [`ingress`] | datagrams: triage, reassembly, opening, dispatch (02, 4) |
//! | [`hello`], [`ration`] | which HELLOs are worth a look, and how much anybody may ask of the engines |
//! | [`relay`], [`introductions`] | datagrams for others (02, 4.3) |
//! | [`delivery`] | frames of peers on their way to the TAP (03, 7.2, 8.6) |
//! | [`egress`] | frames of the TAP on their way to peers (03, 7.3) |
//! | [`superframes`] | several frames of the TAP in one |
//! | [`mss`] | TCP segments that fit one datagram |
//! | [`multicast`] | frames of the TAP to groups (03, 8.5) |
//! | [`vl1`], [`peers`], [`paths`] | sessions, routes, paths, and sealing |
//! | [`parts`] | the switch itself, and what the host writes to its tables |
//! | [`network`], [`credentials`], [`group`] | networks, members, groups |
//! | [`call`] | what every frame of a network needs on its way |
//! | [`twins`], [`common`] | a switch for each thread, and what they share |
//! | [`budget`] | how many multicast frames are carried (06, 6.2) |
//! | [`filter`], [`refused`], [`copies`] | what the rules decide, what they refused, and whom they let watch (03, 6.7) |

pub(crate) mod budget;
mod call;
mod common;
mod copies;
mod counters;
mod credentials;
mod delivery;
mod due;
mod egress;
mod filter;
mod frames;
mod group;
mod hello;
mod ingress;
mod introductions;
mod mss;
mod multicast;
mod network;
mod output;
mod parts;
mod paths;
mod peers;
pub(crate) mod punt;
mod ration;
mod refused;
mod relay;
mod superframes;
pub(crate) mod tables;
mod twins;
mod vl1;

pub use budget::Allowance;
pub use credentials::NodeCredentials;
pub use delivery::Opened;
pub use network::NetworkConfig;
pub use output::Output;
pub use parts::{Activity, Switch, TrustedNetwork};
pub use paths::{Path, PathActivity};
pub use peers::{PeerActivity, Route, SlotActivity};
pub use punt::{Arrival, FrameReason, Punt};
pub use refused::Refused;
pub use twins::Twins;
