#!lua flags=allow-oom
-- Deletes rows in bulk. The caller computed the change from the feed at a position. Their contents cannot be read from
-- now on; feed_purge removes them in batches.
-- KEYS: 1 state, 2 rows, 3 log, 4 purge, 5 outbox (if events are requested)
-- ARGV: 1 counter of that position, 2 all rows after the change, 3-8 the counts after it (unseen, unread, badge, high,
--       medium, low), 9 row (4 bytes) and check of the id of each message, 10 whether each has a position of its own
--       (1, at most 20) or all have one (0), 11 the feed's number, then the rows in batches of at most 64, four bytes each
-- Returns {1, position} | {0, 'retry'} (the feed has moved on) | {0} (no such feed)
local feed, rows_key, log, purge, outbox = unpack(KEYS)
local read_counter, rows, new_unseen, new_unread, new_badge, new_high, new_medium, new_low = unpack(ARGV, 1, 8)
local ids, is_named, feed_number = unpack(ARGV, 9, 11)
--#kinds
--#state
local packed = redis.call('HGET', feed, 'p')
if not packed then return {0} end
local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
if change_count ~= tonumber(read_counter) then return {0, 'retry'} end
--#now
redis.call('SET', rows_key, rows)
unseen, unread, badge = tonumber(new_unseen), tonumber(new_unread), tonumber(new_badge)
high, medium, low = tonumber(new_high), tonumber(new_medium), tonumber(new_low)
redis.call('RPUSH', purge, unpack(ARGV, 12))
local NAME = '>I4c3'
local kind, refs, check, content = BULK_DELETED, {string.format('%d', change_count + 1)}, '', ids
if is_named == '1' then kind, refs, content = DELETED, {}, '' end
for at = 1, kind == DELETED and #ids or 0, 7 do
  local row, row_check = struct.unpack(NAME, ids, at)
  refs[#refs + 1], check = string.format('%d', row), check .. row_check
end
--#log
--#bodies
--#publish
if outbox then
  local names, number = {}, struct.pack('>I4', feed_number)
  for at = 1, #ids, 7 do names[#names + 1] = number .. string.sub(ids, at, at + 6) end
  local entry = {'d', table.concat(names)}
--#outbox
end
return {1, position}
