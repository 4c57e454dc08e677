-- Changes a subscriber's preferences and what all its feeds know of them.
-- A preference is `1`, `0` or `-` (in_app on, off, not chosen), then JSON; feeds keep the 1 or 0 under the same field.
-- KEYS: 1 subscriber record, 2 preferences, then the state of each feed
-- ARGV: 1 revision as the caller knows it, 2 count of fields to set, then field and value of each,
--       then the fields to delete
-- Returns 1 written | 0 changed meanwhile, or a feed was added: read again | -1 (no such subscriber)
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
if (redis.call('HGET', KEYS[2], 'r') or '0') ~= ARGV[1] then return 0 end
local feeds, names = 0, redis.call('HKEYS', KEYS[1])
for i = 1, #names do
  if string.sub(names[i], 1, 1) == '#' then feeds = feeds + 1 end
end
if feeds ~= #KEYS - 2 then return 0 end
local on, off, last = {}, {}, 2 + 2 * ARGV[2]
local set = {'r', ARGV[1] + 1}
for i = 3, last, 2 do
  set[#set + 1] = ARGV[i]
  set[#set + 1] = ARGV[i + 1]
  local chosen = string.sub(ARGV[i + 1], 1, 1)
  if chosen == '-' then
    off[#off + 1] = ARGV[i]
  else
    on[#on + 1] = ARGV[i]
    on[#on + 1] = chosen
  end
end
redis.call('HSET', KEYS[2], unpack(set))
for i = last + 1, #ARGV do off[#off + 1] = ARGV[i] end
if #ARGV > last then redis.call('HDEL', KEYS[2], unpack(ARGV, last + 1)) end
for i = 3, #KEYS do
  if #on > 0 then redis.call('HSET', KEYS[i], unpack(on)) end
  if #off > 0 then redis.call('HDEL', KEYS[i], unpack(off)) end
end
return 1
