"""What links and meshes decide: no thread, socket, clock, random number or log."""
