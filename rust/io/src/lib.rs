//! Batched UDP and TAP input and output on Linux.
