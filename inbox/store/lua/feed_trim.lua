-- Cuts off the oldest rows of a feed, at most 64 a call: up to one that is beyond its length, or that is too old. The base
-- moves up, the counts follow, and the log names the new base. A snoozed message is never too old: what is above it stays.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 stream, 6 outbox (where events are wanted)
-- ARGV: 1 the newest row that is beyond the length ('' none), 2 the newest row that is too old ('' none), 3 the feed's number
-- What is published names the messages that went, or is '*' where they are too many to be named.
-- Returns {rows cut, the base} | {-1} (no such feed)
--#state
--#dates
local packed = redis.call('HGET', KEYS[1], 'p')
if not packed then return {-1} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
--#now
local MOST, MOST_NAMED = 64, 20
local top = math.min(n, b + MOST)
local cells = redis.call('GETRANGE', KEYS[2], 0, 4 * (top - b) - 1)
local function flags_of(number) return string.byte(cells, 4 * (number - b) - 3) or 0 end
local function may_go(number)
  return number <= top and bit.band(flags_of(number), 17) ~= 17
end

local base = b
if ARGV[1] ~= '' then base = math.min(top, math.max(b, tonumber(ARGV[1]))) end
while ARGV[2] ~= '' and base < tonumber(ARGV[2]) and may_go(base + 1) do base = base + 1 end
if base == b then return {0, b} end

local numbers, fields, live = {}, {}, 0
for number = b + 1, base do
  fields[#fields + 1] = number
  local flags, sign = flags_of(number), -1
  if flags % 2 == 1 then
    live = live + 1
    numbers[live] = number
--#tally
  end
end
local named = {}
local raw = live > 0 and redis.call('HMGET', KEYS[3], unpack(numbers)) or {}
for i = 1, live do
  local origin = raw[i] and load_row(0, raw[i], {})[7] or 0
  if origin ~= 0 then fields[#fields + 1] = 'o' .. origin end
  local at = 4 * (numbers[i] - b)
  named[i] = struct.pack('>I4', origin ~= 0 and origin or numbers[i]) .. string.sub(cells, at - 2, at)
end
redis.call('HDEL', KEYS[3], unpack(fields))
redis.call('XTRIM', KEYS[5], 'MINID', string.format('%d-0', base + 1))
redis.call('SET', KEYS[2], redis.call('GETRANGE', KEYS[2], 4 * (base - b), -1))
local cut = base - b
b = base
local feed, log, kind, refs = KEYS[1], KEYS[4], 't', {string.format('%d', base)}
local check, content = live <= MOST_NAMED and table.concat(named) or '*', ''
--#log
--#publish
if KEYS[6] and live > 0 then
  local number = struct.pack('>I4', ARGV[3])
  local outbox, entry = KEYS[6], {'d', number .. table.concat(named, number)}
--#outbox
end
return {cut, base}
