#!lua flags=allow-oom
-- Removes entries from an outbox, wherever they are in it; they do not count as dropped.
-- KEYS: 1 outbox, 2 its progress; ARGV: the ids of the entries
-- Returns the number of removed entries
local outbox, progress = unpack(KEYS)
local gone = redis.call('XDEL', outbox, unpack(ARGV))
redis.call('HINCRBY', progress, 'removed', gone)
return gone
