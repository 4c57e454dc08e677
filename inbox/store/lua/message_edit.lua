-- Replaces the content of one message; its row stays, with all but the severity. A message that has expired stays as it is.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 timers, 6 outbox (if events are requested)
-- ARGV: 1 n, 2 check, as its id has them, 3 the feed's number, 4 the row it was read in, 5 the time of the edit it was read
--       with (ms, 0 none), 6 the time it was to expire (ms, 0 never), 7 content, 8 severity (0-3), 9 when it expires (ms, 0 never)
-- Returns {1, position, 0, {row}} | {0, 'retry'} (it was moved or edited since it was read) | {0} (no such message)
local feed, rows, sides, log, timers, outbox = unpack(KEYS)
local id_row, check, feed_number, read_row, read_edit, old_expiry, edited, severity, expiry = unpack(ARGV)
--#kinds
--#state
local packed = redis.call('HGET', feed, 'p')
if not packed then return {0} end
local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
--#now
--#find
local row, before = find(rows, sides, tonumber(id_row), check)
if not row then return {0} end
local field = string.format('e%d', row)
local former = redis.call('HGET', sides, field)
local former_ms = former and struct.unpack('>I6', former) or 0
if row ~= tonumber(read_row) or former_ms ~= tonumber(read_edit) then return {0, 'retry'} end
if tonumber(old_expiry) > 0 and tonumber(old_expiry) <= ms then return {0} end
local flags, sign = before, -1
--#tally
flags, sign = bit.bor(bit.band(before, bit.bnot(96)), 32 * severity, 128), 1
--#tally
redis.call('SETRANGE', rows, string.format('%d', 4 * (row - base_row - 1)), string.char(flags))
redis.call('HSET', sides, field, struct.pack('>I6', math.max(ms, former_ms + 1)) .. edited)
local name = struct.pack('>I4I4', feed_number, id_row) .. check
if expiry ~= old_expiry then
  if expiry == '0' then redis.call('ZREM', timers, 'x' .. name) else redis.call('ZADD', timers, expiry, 'x' .. name) end
end
local kind, refs, check, content = MARKED, {string.format('%d', row)}, '', ''
--#log
--#publish
if outbox then
  local entry = {'e', name}
--#outbox
end
return {1, position, 0, {row}}
