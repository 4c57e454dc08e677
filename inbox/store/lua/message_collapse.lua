-- A new message in a feed that takes the place of the unread one with the same key, if there is one: the id stays, the
-- content is new, and it goes to the top as a new row, unseen and unread. Once per transaction, step and recipient.
-- KEYS: 1 state, 2 stream, 3 rows, 4 log, 5 delivered, 6 times (the bucket's index), 7 timers, 8 side, 9 collapses,
--       10 outbox (where events are wanted)
-- ARGV: 1 content, 2 check (3 bytes of the id), 3 workflow, 4 preference where nothing is set: 1 on, 0 off, c critical,
--       5 seconds to remember the transaction, 6 severity (0-3), 7 the feed's number, 8 when it expires (ms, '' never),
--       9 how many rows may stand before the feed is to be trimmed, 10 whose feed it is (oid), 11 the key's field in
--       collapses, 12 by how much the count goes up when it takes a place (0 or 1), 13 the count that the content was made
--       with ('' any will do), 14 seconds to keep collapses
-- A field of collapses: the row and check of the message's id (4 and 3 bytes), then how many it counts (4 bytes).
-- Returns {1, position, n, what the feed needs (see message_append), row and check of the message's id}
--       | {0, 'again', n} | {0, 'suppressed'} | {0, 'count', the count to make the content with} | {-1} (no such feed)
--#state
local RECORD = '>I4c3I4'
local state = redis.call('HMGET', KEYS[1], 'p', 'w' .. ARGV[3], 'w*', 'u', 's')
if not state[1] or state[5] ~= ARGV[10] then return {-1} end
if ARGV[4] ~= 'c' and (state[2] or state[3] or ARGV[4]) == '0' then return {0, 'suppressed'} end
local known = redis.call('GET', KEYS[5])
if known then return {0, 'again', tonumber(known)} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, state[1])
--#find
--#dates
n = n + 1
local row = string.format('%d', n)
local named, check, count, from, was = n, ARGV[2], 1, nil, nil
local record = redis.call('HGET', KEYS[9], ARGV[11])
if record then
  local origin, sign_of, counted = struct.unpack(RECORD, record)
  from, was = find(KEYS[3], KEYS[8], origin, sign_of)
  if from and bit.band(was, 28) == 4 then -- unread, neither archived nor snoozed
    named, check, count = origin, sign_of, counted + ARGV[12]
  else
    from = nil
  end
end
if ARGV[13] ~= '' and count ~= tonumber(ARGV[13]) then return {0, 'count', count} end
redis.call('SET', KEYS[5], row, 'EX', ARGV[5])
local indexed = redis.call('XADD', KEYS[6], '*', 'm', struct.pack('>I4I4', ARGV[7], n))
local ms = math.max(m, tonumber(string.match(indexed, '%d+')))
if from then
  local flags, sign = was, -1
--#tally
  redis.call('SETRANGE', KEYS[3], string.format('%d', 4 * (from - b - 1)), '\0')
  redis.call('XDEL', KEYS[2], string.format('%d-0', from))
  redis.call('HDEL', KEYS[8], string.format('%d', from))
  redis.call('HSET', KEYS[8], row, pack_row({c + 1, 0, 0, 0, 0, 0, named, ''}), string.format('o%d', named), row)
end
local flags, sign = 7 + 32 * ARGV[6], 1
--#tally
redis.call('XADD', KEYS[2], row .. '-0', 'c', string.format('%d', ms), 'd', ARGV[1])
redis.call('SETRANGE', KEYS[3], string.format('%d', 4 * (n - b - 1)), string.char(flags) .. check)
local timer = 'x' .. struct.pack('>I4I4', ARGV[7], named) .. check
if ARGV[8] ~= '' then redis.call('ZADD', KEYS[7], ARGV[8], timer) elseif from then redis.call('ZREM', KEYS[7], timer) end
if not record then -- one more: two of any are looked at, so that those of messages that are gone do not pile up
  for _, field in ipairs(redis.call('HRANDFIELD', KEYS[9], 2)) do
    local origin, sign_of = struct.unpack(RECORD, redis.call('HGET', KEYS[9], field))
    if not find(KEYS[3], KEYS[8], origin, sign_of) then redis.call('HDEL', KEYS[9], field) end
  end
end
redis.call('HSET', KEYS[9], ARGV[11], struct.pack(RECORD, named, check, count))
redis.call('EXPIRE', KEYS[9], ARGV[14])
local feed, log, kind, refs, content = KEYS[1], KEYS[4], from and 'm' or 'n', {row}, from and '' or ARGV[1]
--#log
--#publish
if KEYS[10] then
  local outbox, entry = KEYS[10], {'n', struct.pack('>I4I4', ARGV[7], named) .. check}
--#outbox
end
local needs = n - b > tonumber(ARGV[9]) and 2 or 0
if state[4] and tonumber(state[4]) <= ms then needs = needs + 1 end
return {1, position, n, needs, named, check}
