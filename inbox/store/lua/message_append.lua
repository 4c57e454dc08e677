-- New messages in feeds, each once per transaction, step and recipient. On a cluster all feeds are of one bucket.
-- KEYS: 1 state, 2 delivered, 3 times (the bucket's index), 4 outbox (if events are requested) of the first message, then the
--       same of each further one. The feed's other keys differ from its state's in the last letter (store/keys.py).
-- ARGV: 1 keys of a message (3 or 4), 2 number of rows from which a feed is to be trimmed, 3 number of contents, then for
--       each content: its text, workflow, preference where nothing is set (1 on, 0 off, c critical), seconds to remember the
--       transaction, severity (0-3), when it expires (ms, '' never), digest of its reference ('' none), then for each
--       message: index of its content, check (3 bytes of the id), the feed's number, the subscriber's oid
-- Returns for each message four numbers: 1 stored, 2 stored before, 3 suppressed or 0 no such feed; its row; ms; what the
--       feed needs: 1 a snooze has ended, wake it; 2 it is too long, trim it
--#kinds
--#state
--#references
local CONTENT, MESSAGE = 7, 4
local stride, max_rows = tonumber(ARGV[1]), tonumber(ARGV[2])
local first_message = 4 + CONTENT * ARGV[3]
local count = #KEYS / stride

-- one command tells which channels have listeners; a single message is published without this question
local heard
if count > 1 then
  local channels = {}
  for i = 1, count do channels[i] = KEYS[stride * (i - 1) + 1] end
  local listeners = redis.call('PUBSUB', 'SHARDNUMSUB', unpack(channels))
  heard = {}
  for i = 1, #listeners, 2 do heard[listeners[i]] = listeners[i + 1] > 0 end
end

local function timers_of(times_key) return string.sub(times_key, 1, -6) .. 'timers' end

local replies = {}
local function reply(status, row, ms, needs)
  local size = #replies
  replies[size + 1], replies[size + 2], replies[size + 3], replies[size + 4] = status, row, ms, needs
end

for i = 1, count do
  local key, arg = stride * (i - 1), first_message + MESSAGE * (i - 1)
  local feed, delivered, times = unpack(KEYS, key + 1, key + 3)
  local at, check, feed_number, oid = unpack(ARGV, arg, arg + 3)
  at = 4 + CONTENT * (at - 1)
  local content, workflow, preference, delivered_ttl, severity, expires_ms, reference = unpack(ARGV, at, at + 6)
  local state = redis.call('HMGET', feed, 'p', 'w' .. workflow, 'w*', 'u', 's')
  if not state[1] or state[5] ~= oid then
    reply(0, 0, 0, 0)
  elseif preference ~= 'c' and (state[2] or state[3] or preference) == '0' then
    reply(3, 0, 0, 0)
  else
    local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low = struct.unpack(STATE, state[1])
    last_row = last_row + 1
    local row = string.format('%d', last_row)
    if not redis.call('SET', delivered, row, 'NX', 'EX', delivered_ttl) then
      reply(2, tonumber(redis.call('GET', delivered)), 0, 0)
    else
      local name = struct.pack('>I4I4', feed_number, last_row)
      -- the index gives the time, so that a message has the same date in both; it never goes back, nor does a feed
      local indexed = redis.call('XADD', times, '*', 'm', name)
      local ms = math.max(last_ms, tonumber(string.match(indexed, '%d+')))
      local flags, sign = 7 + 32 * severity, 1
      local feed_base = string.sub(feed, 1, -2)
      local log = feed_base .. 'g'
--#tally
      redis.call('XADD', feed_base .. 's', row .. '-0', 'c', string.format('%d', ms), 'd', content)
      redis.call('SETRANGE', feed_base .. 'f', string.format('%d', 4 * (last_row - base_row - 1)), string.char(flags) .. check)
      if reference ~= '' then redis.call('ZADD', references_of(feed), reference, row) end
      if expires_ms ~= '' then redis.call('ZADD', timers_of(times), expires_ms, 'x' .. name .. check) end
      local kind, refs = NEW, {row}
--#log
      if not heard or heard[feed] then
--#publish
      end
      if stride > 3 then
        local outbox, entry = KEYS[key + 4], {'n', name .. check}
--#outbox
      end
      local needs = last_row - base_row > max_rows and 2 or 0
      if state[4] and tonumber(state[4]) <= ms then needs = needs + 1 end
      reply(1, last_row, ms, needs)
    end
  end
end
return replies
