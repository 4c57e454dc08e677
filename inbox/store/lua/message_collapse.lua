-- A new message in a feed that takes the place of the unread one with the same key, if there is one: the id stays, the
-- content is new, and it goes to the top as a new row, unseen and unread. Once per transaction, step and recipient.
-- KEYS: 1 state, 2 stream, 3 rows, 4 log, 5 delivered, 6 times (the bucket's index), 7 timers, 8 side, 9 collapses,
--       10 outbox (if events are requested)
-- ARGV: 1 content, 2 check (3 bytes of the id), 3 workflow, 4 preference where nothing is set: 1 on, 0 off, c critical,
--       5 seconds to remember the transaction, 6 severity (0-3), 7 the feed's number, 8 when it expires (ms, '' never),
--       9 number of rows from which the feed is to be trimmed, 10 the subscriber's oid, 11 digest of its reference ('' none),
--       12 the key's field in collapses, 13 increment of the count when it replaces a message (0 or 1), 14 the count that
--       the content was made with ('' any will do), 15 seconds to keep collapses
-- A field of collapses: the row and check of the message's id (4 and 3 bytes), then how many it counts (4 bytes).
-- Returns {1, position, n, what the feed needs (see message_append), row and check of the message's id}
--       | {0, 'again', n} | {0, 'suppressed'} | {0, 'count', the count to make the content with} | {-1} (no such feed)
local feed, stream, rows, log, delivered, times, timers, sides, collapses, outbox = unpack(KEYS)
local content, new_check, workflow, preference, delivered_ttl, severity, feed_number, expires_ms = unpack(ARGV, 1, 8)
local max_rows, oid, reference, collapse_field, increment, rendered_count, collapses_ttl = unpack(ARGV, 9, 15)
--#kinds
--#state
--#references
local RECORD = '>I4c3I4'
local state = redis.call('HMGET', feed, 'p', 'w' .. workflow, 'w*', 'u', 's')
if not state[1] or state[5] ~= oid then return {-1} end
if preference ~= 'c' and (state[2] or state[3] or preference) == '0' then return {0, 'suppressed'} end
local stored_row = redis.call('GET', delivered)
if stored_row then return {0, 'again', tonumber(stored_row)} end
local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low = struct.unpack(STATE, state[1])
--#find
--#dates
last_row = last_row + 1
local row = string.format('%d', last_row)
local id_row, check, count, old_row, old_flags = last_row, new_check, 1, nil, nil
local record = redis.call('HGET', collapses, collapse_field)
if record then
  local old_id_row, old_check, old_count = struct.unpack(RECORD, record)
  old_row, old_flags = find(rows, sides, old_id_row, old_check)
  if old_row and bit.band(old_flags, 28) == 4 then -- unread, neither archived nor snoozed
    id_row, check, count = old_id_row, old_check, old_count + increment
  else
    old_row = nil
  end
end
if rendered_count ~= '' and count ~= tonumber(rendered_count) then return {0, 'count', count} end
redis.call('SET', delivered, row, 'EX', delivered_ttl)
local indexed = redis.call('XADD', times, '*', 'm', struct.pack('>I4I4', feed_number, last_row))
local ms = math.max(last_ms, tonumber(string.match(indexed, '%d+')))
if old_row then
  local flags, sign = old_flags, -1
--#tally
  redis.call('SETRANGE', rows, string.format('%d', 4 * (old_row - base_row - 1)), '\0')
  redis.call('XDEL', stream, string.format('%d-0', old_row))
  redis.call('HDEL', sides, string.format('%d', old_row), string.format('e%d', old_row))
  redis.call('ZREM', references_of(feed), old_row)
  redis.call('HSET', sides, row, pack_side({change_count + 1, 0, 0, 0, 0, 0, id_row, ''}),
    string.format('o%d', id_row), row)
end
local flags, sign = 7 + 32 * severity, 1
--#tally
redis.call('XADD', stream, row .. '-0', 'c', string.format('%d', ms), 'd', content)
redis.call('SETRANGE', rows, string.format('%d', 4 * (last_row - base_row - 1)), string.char(flags) .. check)
if reference ~= '' then redis.call('ZADD', references_of(feed), reference, row) end
local timer = 'x' .. struct.pack('>I4I4', feed_number, id_row) .. check
if expires_ms ~= '' then redis.call('ZADD', timers, expires_ms, timer) elseif old_row then redis.call('ZREM', timers, timer) end
if not record then -- one more: two of any are looked at, so that those of messages that are gone do not pile up
  for _, field in ipairs(redis.call('HRANDFIELD', collapses, 2)) do
    local other_id_row, other_check = struct.unpack(RECORD, redis.call('HGET', collapses, field))
    if not find(rows, sides, other_id_row, other_check) then redis.call('HDEL', collapses, field) end
  end
end
redis.call('HSET', collapses, collapse_field, struct.pack(RECORD, id_row, check, count))
redis.call('EXPIRE', collapses, collapses_ttl)
local kind, refs, content = old_row and COLLAPSED or NEW, {row}, old_row and '' or content
--#log
--#publish
if outbox then
  local entry = {'n', struct.pack('>I4I4', feed_number, id_row) .. check}
--#outbox
end
local needs = last_row - base_row > tonumber(max_rows) and 2 or 0
if state[4] and tonumber(state[4]) <= ms then needs = needs + 1 end
return {1, position, last_row, needs, id_row, check}
