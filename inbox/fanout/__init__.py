"""From Redis to the sockets of this process: listener → hub → connection → transport."""
