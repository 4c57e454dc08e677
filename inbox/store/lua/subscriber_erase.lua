#!lua flags=allow-oom
-- Deletes a subscriber for every caller, notifies its open sockets, and stores a note of its erasure. Without their states
-- its feeds accept no messages; their contents stay until the keys of their transactions are read from them.
-- KEYS: 1 the bucket's subscribers, 2 record, 3 preferences, 4 unfinished erasures, then the state of each feed
-- ARGV: 1 subscriberId, 2 oid, 3 the note
-- Returns {1, number of fields of the preferences} | {0} (unknown) | {-1} (a feed was added meanwhile: read again)
local index, subscriber, preferences, erasing = unpack(KEYS, 1, 4)
local subscriber_id, oid, note = unpack(ARGV)
--#kinds
if redis.call('HGET', index, subscriber_id) ~= oid then return {0} end
local feeds = 0
local fields = redis.call('HKEYS', subscriber)
for i = 1, #fields do
  if string.sub(fields[i], 1, 1) == '#' then feeds = feeds + 1 end
end
if feeds ~= #KEYS - 4 then return {-1} end
redis.call('HSET', erasing, oid, note)
redis.call('HDEL', index, subscriber_id)
local chosen = redis.call('HLEN', preferences)
redis.call('UNLINK', subscriber, preferences)
for i = 5, #KEYS do
  redis.call('UNLINK', KEYS[i])
  redis.call('SPUBLISH', KEYS[i], GONE)
end
return {1, chosen}
