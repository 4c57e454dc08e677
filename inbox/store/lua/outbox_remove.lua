#!lua flags=allow-oom
-- Removes the oldest entries of an outbox and the progress of the first one.
-- KEYS: 1 outbox, 2 its progress; ARGV: 1 the first id that stays
-- Returns the number of removed entries
local outbox, progress = unpack(KEYS)
local first_kept = ARGV[1]
local gone = redis.call('XTRIM', outbox, 'MINID', first_kept)
redis.call('HDEL', progress, 'entry', 'told', 'failures', 'next')
redis.call('HINCRBY', progress, 'removed', gone)
return gone
