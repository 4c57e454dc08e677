"""Connections to Redis: one to each server, shared by all requests and jobs of this process.

    url.py          reads INBOX_REDIS_URL: the kind of store, its servers, how to log in
    wire.py         one connection: commands of a loop tick in one write, replies in order, time-outs
    node.py         one server: connects again after a break; knows whether there is an outage
    topology.py     the interface of all kinds of stores; the single server
    sentinel.py     finds the primary that the sentinels name, and follows a failover
    cluster.py      finds the server of a slot, and follows slots that move
    slots.py        the slot of a key
    errors.py       the error codes of replies, and what each means for a request

`store/client.py` sends commands, `store/replication.py` waits for replicas, and `realtime/listener.py` subscribes.
"""
