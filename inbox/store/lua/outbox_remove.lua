-- Takes the oldest entries out of an outbox; with them goes what was noted of the first one.
-- KEYS: 1 outbox, 2 its progress; ARGV: 1 the first id that stays
-- Returns how many entries went
local gone = redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
redis.call('HDEL', KEYS[2], 'entry', 'told', 'failures', 'next')
redis.call('HINCRBY', KEYS[2], 'removed', gone)
return gone
