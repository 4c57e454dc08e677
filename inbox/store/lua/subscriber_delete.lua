#!lua flags=allow-oom
-- Deletes a subscriber with all its data and notifies its open sockets.
-- KEYS: 1 the bucket's subscribers, 2 record, 3 preferences, then the keys of each feed, its state first
-- ARGV: 1 subscriberId, 2 oid, 3 number of feeds, 4 number of keys of each
-- Returns 1 | 0 (unknown) | -1 (a feed was added meanwhile: read again)
local index, subscriber, preferences = unpack(KEYS, 1, 3)
local subscriber_id, oid, feed_count, keys_per_feed = unpack(ARGV)
--#kinds
if redis.call('HGET', index, subscriber_id) ~= oid then return 0 end
local feeds = 0
local fields = redis.call('HKEYS', subscriber)
for i = 1, #fields do
  if string.sub(fields[i], 1, 1) == '#' then feeds = feeds + 1 end
end
if feeds ~= tonumber(feed_count) then return -1 end
redis.call('HDEL', index, subscriber_id)
for i = 2, #KEYS, 1000 do redis.call('UNLINK', unpack(KEYS, i, math.min(i + 999, #KEYS))) end
for i = 4, #KEYS, tonumber(keys_per_feed) do redis.call('SPUBLISH', KEYS[i], GONE) end
return 1
