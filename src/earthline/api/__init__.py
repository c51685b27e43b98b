"""The local HTTP API: routes and their stock shapes, thin over `earthline.runtime`."""
