-- Adds an event to a digest, once per transaction, step and recipient: it joins the open window, or opens one. The run
-- that it came from, if any, ends.
-- KEYS: 1 window, 2 timers, 3 delivered (the transaction's step and feed), 4 state of the feed, 5 look-back,
--       6 windows that the transaction's events wait in, 7 the transaction's runs, 8 the events of the run
-- ARGV: 1 the feed's number, 2 the packed run ('' none), 3 the transaction's name, 4 event, 5 the
--       workflow's name, 6 the workflow, 7 when a new window closes (ms), 8 the timer of a new window, 9 ms of the
--       look-back ('' none), 10 lifetime of `delivered` (seconds), 11 maximum events and 12 maximum bytes that are kept,
--       13 the run's timer, 14 the window's name, 15 ms for which a transaction remembers its window beyond its end,
--       16 the subscriber's oid
-- Returns 1 (opened) | 2 (joined) | 3 (nothing was there to wait for: go on at once) | 0 (it came before) | -1 (no feed)
local window, timers, delivered, feed, look_back, waits_in, runs, events = unpack(KEYS)
local feed_number, standing, transaction, event, workflow_name, workflow, due_ms, window_timer = unpack(ARGV, 1, 8)
local look_back_ms, delivered_ttl, max_events, max_bytes, run_timer = unpack(ARGV, 9, 13)
local window_name, joined_ttl_ms, oid = unpack(ARGV, 14, 16)
if redis.call('HGET', feed, 's') ~= oid then return -1 end
if (redis.call('HGET', runs, feed_number) or '') ~= standing then return 0 end
local earlier = redis.call('GET', delivered)
if earlier then return earlier == 'through' and 3 or 0 end
local open = redis.call('HMGET', window, 'id', 'due', 'kept', 'bytes', 'last')
if look_back_ms ~= '' then
  local looked_back = redis.call('SET', look_back, '1', 'PX', look_back_ms, 'GET')
  if not looked_back and not open[1] then
    redis.call('SET', delivered, 'through', 'EX', delivered_ttl)
    return 3
  end
end
redis.call('SET', delivered, 'joined', 'EX', delivered_ttl)
if not open[1] then
  redis.call('HSET', window, 'id', transaction, 'due', due_ms)
  redis.call('ZADD', timers, due_ms, window_timer)
end
local due = open[2] or due_ms
local kept, bytes = tonumber(open[3] or 0), tonumber(open[4] or 0)
local time = redis.call('TIME')
local seq = redis.call('HINCRBY', window, 'seq', 1)
redis.call('HINCRBY', window, 'count', 1)
if redis.call('HSETNX', window, '=' .. workflow_name, workflow) == 1 then bytes = bytes + #workflow end
-- beyond what is kept there is always room for one more: the last
if kept > 0 and (kept >= tonumber(max_events) or bytes + #event > tonumber(max_bytes)) then
  if open[5] then redis.call('HDEL', window, 'e' .. open[5]) end
  redis.call('HSET', window, 'last', transaction)
else
  kept, bytes = kept + 1, bytes + #event
end
local head = struct.pack('>I4I6', seq, time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', window, 'kept', kept, 'bytes', bytes, 'e' .. transaction, head .. workflow_name .. event)
redis.call('HSET', waits_in, feed_number .. '.' .. window_name, open[1] or transaction)
local until_ms = string.format('%d', due + joined_ttl_ms)
redis.call('PEXPIREAT', waits_in, until_ms, 'NX')
redis.call('PEXPIREAT', waits_in, until_ms, 'GT')
if standing ~= '' then
  redis.call('HDEL', runs, feed_number)
  redis.call('ZREM', timers, run_timer)
  redis.call('UNLINK', events)
--#run_left
end
return open[1] and 2 or 1
