-- Adds events of one bucket to an environment's stream, unless another process has added them.
-- KEYS: 1 stream, 2 cursors: the last entry of each bucket's outbox that is in the stream
-- ARGV: 1 bucket, 2 its expected cursor ('' none), 3 its next cursor, 4 number of events that the stream keeps,
--       then id, type and JSON of each event
-- Returns 1 | 0 (another cursor)
local stream, cursors = unpack(KEYS)
local bucket, cursor, next_cursor, max_events = unpack(ARGV, 1, 4)
if (redis.call('HGET', cursors, bucket) or '') ~= cursor then return 0 end
for i = 5, #ARGV, 3 do
  redis.call('XADD', stream, 'MAXLEN', '~', max_events, '*', 'id', ARGV[i], 'type', ARGV[i + 1], 'event', ARGV[i + 2])
end
redis.call('HSET', cursors, bucket, next_cursor)
return 1
