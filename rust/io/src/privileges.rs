//! What a process that gives up being root keeps: three capabilities.

use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, configure_capability_in_ambient_set, set_capabilities,
    set_keep_capabilities,
};

/// For TAP devices, addresses, routes and sockets bound to a device: children such as `resolvectl` have
/// them too.
const NETWORK: [CapabilitySet; 2] = [CapabilitySet::NET_ADMIN, CapabilitySet::NET_RAW];

/// From now on a change of the user leaves the permitted capabilities of this thread as they are.
pub fn keep_capabilities() -> io::Result<()> {
    Ok(set_keep_capabilities(true)?)
}

/// Drop all capabilities of this thread but those for network devices and low ports. Threads that are
/// started later have no more than these.
pub fn narrow_capabilities() -> io::Result<()> {
    let network = NETWORK.into_iter().collect::<CapabilitySet>();
    let all = network | CapabilitySet::NET_BIND_SERVICE;
    let sets = CapabilitySets { effective: all, permitted: all, inheritable: network };
    set_capabilities(None, sets)?;
    for capability in NETWORK {
        configure_capability_in_ambient_set(capability, true)?;
    }
    Ok(set_keep_capabilities(false)?)
}
