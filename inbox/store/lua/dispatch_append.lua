-- The messages of a dispatch for a few recipients of one bucket, together with how far its share has come: a second worker
-- finds another cursor and changes nothing, so nobody gets a message twice and no recipient needs a key of its own.
-- KEYS: 1 share, 2 times (the bucket's index), 3 timers, then one for each content that is stored once, then state, stream, rows and
--       log of each message's feed, then outbox (where events are wanted)
-- ARGV: 1 cursor expected ('' at first), 2 cursor afterwards, 3 seconds to keep the share, 4 seconds to keep contents,
--       5 workflow, 6 preference where nothing is set: 1 on, 0 off, c critical, 7 and 8 how many of these recipients' steps
--       failed and were skipped, 9 how many rows may stand before a feed is to be trimmed, 10 and 11 how many of these
--       recipients' messages were delivered and suppressed one by one, 12 how many runs wait, 13 how many contents, then of
--       each its text and its name where it is stored once, else '', then of each message: which content, check (3 bytes of
--       the id), severity (0-3), the feed's number, when it expires (ms, '' never)
-- Returns {1, {row of each message, 0 suppressed, -1 no such feed}, {its ms}, {places of feeds with a snooze to wake},
--       {places of feeds to trim}} | {0} (another cursor)
--#state
local share = redis.call('HMGET', KEYS[1], 'cursor', 'delivered', 'suppressed', 'failed', 'skipped', 'waiting')
if (share[1] or '') ~= ARGV[1] then return {0} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local texts, entries, place, key = {}, {}, 14, 4
for i = 1, tonumber(ARGV[13]) do
  texts[i] = ARGV[place]
  if ARGV[place + 1] == '' then
    entries[i] = {'d', texts[i]}
  else
    entries[i] = {'r', ARGV[place + 1]}
    redis.call('SET', KEYS[key], texts[i], 'EX', ARGV[4], 'NX')
    key = key + 1
  end
  place = place + 2
end

-- most people of a broadcast are not there: whom nobody listens to is found out at once, and spared the event
local heard, states = {}, {}
for i = key, #KEYS - 3, 4 do states[#states + 1] = KEYS[i] end
local listeners = #states > 0 and redis.call('PUBSUB', 'SHARDNUMSUB', unpack(states)) or {}
for i = 1, #listeners, 2 do heard[listeners[i]] = listeners[i + 1] > 0 end

local given, times, due, long, records, told = {}, {}, {}, {}, {}, {}
local most = tonumber(ARGV[9])
local delivered, suppressed, gone = tonumber(ARGV[10]), tonumber(ARGV[11]), 0
local chosen, default = 'w' .. ARGV[5], ARGV[6]
for at = place, #ARGV, 5 do
  local feed, stream, rows, log = KEYS[key], KEYS[key + 1], KEYS[key + 2], KEYS[key + 3]
  local done = #given + 1
  key = key + 4
  local state = redis.call('HMGET', feed, 'p', chosen, 'w*', 'u')
  if not state[1] then
    given[done], times[done], gone = -1, now, gone + 1
  elseif default ~= 'c' and (state[2] or state[3] or default) == '0' then
    given[done], times[done], suppressed = 0, now, suppressed + 1
  else
    local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, state[1])
    n = n + 1
    local row, ms = string.format('%d', n), math.max(m, now)
    local flags, sign = 7 + 32 * ARGV[at + 2], 1
--#tally
    local which = tonumber(ARGV[at])
    redis.call('XADD', stream, row .. '-0', 'c', string.format('%d', ms), entries[which][1], entries[which][2])
    redis.call('SETRANGE', rows, string.format('%d', 4 * (n - b - 1)), string.char(flags) .. ARGV[at + 1])
    if ARGV[at + 4] ~= '' then
      redis.call('ZADD', KEYS[3], ARGV[at + 4], 'x' .. struct.pack('>I4I4', ARGV[at + 3], n) .. ARGV[at + 1])
    end
    local kind, refs = 'n', {row}
--#log
    if heard[feed] then
      local check, content = ARGV[at + 1], texts[which]
--#publish
    end
    given[done], times[done], delivered = n, ms, delivered + 1
    records[#records + 1] = struct.pack('>I4I4', ARGV[at + 3], n)
    told[#records] = records[#records] .. ARGV[at + 1]
    if state[4] and tonumber(state[4]) <= ms then due[#due + 1] = done end
    if n - b > most then long[#long + 1] = done end
  end
end
if #records > 0 then redis.call('XADD', KEYS[2], '*', 'm', table.concat(records)) end
if KEYS[key] and #records > 0 then
  local outbox, entry = KEYS[key], {'n', table.concat(told)}
--#outbox
end
redis.call('HSET', KEYS[1], 'cursor', ARGV[2], 'delivered', (share[2] or 0) + delivered,
  'suppressed', (share[3] or 0) + suppressed, 'failed', (share[4] or 0) + ARGV[7],
  'skipped', (share[5] or 0) + ARGV[8] + gone, 'waiting', (share[6] or 0) + ARGV[12])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return {1, given, times, due, long}
