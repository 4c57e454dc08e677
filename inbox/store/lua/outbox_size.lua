-- How full an outbox is, and how much it has lost: what was ever added, less what was told and what is there.
-- KEYS: 1 outbox, 2 its progress; ARGV: none. Returns {entries, entries dropped because there were too many}
if redis.call('EXISTS', KEYS[1]) == 0 then return {0, 0} end
local info, entries, added = redis.call('XINFO', 'STREAM', KEYS[1]), redis.call('XLEN', KEYS[1]), 0
for i = 1, #info, 2 do
  if info[i] == 'entries-added' then added = info[i + 1] end
end
return {entries, added - entries - (redis.call('HGET', KEYS[2], 'removed') or 0)}
