-- One change to named messages of a feed, at most 20; a position for each. Passed over: ids that are unknown, and
-- messages that the change is not for, unless an action is recorded.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 stamps
-- ARGV: 1 flags to clear, 2 flags to set, 3 dates (see _dates), 4 snoozed until (ms, '' leaves it),
--       5 and 6 mask and value: flags and dates change only where flags AND mask is value,
--       7 action: status and type in two letters ('' leaves it), 8 the action's payload ('' leaves it),
--       then n and check of each message, as its id has them
-- Returns {1, position, {rows changed}, stamps} | {0} (no such feed) | {0, 'due'} (a snooze has ended: wake it first)
--#state
--#dates
local stored = redis.call('HMGET', KEYS[1], 'p', 'u')
if not stored[1] then return {0} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, stored[1])
--#now
--#tally
--#finish
--#find
if stored[2] and tonumber(stored[2]) <= ms then return {0, 'due'} end
local clear, set, dates = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local mask, value = tonumber(ARGV[5]), tonumber(ARGV[6])
local stamps = redis.call('LRANGE', KEYS[5], 0, -1)
local changed = {}

local function mark(number, was)
  local row = load_row(number, redis.call('HGET', KEYS[3], number), stamps)
  row[1] = c + #changed + 1
  if bit.band(was, mask) == value then
    local flags = bit.bor(bit.band(was, bit.bnot(clear)), set)
    if flags ~= was then
      tally(was, -1)
      tally(flags, 1)
      redis.call('SETRANGE', KEYS[2], 4 * (number - b - 1), string.char(flags))
    end
    apply(row, dates, ms)
    if ARGV[4] ~= '' then row[6] = tonumber(ARGV[4]) end
  end
  if ARGV[7] ~= '' then row[8] = ARGV[7] .. (ARGV[8] ~= '' and ARGV[8] or string.sub(row[8], 3)) end
  redis.call('HSET', KEYS[3], number, pack_row(row))
  changed[#changed + 1] = number
end

for i = 9, #ARGV, 2 do
  local number, was = find(KEYS[2], KEYS[3], tonumber(ARGV[i]), ARGV[i + 1])
  if number and (ARGV[7] ~= '' or bit.band(was, mask) == value) then mark(number, was) end
end
if #changed == 0 then return {1, m .. '-' .. c, changed, #stamps} end
if ARGV[4] ~= '' and (not stored[2] or tonumber(ARGV[4]) < tonumber(stored[2])) then
  redis.call('HSET', KEYS[1], 'u', ARGV[4])
end
return {1, finish(KEYS[1], KEYS[4], 'm', changed, ''), changed, #stamps}
