-- Gives the number of a subscriber's feed; made once, with what the subscriber has chosen to receive.
-- KEYS: 1 subscriber record, 2 state of the proposed number, 3 the subscriber's preferences
-- ARGV: 1 field of the record that names the feed, 2 proposed number, 3 subscriber's oid, 4 maximum number of feeds; the one
--       without contexts always
-- Returns the number | -1 (no such subscriber) | -2 (it has so many)
local subscriber, proposed_feed, preferences = unpack(KEYS)
local field, proposed_number, oid, max_feeds = unpack(ARGV)
--#state
if redis.call('EXISTS', subscriber) == 0 then return -1 end
local number = redis.call('HGET', subscriber, field)
if number then return tonumber(number) end
if field ~= '#' and redis.call('HLEN', subscriber) >= tonumber(max_feeds) then
  local feeds, fields = 0, redis.call('HKEYS', subscriber)
  for i = 1, #fields do
    if string.sub(fields[i], 1, 1) == '#' then feeds = feeds + 1 end
  end
  if feeds >= tonumber(max_feeds) then return -2 end
end
redis.call('HSET', subscriber, field, proposed_number)
local state = {'p', struct.pack(STATE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 's', oid}
local kept = redis.call('HGETALL', preferences)
for i = 1, #kept, 2 do
  local chosen = string.sub(kept[i + 1], 1, 1)
  if kept[i] ~= 'r' and chosen ~= '-' then
    state[#state + 1] = kept[i]
    state[#state + 1] = chosen
  end
end
redis.call('HSET', proposed_feed, unpack(state))
return tonumber(proposed_number)
