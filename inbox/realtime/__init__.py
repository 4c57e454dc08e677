"""From Redis to the sockets of this process: listener → hub → connected feed → connection → transport.

`events.py` has the events and close codes, `connected_feed.py` decides when they are sent, `handshake.py` who may open
a socket. A flavour of socket is a file or folder (`plain.py`, `native/`, `socketio/`) with its codec and its
receiver, and a line in `upgrades.py`.
"""
