-- Appends the messages of a dispatch for a few recipients of one bucket and moves the cursor of its share: a second worker
-- finds another cursor and changes nothing, so no message is stored twice and no recipient needs a key of its own.
-- KEYS: 1 share, 2 times (the bucket's index), then one for each content that is stored once, then the state of each message's
--       feed, then outbox (if events are requested). A feed's other keys differ from its state's in the last letter
-- ARGV: 1 cursor expected ('' at first), 2 cursor afterwards, 3 seconds to keep the share, 4 seconds to keep contents,
--       5 workflow, 6 preference where nothing is set: 1 on, 0 off, c critical, 7 number of rows from which a feed is to be
--       trimmed, then numbers of these recipients' messages and steps: 8 delivered and 9 suppressed one by one, 10 failed,
--       11 skipped, 12 waiting; 13 number of contents, then for each content its text, its name if it is stored once, else '',
--       severity (0-3), when it expires (ms, '' never) and the digest of its reference ('' none), then for each message: index
--       of its content, check (3 bytes of the id), the feed's number
-- Returns {1, then for each message four numbers as of message_append} | {0} (another cursor)
local share, times = KEYS[1], KEYS[2]
local cursor, next_cursor, share_ttl, content_ttl, workflow, preference, max_rows = unpack(ARGV, 1, 7)
--#kinds
--#state
local CONTENT, MESSAGE, CONTENTS = 5, 3, 14
local DELIVERED, SUPPRESSED, SKIPPED, COUNTS = 1, 2, 4, {'delivered', 'suppressed', 'failed', 'skipped', 'waiting'}
local progress = redis.call('HMGET', share, 'cursor', unpack(COUNTS))
if (progress[1] or '') ~= cursor then return {0} end
max_rows = tonumber(max_rows)

local time = redis.call('TIME')
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))

local key, first_message = 3, CONTENTS + CONTENT * ARGV[13]
for at = CONTENTS, first_message - 1, CONTENT do
  if ARGV[at + 1] ~= '' then
    redis.call('SET', KEYS[key], ARGV[at], 'EX', content_ttl, 'NX')
    key = key + 1
  end
end
local heard, channels = nil, {unpack(KEYS, key, key - 1 + (#ARGV + 1 - first_message) / MESSAGE)}
--#heard

local counts, records, names, replies = {unpack(ARGV, 8, 12)}, {}, {}, {1}
local preference_field, index = 'w' .. workflow, nil
local content, content_name, severity, expires_ms, reference, field, value
for at = first_message, #ARGV, MESSAGE do
  local feed, check, date = KEYS[key], ARGV[at + 1], now
  if ARGV[at] ~= index then -- most batches have one content
    index = ARGV[at]
    content, content_name, severity, expires_ms, reference =
      unpack(ARGV, CONTENTS + CONTENT * (index - 1), CONTENTS - 1 + CONTENT * index)
    severity, field, value = tonumber(severity), 'd', content
    if content_name ~= '' then field, value = 'r', content_name end
  end
  local status, stored, ms, needs = 0, 0, 0, 0
  local state = redis.call('HMGET', feed, 'p', 'u', preference_field, 'w*')
  if not state[1] then
    counts[SKIPPED] = counts[SKIPPED] + 1
  elseif preference ~= 'c' and (state[3] or state[4] or preference) == '0' then
    status, counts[SUPPRESSED] = 3, counts[SUPPRESSED] + 1
  else
    local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low = struct.unpack(STATE, state[1])
    last_row = last_row + 1
    local row, name, snooze_end = string.format('%d', last_row), struct.pack('>I4I4', ARGV[at + 2], last_row), state[2]
--#append
    status, stored, counts[DELIVERED] = 1, last_row, counts[DELIVERED] + 1
    records[#records + 1] = name
    names[#records] = name .. check
  end
  local reply = #replies
  replies[reply + 1], replies[reply + 2], replies[reply + 3], replies[reply + 4] = status, stored, ms, needs
  key = key + 1
end
if #records > 0 then redis.call('XADD', times, '*', 'm', table.concat(records)) end
if KEYS[key] and #records > 0 then
  local outbox, entry = KEYS[key], {'n', table.concat(names)}
--#outbox
end

local changes = {'cursor', next_cursor}
for i = 1, #COUNTS do
  local count = tonumber(counts[i])
  if count > 0 then
    changes[#changes + 1], changes[#changes + 2] = COUNTS[i], string.format('%d', (progress[i + 1] or 0) + count)
  end
end
redis.call('HSET', share, unpack(changes))
redis.call('EXPIRE', share, share_ttl)
return replies
