"""Commands about the networks that this node controls; above `node`, beside `machine`."""
