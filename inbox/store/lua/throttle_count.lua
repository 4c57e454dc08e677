-- Counts an event at a throttle, once per transaction, step and feed, in the open window or in one that it opens.
-- KEYS: 1 window, 2 decision for the transaction's step and feed, 3 state of the feed
-- ARGV: 1 events that a window lets through, 2 length of a new window (ms), 3 seconds for which the decision is kept,
--       4 the subscriber's oid
-- Returns '<1 goes on | 0 throttled> <events in the window so far> <when the window opened (ms)>'; the same again for a
-- transaction that was counted before | -1 (no such feed)
local window, decision_key, feed_state = KEYS[1], KEYS[2], KEYS[3]
local threshold, window_ms, kept_seconds, subscriber_oid = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
if redis.call('HGET', feed_state, 's') ~= subscriber_oid then return -1 end
local decision = redis.call('GET', decision_key)
if decision then return decision end
local count = redis.call('HINCRBY', window, 'count', 1)
if count == 1 then
  local time = redis.call('TIME')
  redis.call('HSET', window, 'opened', string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000)))
  redis.call('PEXPIRE', window, window_ms)
end
local passes = count <= threshold and 1 or 0
decision = string.format('%d %d %s', passes, count, redis.call('HGET', window, 'opened'))
redis.call('SET', decision_key, decision, 'EX', kept_seconds)
return decision
