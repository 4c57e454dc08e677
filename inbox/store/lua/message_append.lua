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
local CONTENT, MESSAGE, DATE_DIGITS, field = 7, 4, 13, 'd'
local stride, max_rows = tonumber(ARGV[1]), tonumber(ARGV[2])
local first_message = 4 + CONTENT * ARGV[3]

-- a single message is published without the question who listens
local heard
if #KEYS > stride then
  local channels = {}
  for key = 1, #KEYS, stride do channels[#channels + 1] = KEYS[key] end
--#heard
end

local replies, arg, index = {}, first_message, nil
local value, preference_field, preference, delivered_ttl, severity, expires_ms, reference
for key = 1, #KEYS, stride do
  local feed, times, check = KEYS[key], KEYS[key + 2], ARGV[arg + 1]
  if ARGV[arg] ~= index then -- most calls have one content
    index = ARGV[arg]
    local workflow
    value, workflow, preference, delivered_ttl, severity, expires_ms, reference =
      unpack(ARGV, 4 + CONTENT * (index - 1), 3 + CONTENT * index)
    preference_field, severity = 'w' .. workflow, tonumber(severity)
  end
  local status, stored, ms, needs = 0, 0, 0, 0
  local state = redis.call('HMGET', feed, 'p', 's', 'u', preference_field, 'w*')
  if state[1] and state[2] == ARGV[arg + 3] then
    local snooze_end = state[3]
    local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low = struct.unpack(STATE, state[1])
    last_row = last_row + 1
    local row = string.format('%d', last_row)
    if preference ~= 'c' and (state[4] or state[5] or preference) == '0' then
      status = 3
    else
      local stored_before = redis.call('SET', KEYS[key + 1], row, 'NX', 'GET', 'EX', delivered_ttl)
      if stored_before then
        status, stored = 2, tonumber(stored_before)
      else
        local name, content = struct.pack('>I4I4', ARGV[arg + 2], last_row), value
        -- the index gives the time, so that a message has the same date in both
        local date = string.sub(redis.call('XADD', times, '*', 'm', name), 1, DATE_DIGITS)
--#append
        if stride > 3 then
          local outbox, entry = KEYS[key + 3], {'n', name .. check}
--#outbox
        end
        status, stored = 1, last_row
      end
    end
  end
  local reply = #replies
  replies[reply + 1], replies[reply + 2], replies[reply + 3], replies[reply + 4] = status, stored, ms, needs
  arg = arg + MESSAGE
end
return replies
