#!lua flags=allow-oom
-- Acquires buckets that are due, each for one worker and the time of a lease.
-- The sorted set holds entries `<environment>:<bucket>:<ms>`, at that time, and leases `<environment>:<bucket>`, until their end.
-- Entries of a leased bucket are due again a moment later, so that none that was scheduled meanwhile is missed.
-- KEYS: 1 due buckets; ARGV: 1 lease (ms), 2 maximum number of buckets, 3 ms after which an entry of a held bucket is due again
-- Returns {ms until the next entry, or -1, end of the leases (ms), `<environment>:<bucket>`, …}
local due_buckets, lease_ms, max_buckets, again_ms = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function at(ms) return string.format('%d', ms) end
local acquired, state = {}, {}
local due = redis.call('ZRANGEBYSCORE', due_buckets, '-inf', now, 'LIMIT', 0, 200)
for i = 1, #due do
  local bucket = string.match(due[i], '^%d+:%d+')
  if state[bucket] == nil then
    local lease_end = tonumber(redis.call('ZSCORE', due_buckets, bucket) or 0)
    state[bucket] = lease_end > now and 'held' or 'free'
  end
  if state[bucket] == 'held' then
    redis.call('ZADD', due_buckets, at(now + again_ms), due[i])
  elseif state[bucket] == 'free' and #acquired < max_buckets then
    state[bucket] = 'acquired'
    acquired[#acquired + 1] = bucket
  end
  if state[bucket] == 'acquired' then redis.call('ZREM', due_buckets, due[i]) end
end
for i = 1, #acquired do redis.call('ZADD', due_buckets, at(now + lease_ms), acquired[i]) end
local first = redis.call('ZRANGE', due_buckets, 0, 0, 'WITHSCORES')
return {first[2] and math.max(0, first[2] - now) or -1, now + lease_ms, unpack(acquired)}
