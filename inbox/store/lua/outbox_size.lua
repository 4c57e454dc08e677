#!lua flags=no-writes
-- Counts the entries of an outbox and the dropped ones: all that were added, less those removed and those present.
-- KEYS: 1 outbox, 2 its progress; ARGV: none. Returns {entries, entries dropped because there were too many}
local outbox, progress = unpack(KEYS)
if redis.call('EXISTS', outbox) == 0 then return {0, 0} end
local info, entries, added = redis.call('XINFO', 'STREAM', outbox), redis.call('XLEN', outbox), 0
for i = 1, #info, 2 do
  if info[i] == 'entries-added' then added = info[i + 1] end
end
return {entries, added - entries - (redis.call('HGET', progress, 'removed') or 0)}
