"""Who is told of what happens, and how it waits for them."""
