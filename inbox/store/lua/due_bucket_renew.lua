#!lua flags=allow-oom
-- Renews a lease, releases the bucket as due (0 ms) or ends the lease, unless another process has acquired the bucket.
-- KEYS: 1 due buckets; ARGV: 1 `<environment>:<bucket>`, 2 the lease's end as its holder knows it, 3 ms from now to its new end
--       ('' ends it)
-- Returns the new end (ms since 1970; 0 ended) | -1 (another process has it)
local due_buckets, bucket, known_end, lease_ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local lease_end = redis.call('ZSCORE', due_buckets, bucket)
if not lease_end or tonumber(lease_end) ~= tonumber(known_end) then return -1 end
if lease_ms == '' then
  redis.call('ZREM', due_buckets, bucket)
  return 0
end
local time = redis.call('TIME')
local new_end = time[1] * 1000 + math.floor(time[2] / 1000) + lease_ms
redis.call('ZADD', due_buckets, string.format('%d', new_end), bucket)
return new_end
