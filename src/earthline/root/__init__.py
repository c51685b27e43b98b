"""Making worlds: planets and moons, their signing keys, and a planet's Earth (01, 7; 06, 6.1)."""
