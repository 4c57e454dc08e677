-- Ends a change: saves the state, logs one entry per position, publishes one event. `refs` names what changed, one
-- position each; `body` is what a listener cannot read elsewhere. Log entry: milliseconds, kind, ref; at most 40 bytes.
-- Event: `<ms>-<c> <first c> <unseen> <unread> <badge> <high> <medium> <low> <kind><refs>\n<body>`.
local function finish(state, log, kind, refs, body)
  local first = c + 1
  local entries = {}
  for i = 1, #refs do entries[i] = ms .. kind .. refs[i] end
  c = c + #refs
  redis.call('HSET', state, 'p', struct.pack(STATE, n, b, ms, c, unseen, unread, badge, high, medium, low))
  local length = redis.call('RPUSH', log, unpack(entries))
  if length > 320 then redis.call('LTRIM', log, -256, -1) end
  if length == #refs or math.floor(ms / 3600000) ~= math.floor(m / 3600000) then redis.call('EXPIRE', log, 90000) end
  local counts = unseen .. ' ' .. unread .. ' ' .. badge .. ' ' .. high .. ' ' .. medium .. ' ' .. low
  local position = ms .. '-' .. c
  redis.call('SPUBLISH', state,
    position .. ' ' .. first .. ' ' .. counts .. ' ' .. kind .. table.concat(refs, ',') .. '\n' .. body)
  return position
end
