-- Changes a subscriber's preferences and their copies in all its feeds.
-- A preference is `1`, `0` or `-` (in_app on, off, not chosen), then JSON; feeds keep the 1 or 0 under the same field.
-- KEYS: 1 subscriber record, 2 preferences, then the state and the log of each feed
-- ARGV: 1 expected revision, 2 count of fields to set, then field and value of each,
--       then the fields to delete
-- Returns {1, the position of each feed} | {0} (changed meanwhile, or a feed was added: read again) | {-1} (no such subscriber)
--#kinds
--#state
local subscriber, preferences = unpack(KEYS, 1, 2)
local revision, set_count = unpack(ARGV, 1, 2)
if redis.call('EXISTS', subscriber) == 0 then return {-1} end
if (redis.call('HGET', preferences, 'r') or '0') ~= revision then return {0} end
local feeds, names = 0, redis.call('HKEYS', subscriber)
for i = 1, #names do
  if string.sub(names[i], 1, 1) == '#' then feeds = feeds + 1 end
end
if 2 * feeds ~= #KEYS - 2 then return {0} end
local on, off, last = {}, {}, 2 + 2 * set_count
local set = {'r', revision + 1}
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
redis.call('HSET', preferences, unpack(set))
for i = last + 1, #ARGV do off[#off + 1] = ARGV[i] end
if #ARGV > last then redis.call('HDEL', preferences, unpack(ARGV, last + 1)) end
local reply = {1}
for i = 3, #KEYS, 2 do
  local feed, log = KEYS[i], KEYS[i + 1]
  if #on > 0 then redis.call('HSET', feed, unpack(on)) end
  if #off > 0 then redis.call('HDEL', feed, unpack(off)) end
  local packed = redis.call('HGET', feed, 'p')
  local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
--#now
  local kind, refs, check, content = PREFERENCES, {string.format('%d', revision + 1)}, '', ''
--#log
--#publish
  reply[#reply + 1] = position
end
return reply
