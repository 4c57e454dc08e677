-- Adds events of one bucket to an environment's stream, unless somebody else has added them by now.
-- KEYS: 1 stream, 2 cursors: the last entry of each bucket's outbox that is in the stream
-- ARGV: 1 bucket, 2 its cursor as the caller knows it ('' none), 3 its cursor afterwards, 4 how many events the stream keeps,
--       then id, type and JSON of each
-- Returns 1 | 0 (another cursor)
if (redis.call('HGET', KEYS[2], ARGV[1]) or '') ~= ARGV[2] then return 0 end
for i = 5, #ARGV, 3 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], '*', 'id', ARGV[i], 'type', ARGV[i + 1], 'event', ARGV[i + 2])
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 1
