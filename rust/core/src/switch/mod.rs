//! The passive engine that carries packets and frames by the tables that the engines above installed.
//!
//! Datagrams and frames go in, each with the time; datagrams, frames and *punts* come out. Whatever no
//! table covers is punted. The switch decides nothing, and has no clock, socket or entropy of its own.
//!
//! | module | owns |
//! |---|---|
//! | [`receiving::ingress`] | datagrams: triage, reassembly, opening, dispatch (02, 4) |
//! | [`receiving::hello`], [`reach::ration`] | which HELLOs are worth a look, and how much anybody may ask of the engines |
//! | [`receiving::relay`], [`reach::introductions`] | datagrams for others (02, 4.3) |
//! | [`receiving::delivery`] | frames of peers on their way to the TAP (03, 7.2, 8.6) |
//! | [`sending::egress`] | frames of the TAP on their way to peers (03, 7.3) |
//! | [`sending::superframes`] | several frames of the TAP in one |
//! | [`out::mss`] | TCP segments that fit one datagram |
//! | [`sending::multicast`] | frames of the TAP to groups (03, 8.5) |
//! | [`out::vl1`], [`reach::peers`], [`reach::paths`] | sessions, routes, paths, and sealing |
//! | [`parts`] | the switch itself, and what the host writes to its tables |
//! | [`networks::network`], [`ground::credentials`], [`ground::group`] | networks, members, groups |
//! | [`networks::call`] | what every frame of a network needs on its way |
//! | [`twins`], [`networks::common`] | a switch for each thread, and what they share |
//! | [`ground::budget`] | how many multicast frames are carried (06, 6.2) |
//! | [`networks::filter`], [`networks::refused`], [`networks::copies`] | what the rules decide, what they refused, and whom they let watch (03, 6.7) |

pub(crate) mod ground;
mod networks;
pub(crate) mod out;
mod parts;
mod reach;
mod receiving;
mod sending;
mod twins;

pub use ground::budget::Allowance;
pub use ground::credentials::NodeCredentials;
pub use networks::network::NetworkConfig;
pub use networks::refused::Refused;
pub use out::output::Output;
pub use out::punt::{Arrival, FrameReason, Punt};
pub use parts::{Activity, Switch, TrustedNetwork};
pub use reach::paths::{Path, PathActivity};
pub use reach::peers::{PeerActivity, Route, SlotActivity};
pub use receiving::delivery::Opened;
pub use twins::Twins;
