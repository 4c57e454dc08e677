#!lua flags=allow-oom
-- Replaces the cursor of a dispatch's share, unless the share has moved on.
-- KEYS: 1 share; ARGV: 1 its expected cursor, 2 its next cursor
-- Returns 1 | 0 (it has another cursor)
local share = KEYS[1]
local cursor, next_cursor = unpack(ARGV)
if redis.call('HGET', share, 'cursor') ~= cursor then return 0 end
redis.call('HSET', share, 'cursor', next_cursor)
return 1
