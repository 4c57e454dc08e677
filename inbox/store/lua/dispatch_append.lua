-- Appends the messages of a dispatch for a few recipients of one bucket and moves the cursor of its share: a second worker
-- finds another cursor and changes nothing, so no message is stored twice and no recipient needs a key of its own.
-- KEYS: 1 share, 2 times (the bucket's index), 3 timers, then one for each content that is stored once, then state, stream, rows and
--       log of each message's feed, then outbox (if events are requested)
-- ARGV: 1 cursor expected ('' at first), 2 cursor afterwards, 3 seconds to keep the share, 4 seconds to keep contents,
--       5 workflow, 6 preference where nothing is set: 1 on, 0 off, c critical, 7 and 8 numbers of these recipients' steps
--       that failed and were skipped, 9 number of rows from which a feed is to be trimmed, 10 and 11 numbers of these
--       recipients' messages that were delivered and suppressed one by one, 12 waiting runs, 13 number of contents, then for
--       each content its text, its name if it is stored once, else '', and the digest of its reference ('' none), then for
--       each message: index of its content, check (3 bytes of the id), severity (0-3), the feed's number, time of its
--       expiry (ms, '' never)
-- Returns {1, {row of each message, 0 suppressed, -1 no such feed}, {its ms}, {indexes of messages whose feeds have a
--       due snooze}, {indexes of messages whose feeds are to be trimmed}} | {0} (another cursor)
local share, times, timers = unpack(KEYS, 1, 3)
local cursor, next_cursor, share_ttl, content_ttl, workflow, preference, failed, skipped, max_rows = unpack(ARGV, 1, 9)
local delivered, suppressed, waiting, content_count = unpack(ARGV, 10, 13)
--#kinds
--#state
--#references
local progress = redis.call('HMGET', share, 'cursor', 'delivered', 'suppressed', 'failed', 'skipped', 'waiting')
if (progress[1] or '') ~= cursor then return {0} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local texts, entries, references, argument, key = {}, {}, {}, 14, 4
for i = 1, tonumber(content_count) do
  texts[i], references[i] = ARGV[argument], ARGV[argument + 2]
  if ARGV[argument + 1] == '' then
    entries[i] = {'d', texts[i]}
  else
    entries[i] = {'r', ARGV[argument + 1]}
    redis.call('SET', KEYS[key], texts[i], 'EX', content_ttl, 'NX')
    key = key + 1
  end
  argument = argument + 3
end

-- most people of a broadcast are offline: one command tells which channels have listeners; the others are not published to
local heard, channels = {}, {}
for i = key, #KEYS - 3, 4 do channels[#channels + 1] = KEYS[i] end
local listeners = #channels > 0 and redis.call('PUBSUB', 'SHARDNUMSUB', unpack(channels)) or {}
for i = 1, #listeners, 2 do heard[listeners[i]] = listeners[i + 1] > 0 end

local appended, appended_ms, due, too_long, records, names = {}, {}, {}, {}, {}, {}
local gone, preference_field = 0, 'w' .. workflow
max_rows, delivered, suppressed = tonumber(max_rows), tonumber(delivered), tonumber(suppressed)
for at = argument, #ARGV, 5 do
  local feed, stream, rows, log = KEYS[key], KEYS[key + 1], KEYS[key + 2], KEYS[key + 3]
  local done = #appended + 1
  key = key + 4
  local state = redis.call('HMGET', feed, 'p', preference_field, 'w*', 'u')
  if not state[1] then
    appended[done], appended_ms[done], gone = -1, now, gone + 1
  elseif preference ~= 'c' and (state[2] or state[3] or preference) == '0' then
    appended[done], appended_ms[done], suppressed = 0, now, suppressed + 1
  else
    local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low =
      struct.unpack(STATE, state[1])
    last_row = last_row + 1
    local row, ms = string.format('%d', last_row), math.max(last_ms, now)
    local flags, sign = 7 + 32 * ARGV[at + 2], 1
--#tally
    local content_number = tonumber(ARGV[at])
    redis.call('XADD', stream, row .. '-0', 'c', string.format('%d', ms), entries[content_number][1], entries[content_number][2])
    redis.call('SETRANGE', rows, string.format('%d', 4 * (last_row - base_row - 1)), string.char(flags) .. ARGV[at + 1])
    if references[content_number] ~= '' then
      redis.call('ZADD', references_of(feed), references[content_number], row)
    end
    if ARGV[at + 4] ~= '' then
      redis.call('ZADD', timers, ARGV[at + 4], 'x' .. struct.pack('>I4I4', ARGV[at + 3], last_row) .. ARGV[at + 1])
    end
    local kind, refs = NEW, {row}
--#log
    if heard[feed] then
      local check, content = ARGV[at + 1], texts[content_number]
--#publish
    end
    appended[done], appended_ms[done], delivered = last_row, ms, delivered + 1
    records[#records + 1] = struct.pack('>I4I4', ARGV[at + 3], last_row)
    names[#records] = records[#records] .. ARGV[at + 1]
    if state[4] and tonumber(state[4]) <= ms then due[#due + 1] = done end
    if last_row - base_row > max_rows then too_long[#too_long + 1] = done end
  end
end
if #records > 0 then redis.call('XADD', times, '*', 'm', table.concat(records)) end
if KEYS[key] and #records > 0 then
  local outbox, entry = KEYS[key], {'n', table.concat(names)}
--#outbox
end
redis.call('HSET', share, 'cursor', next_cursor, 'delivered', (progress[2] or 0) + delivered,
  'suppressed', (progress[3] or 0) + suppressed, 'failed', (progress[4] or 0) + failed,
  'skipped', (progress[5] or 0) + skipped + gone, 'waiting', (progress[6] or 0) + waiting)
redis.call('EXPIRE', share, share_ttl)
return {1, appended, appended_ms, due, too_long}
