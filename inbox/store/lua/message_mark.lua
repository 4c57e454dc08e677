-- One change to named messages of a feed, at most 20; a position for each. Passed over: ids that are unknown, and
-- messages that the change is not for, unless an action is recorded.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 stamps, 6 timers, 7 outbox (if events are requested)
-- ARGV: 1 flags to clear, 2 flags to set, 3 dates (see _dates), 4 snoozed until (ms, '' leaves it),
--       5 and 6 mask and value: flags and dates change only where flags AND mask is value,
--       7 the feed's number, 8 the oid of its subscriber,
--       9 action: status and type in two letters ('' leaves it), 10 the action's payload ('' leaves it),
--       then n and check of each message, as its id has them
-- Returns {1, position ('' nothing changed), stamps, {rows changed}, their flags (a byte each), {row and side record of each},
--       their checks} | {0} (no such feed of this subscriber) | {0, 'due'} (a snooze has ended: wake it first)
local feed, rows, sides_key, log, stamps_key, timers, outbox = unpack(KEYS)
local clear, set, dates, snoozed_until, mask, value, feed_number, owner, action, payload = unpack(ARGV, 1, 10)
--#kinds
--#state
--#dates
local stored = redis.call('HMGET', feed, 'p', 'u', 's')
if not stored[1] or stored[3] ~= owner then return {0} end
local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low = struct.unpack(STATE, stored[1])
--#now
if stored[2] and tonumber(stored[2]) <= ms then return {0, 'due'} end
--#find
clear, set, dates = tonumber(clear), tonumber(set), tonumber(dates)
mask, value = tonumber(mask), tonumber(value)
local stamps = redis.call('LRANGE', stamps_key, 0, -1)

-- the messages it is for, each once, and their flags by row
local changed, row_texts, old_flags, checks, outbox_changes = {}, {}, {}, {}, {}
for i = 11, #ARGV, 2 do
  local row, flags = find(rows, sides_key, tonumber(ARGV[i]), ARGV[i + 1])
  if row and not old_flags[row] and (action ~= '' or bit.band(flags, mask) == value) then
    changed[#changed + 1], row_texts[#row_texts + 1] = row, string.format('%d', row)
    old_flags[row], checks[#changed] = flags, ARGV[i + 1]
    if outbox then outbox_changes[#changed] = struct.pack('>I4I4', feed_number, ARGV[i]) .. ARGV[i + 1] end
  end
end
if #changed == 0 then return {1, '', #stamps, changed, '', {}, ''} end

local packed_sides = redis.call('HMGET', sides_key, unpack(row_texts))
local sides, new_flags = {}, {}
for i = 1, #changed do
  local before = old_flags[changed[i]]
  local after = before
  local side = load_side(changed[i], packed_sides[i], stamps)
  side[COUNTER] = change_count + i
  if bit.band(before, mask) == value then
    after = bit.bor(bit.band(before, bit.bnot(clear)), set)
    if after ~= before then
      local flags, sign = before, -1
--#tally
      flags, sign = after, 1
--#tally
      redis.call('SETRANGE', rows, string.format('%d', 4 * (changed[i] - base_row - 1)), string.char(after))
    end
    apply(side, dates, ms)
    if snoozed_until ~= '' then side[SNOOZED_UNTIL] = tonumber(snoozed_until) end
  end
  if action ~= '' then side[ACTION] = action .. (payload ~= '' and payload or string.sub(side[ACTION], 3)) end
  if outbox then outbox_changes[i] = outbox_changes[i] .. string.char(before, after) end
  new_flags[i] = string.char(after)
  sides[2 * i - 1] = row_texts[i]
  sides[2 * i] = pack_side(side)
end
redis.call('HSET', sides_key, unpack(sides))
if snoozed_until ~= '' and (not stored[2] or tonumber(snoozed_until) < tonumber(stored[2])) then
  redis.call('HSET', feed, 'u', snoozed_until)
  redis.call('ZADD', timers, snoozed_until, 'w' .. feed_number)
end
local kind, refs, check, content = MARKED, row_texts, '', ''
--#log
--#publish
if outbox then
  local entry = {'m', table.concat(outbox_changes), 'u', snoozed_until, 'a', action .. payload}
--#outbox
end
return {1, position, #stamps, changed, table.concat(new_flags), sides, table.concat(checks)}
