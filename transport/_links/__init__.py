"""The links of a node: sockets and their thread, what runs the mesh, what is wrong."""
