-- An event comes to a digest, once per transaction, step and recipient: it joins the open window, or opens one. The run
-- that brought it, if one did, ends.
-- KEYS: 1 window, 2 timers, 3 delivered (the transaction's step and feed), 4 state of the feed, 5 look-back,
--       6 windows that the transaction's events wait in, 7 the transaction's runs, 8 the events that the run goes on with
-- ARGV: 1 the feed's number, 2 where the run stands ('' it begins here), 3 the transaction's name, 4 event, 5 the
--       workflow's name, 6 the workflow, 7 when a new window closes (ms), 8 the timer of a new window, 9 ms of the
--       look-back ('' none), 10 seconds to remember the transaction, 11 most events and 12 most bytes that are kept,
--       13 the run's timer, 14 the window's name, 15 ms for which a transaction remembers its window beyond its end,
--       16 whose feed it is (oid)
-- Returns 1 (opened) | 2 (joined) | 3 (nothing was there to wait for: go on at once) | 0 (it came before) | -1 (no feed)
if redis.call('HGET', KEYS[4], 's') ~= ARGV[16] then return -1 end
if (redis.call('HGET', KEYS[7], ARGV[1]) or '') ~= ARGV[2] then return 0 end
local known = redis.call('GET', KEYS[3])
if known then return known == 'through' and 3 or 0 end
local open = redis.call('HMGET', KEYS[1], 'id', 'due', 'kept', 'bytes', 'last')
if ARGV[9] ~= '' then
  local had = redis.call('SET', KEYS[5], '1', 'PX', ARGV[9], 'GET')
  if not had and not open[1] then
    redis.call('SET', KEYS[3], 'through', 'EX', ARGV[10])
    return 3
  end
end
redis.call('SET', KEYS[3], 'joined', 'EX', ARGV[10])
if not open[1] then
  redis.call('HSET', KEYS[1], 'id', ARGV[3], 'due', ARGV[7])
  redis.call('ZADD', KEYS[2], ARGV[7], ARGV[8])
end
local due = open[2] or ARGV[7]
local kept, bytes = tonumber(open[3] or 0), tonumber(open[4] or 0)
local time = redis.call('TIME')
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
redis.call('HINCRBY', KEYS[1], 'count', 1)
if redis.call('HSETNX', KEYS[1], '=' .. ARGV[5], ARGV[6]) == 1 then bytes = bytes + #ARGV[6] end
-- beyond what is kept there is always room for one more: the last
if kept > 0 and (kept >= tonumber(ARGV[11]) or bytes + #ARGV[4] > tonumber(ARGV[12])) then
  if open[5] then redis.call('HDEL', KEYS[1], 'e' .. open[5]) end
  redis.call('HSET', KEYS[1], 'last', ARGV[3])
else
  kept, bytes = kept + 1, bytes + #ARGV[4]
end
local head = struct.pack('>I4I6', seq, time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], 'kept', kept, 'bytes', bytes, 'e' .. ARGV[3], head .. ARGV[5] .. ARGV[4])
redis.call('HSET', KEYS[6], ARGV[1] .. '.' .. ARGV[14], open[1] or ARGV[3])
local until_ms = string.format('%d', due + ARGV[15])
redis.call('PEXPIREAT', KEYS[6], until_ms, 'NX')
redis.call('PEXPIREAT', KEYS[6], until_ms, 'GT')
if ARGV[2] ~= '' then
  redis.call('HDEL', KEYS[7], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[13])
  redis.call('UNLINK', KEYS[8])
  local runs = KEYS[7]
--#run_left
end
return open[1] and 2 or 1
