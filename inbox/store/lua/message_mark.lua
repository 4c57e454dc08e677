-- One change to named messages of a feed, at most 20; a position for each. Unknown ids are passed over.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 stamps
-- ARGV: 1 flags to clear, 2 flags to set, 3 dates (see _dates), 4 snoozed until (ms, '' leaves it),
--       5 and 6 mask and value: flags and dates change only where flags AND mask is value,
--       7 action: status and type in two letters ('' leaves it), 8 the action's payload ('' leaves it),
--       then n and check of each message
-- Returns {1, position, {n changed}, stamps} | {0} (no such feed)
--#state
--#dates
local packed = redis.call('HGET', KEYS[1], 'p')
if not packed then return {0} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
--#now
--#tally
--#finish
local clear, set, dates = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local mask, value = tonumber(ARGV[5]), tonumber(ARGV[6])
local stamps = redis.call('LRANGE', KEYS[5], 0, -1)

local function at(number, byte) return string.format('%d', 4 * (number - b - 1) + byte) end

-- the messages that exist, each once, and their flags by n
local found, was = {}, {}
for i = 9, #ARGV, 2 do
  local number, check = ARGV[i], ARGV[i + 1]
  local cell = tonumber(number) > b and redis.call('GETRANGE', KEYS[2], at(number, 0), at(number, 3)) or ''
  if string.sub(cell, 2) == check and bit.band(string.byte(cell), 1) == 1 and not was[number] then
    found[#found + 1] = number
    was[number] = string.byte(cell)
  end
end
if #found == 0 then return {1, string.format('%d-%d', m, c), found, #stamps} end

local function change(number, row)
  local flags = bit.bor(bit.band(was[number], bit.bnot(clear)), set)
  if flags ~= was[number] then
    tally(was[number], -1)
    tally(flags, 1)
    redis.call('SETRANGE', KEYS[2], at(number, 0), string.char(flags))
  end
  apply(row, dates, ms)
  if ARGV[4] ~= '' then row[6] = tonumber(ARGV[4]) end
end

local raw = redis.call('HMGET', KEYS[3], unpack(found))
local changed, sides = {}, {}
for i = 1, #found do
  changed[i] = tonumber(found[i])
  local row = load_row(changed[i], raw[i], stamps)
  row[1] = c + i
  if bit.band(was[found[i]], mask) == value then change(found[i], row) end
  if ARGV[7] ~= '' then row[8] = ARGV[7] .. (ARGV[8] ~= '' and ARGV[8] or string.sub(row[8], 3)) end
  sides[2 * i - 1] = found[i]
  sides[2 * i] = pack_row(row)
end
redis.call('HSET', KEYS[3], unpack(sides))
return {1, finish(KEYS[1], KEYS[4], 'm', found, '', ''), changed, #stamps}
