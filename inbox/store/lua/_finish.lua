-- Ends a change: saves the state, logs one entry per position, publishes one event. `refs` names what changed, one
-- position each; `check` and `content` are what a listener cannot read elsewhere.
-- Log entry: milliseconds, kind, ref; at most 40 bytes.
-- Event: `<ms>-<c> <first c> <unseen> <unread> <badge> <high> <medium> <low> <kind><refs>\n<check><content>`.
-- What costs here beside the calls: numbers, which %d writes three times as fast as `..`, and every string that holds
-- the content, because Lua hashes each byte of a string it makes; so there is only one.
local function finish(state, log, kind, refs, check, content)
  local first = c + 1
  local entry = string.format('%d', ms) .. kind
  local entries = {}
  for i = 1, #refs do entries[i] = entry .. refs[i] end
  c = c + #refs
  redis.call('HSET', state, 'p', struct.pack(STATE, n, b, ms, c, unseen, unread, badge, high, medium, low))
  local length = redis.call('RPUSH', log, unpack(entries))
  if length > 320 then redis.call('LTRIM', log, -256, -1) end
  if length == #refs or math.floor(ms / 3600000) ~= math.floor(m / 3600000) then redis.call('EXPIRE', log, 90000) end
  local position = string.format('%d-%d', ms, c)
  local counts = string.format('%d %d %d %d %d %d', unseen, unread, badge, high, medium, low)
  local head = string.format('%s %d %s %s', position, first, counts, kind) .. table.concat(refs, ',')
  redis.call('SPUBLISH', state, head .. '\n' .. check .. content)
  return position
end
