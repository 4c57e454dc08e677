-- One change to named messages of a feed, at most 20; a position for each. Passed over: ids that are unknown, and
-- messages that the change is not for, unless an action is recorded.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 stamps, 6 timers, 7 outbox (where events are wanted)
-- ARGV: 1 flags to clear, 2 flags to set, 3 dates (see _dates), 4 snoozed until (ms, '' leaves it),
--       5 and 6 mask and value: flags and dates change only where flags AND mask is value,
--       7 the feed's number,
--       8 action: status and type in two letters ('' leaves it), 9 the action's payload ('' leaves it),
--       then n and check of each message, as its id has them
-- Returns {1, position, {rows changed}, stamps} | {0} (no such feed) | {0, 'due'} (a snooze has ended: wake it first)
--#state
--#dates
local stored = redis.call('HMGET', KEYS[1], 'p', 'u')
if not stored[1] then return {0} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, stored[1])
--#now
if stored[2] and tonumber(stored[2]) <= ms then return {0, 'due'} end
--#find
local clear, set, dates = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local mask, value = tonumber(ARGV[5]), tonumber(ARGV[6])
local stamps = redis.call('LRANGE', KEYS[5], 0, -1)

-- the messages it is for, each once, and their flags by row
local changed, names, was, ids = {}, {}, {}, {}
for i = 10, #ARGV, 2 do
  local number, flags = find(KEYS[2], KEYS[3], tonumber(ARGV[i]), ARGV[i + 1])
  if number and not was[number] and (ARGV[8] ~= '' or bit.band(flags, mask) == value) then
    changed[#changed + 1], names[#names + 1] = number, string.format('%d', number)
    was[number] = flags
    if KEYS[7] then ids[#changed] = struct.pack('>I4I4', ARGV[7], ARGV[i]) .. ARGV[i + 1] end
  end
end
if #changed == 0 then return {1, string.format('%d-%d', m, c), changed, #stamps} end

local raw = redis.call('HMGET', KEYS[3], unpack(names))
local sides = {}
for i = 1, #changed do
  local before = was[changed[i]]
  local after = before
  local row = load_row(changed[i], raw[i], stamps)
  row[1] = c + i
  if bit.band(before, mask) == value then
    after = bit.bor(bit.band(before, bit.bnot(clear)), set)
    if after ~= before then
      local flags, sign = before, -1
--#tally
      flags, sign = after, 1
--#tally
      redis.call('SETRANGE', KEYS[2], string.format('%d', 4 * (changed[i] - b - 1)), string.char(after))
    end
    apply(row, dates, ms)
    if ARGV[4] ~= '' then row[6] = tonumber(ARGV[4]) end
  end
  if ARGV[8] ~= '' then row[8] = ARGV[8] .. (ARGV[9] ~= '' and ARGV[9] or string.sub(row[8], 3)) end
  if KEYS[7] then ids[i] = ids[i] .. string.char(before, after) end
  sides[2 * i - 1] = names[i]
  sides[2 * i] = pack_row(row)
end
redis.call('HSET', KEYS[3], unpack(sides))
if ARGV[4] ~= '' and (not stored[2] or tonumber(ARGV[4]) < tonumber(stored[2])) then
  redis.call('HSET', KEYS[1], 'u', ARGV[4])
  redis.call('ZADD', KEYS[6], ARGV[4], 'w' .. ARGV[7])
end
local feed, log, kind, refs, check, content = KEYS[1], KEYS[4], 'm', names, '', ''
--#log
--#publish
if KEYS[7] then
  local outbox, entry = KEYS[7], {'m', table.concat(ids), 'u', ARGV[4], 'a', ARGV[8] .. ARGV[9]}
--#outbox
end
return {1, position, changed, #stamps}
