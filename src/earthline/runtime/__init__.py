"""The service: all I/O around the sans-I/O core, on asyncio."""
