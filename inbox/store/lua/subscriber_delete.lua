-- Deletes a subscriber with everything it holds and tells its open sockets.
-- KEYS: 1 the bucket's subscribers, 2 record, 3 preferences, then the keys of each feed, its state first
-- ARGV: 1 subscriberId, 2 oid, 3 how many feeds the caller found, 4 how many keys each has
-- Returns 1 | 0 (unknown) | -1 (a feed was added meanwhile: read again)
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
local feeds = 0
local fields = redis.call('HKEYS', KEYS[2])
for i = 1, #fields do
  if string.sub(fields[i], 1, 1) == '#' then feeds = feeds + 1 end
end
if feeds ~= tonumber(ARGV[3]) then return -1 end
redis.call('HDEL', KEYS[1], ARGV[1])
for i = 2, #KEYS, 1000 do redis.call('UNLINK', unpack(KEYS, i, math.min(i + 999, #KEYS))) end
for i = 4, #KEYS, tonumber(ARGV[4]) do redis.call('SPUBLISH', KEYS[i], 'gone') end
return 1
