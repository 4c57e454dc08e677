-- Ends a subscriber for every caller, tells its open sockets, and notes what is still to be erased of it. Without their
-- states its feeds take nothing more; what they hold stays until it was read for the keys that lie elsewhere.
-- KEYS: 1 the bucket's subscribers, 2 record, 3 preferences, 4 whom erasures are not done with, then the state of each feed
-- ARGV: 1 subscriberId, 2 oid, 3 the note
-- Returns {1, how many fields the preferences had} | {0} (unknown) | {-1} (a feed was added meanwhile: read again)
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return {0} end
local feeds = 0
local fields = redis.call('HKEYS', KEYS[2])
for i = 1, #fields do
  if string.sub(fields[i], 1, 1) == '#' then feeds = feeds + 1 end
end
if feeds ~= #KEYS - 4 then return {-1} end
redis.call('HSET', KEYS[4], ARGV[2], ARGV[3])
redis.call('HDEL', KEYS[1], ARGV[1])
local chosen = redis.call('HLEN', KEYS[3])
redis.call('UNLINK', KEYS[2], KEYS[3])
for i = 5, #KEYS do
  redis.call('UNLINK', KEYS[i])
  redis.call('SPUBLISH', KEYS[i], 'gone')
end
return {1, chosen}
