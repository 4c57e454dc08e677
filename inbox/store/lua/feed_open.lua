-- Gives the number of a subscriber's feed; made once, with what the subscriber has chosen to receive.
-- KEYS: 1 subscriber record, 2 state of the proposed number, 3 the subscriber's preferences
-- ARGV: 1 field of the record that names the feed, 2 proposed number, 3 subscriber's oid, 4 how many feeds there may be; the one
--       without contexts always
-- Returns the number | -1 (no such subscriber) | -2 (it has so many)
--#state
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local number = redis.call('HGET', KEYS[1], ARGV[1])
if number then return tonumber(number) end
if ARGV[1] ~= '#' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then
  local feeds, fields = 0, redis.call('HKEYS', KEYS[1])
  for i = 1, #fields do
    if string.sub(fields[i], 1, 1) == '#' then feeds = feeds + 1 end
  end
  if feeds >= tonumber(ARGV[4]) then return -2 end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
local state = {'p', struct.pack(STATE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 's', ARGV[3]}
local kept = redis.call('HGETALL', KEYS[3])
for i = 1, #kept, 2 do
  local chosen = string.sub(kept[i + 1], 1, 1)
  if kept[i] ~= 'r' and chosen ~= '-' then
    state[#state + 1] = kept[i]
    state[#state + 1] = chosen
  end
end
redis.call('HSET', KEYS[2], unpack(state))
return tonumber(ARGV[2])
