"""The service: all I/O around the sans-I/O core, on asyncio.

Rooms, from the ground up; none imports from one above it:

- `base`: time, files, logs, processes, and work that is repeated
- `home`: the home folder, and which services run on which
- `planet`: planets of our own and of others
- `settings`: what the user wants: ``local.conf``, and permissions of networks
- `host`: the host: its kernel, its routes, its users, its service manager
- `taps`: the devices of networks, with their addresses, routes and groups
- `bridge`: networks bridged to physical interfaces
- `sockets`: the UDP sockets: where they are bound, and who else has their port
- `portmap`: ports that gateways map to ours
- `tcp`: where UDP is blocked: TCP tunnels to relays, and being one
- `node`: the node in the service: its pump, its slow work, and what happens in it
- `probes`: what the doctor looks at
"""
