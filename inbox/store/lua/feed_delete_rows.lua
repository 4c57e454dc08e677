#!lua flags=allow-oom
-- Deletes rows in bulk. The caller computed the change from the feed at a position. Their contents cannot be read from
-- now on; feed_purge removes them in batches.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 purge, 6 outbox (if events are requested)
-- ARGV: 1 counter of that position, 2 all rows after the change, 3-8 the counts after it (unseen, unread, badge, high,
--       medium, low), 9 whether to name them (1, at most 20 rows) or to publish "read again" (0), 10 the messages'
--       names for the outbox, then the rows in batches of at most 64, four bytes each
-- Returns {1} | {0, 'retry'} (the feed has moved on) | {0} (no such feed)
local feed, rows_key, sides, log, purge, outbox = unpack(KEYS)
local read_counter, rows, new_unseen, new_unread, new_badge, new_high, new_medium, new_low = unpack(ARGV, 1, 8)
local is_named, names, first_lot = unpack(ARGV, 9, 11)
--#kinds
--#state
--#dates
local packed = redis.call('HGET', feed, 'p')
if not packed then return {0} end
local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
if change_count ~= tonumber(read_counter) then return {0, 'retry'} end
--#now
redis.call('SET', rows_key, rows)
unseen, unread, badge = tonumber(new_unseen), tonumber(new_unread), tonumber(new_badge)
high, medium, low = tonumber(new_high), tonumber(new_medium), tonumber(new_low)
redis.call('RPUSH', purge, unpack(ARGV, 11))
local kind, refs, check, content = BULK, {change_count + 1}, '', ''
if is_named == '1' then kind, refs = DELETED, {} end
for at = 1, kind == DELETED and #first_lot or 0, 4 do
  local number = struct.unpack('>I4', first_lot, at)
  local side = load_side(number, redis.call('HGET', sides, number), {})
  local offset = 4 * (number - base_row - 1)
  refs[#refs + 1] = side[MOVED_FROM] ~= 0 and side[MOVED_FROM] or number
  check = check .. string.sub(rows, offset + 2, offset + 4)
end
--#log
--#publish
if outbox then
  local entry = {'d', names}
--#outbox
end
return {1}
