-- Ends snoozes whose time has come: each message goes to the top as a new row, unread, delivered once more. Its id stays.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 stamps, 6 stream, 7 timers, 8 times (the bucket's index)
-- ARGV: 1 counter of the position that the caller computed from, 2 the end of the next snooze beyond those named (ms, 0
--       for none), 3 the feed's number, then at most 20 rows that may be due, earliest end first
-- Returns {1, '', number of woken messages} | {0, 'retry'} (the feed has moved on) | {0} (no such feed)
local feed, rows_key, sides, log, stamps_key, stream, timers, times = unpack(KEYS)
local read_counter, next_wake, feed_number = unpack(ARGV, 1, 3)
--#kinds
--#state
--#dates
--#references
local packed = redis.call('HGET', feed, 'p')
if not packed then return {0} end
local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
if change_count ~= tonumber(read_counter) then return {0, 'retry'} end
--#now
local MAX_DELIVERIES = 50
local stamps = redis.call('LRANGE', stamps_key, 0, -1)
local upcoming = tonumber(next_wake)
local moved = {}
local references = references_of(feed)

local function tally(flags, sign)
--#tally
end
local function deliveries(entry)
  local times_before = (entry[6] and entry[6] .. ',' or '') .. entry[2]
  local _, commas = string.gsub(times_before, ',', ',')
  return commas < MAX_DELIVERIES - 1 and times_before or string.match(times_before, ',(.*)')
end

local function move(from, cell, side)
  local entry = redis.call('XRANGE', stream, from .. '-0', from .. '-0')[1][2]
  local was = string.byte(cell)
  if was >= 128 then entry[3], entry[4] = 'd', string.sub(redis.call('HGET', sides, 'e' .. from), 7) end
  local flags = bit.bor(bit.band(was, bit.bnot(16 + 128)), 4) -- the new entry has the edited content
  local origin = side[MOVED_FROM] ~= 0 and side[MOVED_FROM] or from
  last_row = last_row + 1
  tally(was, -1)
  tally(flags, 1)
  redis.call('SETRANGE', rows_key, 4 * (from - base_row - 1), '\0')
  redis.call('SETRANGE', rows_key, 4 * (last_row - base_row - 1), string.char(flags) .. string.sub(cell, 2))
  redis.call('XADD', stream, last_row .. '-0', 'c', ms, entry[3], entry[4], 'v', deliveries(entry))
  redis.call('XDEL', stream, from .. '-0')
  redis.call('XADD', times, '*', 'w', struct.pack('>I4I4', feed_number, last_row)) -- so that it is found when it is too old
  moved[#moved + 1] = last_row
  side[COUNTER], side[LAST_READ], side[SNOOZED_UNTIL], side[MOVED_FROM] = change_count + #moved, 0, 0, origin
  redis.call('HDEL', sides, from, 'e' .. from)
  local reference = redis.call('ZSCORE', references, from)
  if reference then
    redis.call('ZREM', references, from)
    redis.call('ZADD', references, reference, last_row)
  end
  redis.call('HSET', sides, last_row, pack_side(side), 'o' .. origin, last_row)
end

for i = 4, #ARGV do
  local from = tonumber(ARGV[i])
  local offset = 4 * (from - base_row - 1)
  local side = load_side(from, redis.call('HGET', sides, from), stamps)
  if side[SNOOZED_UNTIL] <= ms then
    move(from, redis.call('GETRANGE', rows_key, offset, offset + 3), side)
  elseif upcoming == 0 or side[SNOOZED_UNTIL] < upcoming then
    upcoming = side[SNOOZED_UNTIL]
  end
end
if upcoming == 0 then
  redis.call('HDEL', feed, 'u')
  redis.call('ZREM', timers, 'w' .. feed_number)
else
  redis.call('HSET', feed, 'u', upcoming)
  redis.call('ZADD', timers, string.format('%d', upcoming), 'w' .. feed_number)
end
if #moved > 0 then
  local kind, refs, check, content = MOVED, moved, '', ''
--#log
--#publish
end
return {1, '', #moved}
