//! Super-frames: what a kernel hands over as one frame and the network carries as several, and back.
//!
//! | module | owns |
//! |---|---|
//! | [`vnet`] | the header in front of every frame that says what is still to be done to it |
//! | [`checksum`] | the Internet checksum |
//! | [`layout`] | where the headers of a frame begin and end |
//! | [`cut`] | completing checksums, and cutting super-frames into frames |
//! | [`mss`] | lowering the MSS of TCP connections |
//! | [`join`] | joining the frames of a flow into super-frames |

mod checksum;
mod cut;
mod join;
mod layout;
pub(crate) mod mss;
mod vnet;

pub use checksum::checksum;
pub use cut::{Malformed, SuperFrame, complete_checksum};
pub use join::{JoinLimits, Joiner, MAX_JOINED, Write};
pub use vnet::{VNET_LENGTH, VnetHeader};
