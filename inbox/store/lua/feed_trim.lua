#!lua flags=allow-oom
-- Cuts off the oldest rows of a feed, at most 64 a call: up to one that is beyond its length, or that is too old. The base
-- moves up, the counts follow, and the log names the new base. A snoozed message is never too old: what is above it stays.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 stream, 6 outbox (if events are requested)
-- ARGV: 1 the newest row that is beyond the length ('' none), 2 the newest row that is too old ('' none), 3 the feed's number
-- What is published and kept with the log names the messages that went.
-- Returns {rows cut, the base} | {-1} (no such feed)
local feed, rows_key, sides, log, stream, outbox = unpack(KEYS)
local beyond_length, too_old, feed_number = unpack(ARGV)
--#kinds
--#state
--#dates
--#references
local packed = redis.call('HGET', feed, 'p')
if not packed then return {-1} end
local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
--#now
local MAX_CUT = 64
local top = math.min(last_row, base_row + MAX_CUT)
local cells = redis.call('GETRANGE', rows_key, 0, 4 * (top - base_row) - 1)
local function flags_of(number) return string.byte(cells, 4 * (number - base_row) - 3) or 0 end
local function may_go(number)
  return number <= top and bit.band(flags_of(number), 17) ~= 17
end

local new_base = base_row
if beyond_length ~= '' then new_base = math.min(top, math.max(base_row, tonumber(beyond_length))) end
while too_old ~= '' and new_base < tonumber(too_old) and may_go(new_base + 1) do new_base = new_base + 1 end
if new_base == base_row then return {0, base_row} end

local numbers, fields, live = {}, {}, 0
for number = base_row + 1, new_base do
  fields[#fields + 1] = number
  local flags, sign = flags_of(number), -1
  if flags >= 128 then fields[#fields + 1] = 'e' .. number end
  if flags % 2 == 1 then
    live = live + 1
    numbers[live] = number
--#tally
  end
end
local named = {}
local raw = live > 0 and redis.call('HMGET', sides, unpack(numbers)) or {}
for i = 1, live do
  local origin = raw[i] and load_side(0, raw[i], {})[MOVED_FROM] or 0
  if origin ~= 0 then fields[#fields + 1] = 'o' .. origin end
  local at = 4 * (numbers[i] - base_row)
  named[i] = struct.pack('>I4', origin ~= 0 and origin or numbers[i]) .. string.sub(cells, at - 2, at)
end
redis.call('HDEL', sides, unpack(fields))
if live > 0 then redis.call('ZREM', references_of(feed), unpack(numbers)) end
redis.call('XTRIM', stream, 'MINID', string.format('%d-0', new_base + 1))
redis.call('SET', rows_key, redis.call('GETRANGE', rows_key, 4 * (new_base - base_row), -1))
local cut = new_base - base_row
base_row = new_base
local kind, refs = TRIMMED, {string.format('%d', new_base)}
local check, content = table.concat(named), ''
--#log
--#bodies
--#publish
if outbox and live > 0 then
  local number = struct.pack('>I4', feed_number)
  local entry = {'d', number .. table.concat(named, number)}
--#outbox
end
return {cut, new_base}
