-- Ends snoozes whose time has come: each message goes to the top as a new row, unread, delivered once more. Its id stays.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 stamps, 6 stream, 7 timers, 8 times (the bucket's index)
-- ARGV: 1 counter of the position that the caller computed from, 2 the end of the next snooze beyond those named (ms, 0
--       for none), 3 the feed's number, then the rows that may be due, at most 20, earliest end first
-- Returns {1, how many} | {0, 'retry'} (the feed has moved on) | {0} (no such feed)
--#state
--#dates
local packed = redis.call('HGET', KEYS[1], 'p')
if not packed then return {0} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
if c ~= tonumber(ARGV[1]) then return {0, 'retry'} end
--#now
local MOST_DELIVERIES = 50
local stamps = redis.call('LRANGE', KEYS[5], 0, -1)
local upcoming = tonumber(ARGV[2])
local moved = {}

local function tally(flags, sign)
--#tally
end
local function deliveries(entry)
  local known = (entry[6] and entry[6] .. ',' or '') .. entry[2]
  local _, commas = string.gsub(known, ',', ',')
  return commas < MOST_DELIVERIES - 1 and known or string.match(known, ',(.*)')
end

local function move(from, cell, row)
  local entry = redis.call('XRANGE', KEYS[6], from .. '-0', from .. '-0')[1][2]
  local was = string.byte(cell)
  local flags = bit.bor(bit.band(was, bit.bnot(16)), 4)
  local origin = row[7] ~= 0 and row[7] or from
  n = n + 1
  tally(was, -1)
  tally(flags, 1)
  redis.call('SETRANGE', KEYS[2], 4 * (from - b - 1), '\0')
  redis.call('SETRANGE', KEYS[2], 4 * (n - b - 1), string.char(flags) .. string.sub(cell, 2))
  redis.call('XADD', KEYS[6], n .. '-0', 'c', ms, entry[3], entry[4], 'v', deliveries(entry))
  redis.call('XDEL', KEYS[6], from .. '-0')
  redis.call('XADD', KEYS[8], '*', 'w', struct.pack('>I4I4', ARGV[3], n)) -- so that it is found when it is too old
  moved[#moved + 1] = n
  row[1], row[4], row[6], row[7] = c + #moved, 0, 0, origin
  redis.call('HDEL', KEYS[3], from)
  redis.call('HSET', KEYS[3], n, pack_row(row), 'o' .. origin, n)
end

for i = 4, #ARGV do
  local from = tonumber(ARGV[i])
  local offset = 4 * (from - b - 1)
  local row = load_row(from, redis.call('HGET', KEYS[3], from), stamps)
  if row[6] <= ms then
    move(from, redis.call('GETRANGE', KEYS[2], offset, offset + 3), row)
  elseif upcoming == 0 or row[6] < upcoming then
    upcoming = row[6]
  end
end
if upcoming == 0 then
  redis.call('HDEL', KEYS[1], 'u')
  redis.call('ZREM', KEYS[7], 'w' .. ARGV[3])
else
  redis.call('HSET', KEYS[1], 'u', upcoming)
  redis.call('ZADD', KEYS[7], string.format('%d', upcoming), 'w' .. ARGV[3])
end
if #moved > 0 then
  local feed, log, kind, refs, check, content = KEYS[1], KEYS[4], 'v', moved, '', ''
--#log
--#publish
end
return {1, #moved}
